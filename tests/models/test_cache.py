"""Embeddings on disk: the same bits, or computed again; never something else."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from medsam.models.cache import CachedModel, CacheNote
from medsam.models.contract import Embedding, PromptableModel


class Thirds(PromptableModel):
    """Its features are a third of the image's values."""

    name = "thirds"
    accepts = frozenset({"points", "box"})

    def __init__(self, weights="0"):
        self.embedded, self.weights = 0, weights

    def embed(self, image):
        self.embedded += 1
        return Embedding(image.astype(np.float32)[None] / 3, image.shape[:2])

    def predict(self, embedding, prompts, *, multimask=True):
        raise AssertionError("not asked here")

    def provenance(self):
        return {"sha256": self.weights}


def image(seed=0, size=8):
    return np.random.default_rng(seed).integers(0, 256, (size, size + 1, 3), np.uint8)


def embeddings(folder):
    return sorted(folder.glob("*.npz"))


def test_computed_once_and_the_same_bits(tmp_path):
    cached = CachedModel(Thirds(), tmp_path)
    first, again = cached.embed(image()), cached.embed(image())
    assert (cached.model.embedded, cached.hits, cached.misses) == (1, 1, 1)
    assert first.features.tobytes() == again.features.tobytes()
    assert (again.features.dtype, again.image_size) == (np.float32, (8, 9))
    other = CachedModel(Thirds(), tmp_path)  # as in another process
    other.embed(image())
    assert other.model.embedded == 0


def test_what_an_embedding_depends_on(tmp_path):
    class Other(Thirds):
        name = "other"

    def computed(model, picture):
        CachedModel(model, tmp_path).embed(picture)
        return model.embedded

    assert computed(Thirds(), image()) == 1
    assert computed(Thirds(), image()) == 0
    assert computed(Thirds(), image(1)) == 1
    # The same bytes in another shape.
    assert computed(Thirds(), image().reshape(9, 8, 3)) == 1
    assert computed(Thirds(weights="1"), image()) == 1
    assert computed(Other(), image()) == 1
    assert len(embeddings(tmp_path)) == 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content, other: content[: len(content) // 2],
        lambda content, other: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
        lambda content, other: other,
    ],
    ids=["torn", "changed", "whole file of another image"],
)
def test_a_spoilt_file_is_reported_and_computed_again(tmp_path, spoil):
    cached = CachedModel(Thirds(), tmp_path)
    good = cached.embed(image()).features
    (path,) = embeddings(tmp_path)
    CachedModel(Thirds(), tmp_path).embed(image(1))
    (other,) = set(embeddings(tmp_path)) - {path}
    path.write_bytes(spoil(path.read_bytes(), other.read_bytes()))
    with pytest.warns(CacheNote, match=r"not used: it .* It is computed again"):
        again = cached.embed(image()).features
    np.testing.assert_array_equal(again, good)
    cached.embed(image())
    assert cached.model.embedded == 2


def test_a_full_folder_keeps_what_is_there(tmp_path):
    """Six images in the same order again and again, room for five: five are found each time."""
    CachedModel(Thirds(), tmp_path / "one").embed(image())
    size = embeddings(tmp_path / "one")[0].stat().st_size
    cached = CachedModel(Thirds(), tmp_path / "some", limit=5 * size)
    for _ in range(3):
        for seed in range(6):
            assert np.array_equal(
                cached.embed(image(seed)).features[0], image(seed) / np.float32(3)
            )
    assert (cached.hits, cached.misses, cached.left_out) == (10, 8, 3)
    assert len(embeddings(tmp_path / "some")) == 5
    assert cached.summary.endswith("10 found, 8 computed, 3 of them not kept: the folder is full.")


def test_what_a_killed_process_left_is_deleted_after_an_hour(tmp_path):
    old, new = tmp_path / ".a.npz-1.tmp", tmp_path / ".b.npz-2.tmp"
    for half in (old, new):
        half.write_bytes(b"half")
    os.utime(old, (1, 1))
    CachedModel(Thirds(), tmp_path).embed(image())
    assert (old.exists(), new.exists(), len(embeddings(tmp_path))) == (False, True, 1)


def test_several_processes_at_once(tmp_path):
    """Two processes write while this one reads: nothing is ever wrong."""
    limit = 6 * 4 * 64 * 65 * 3
    code = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}]
import test_cache as t
cached = t.CachedModel(t.Thirds(), t.Path({str(tmp_path)!r}), limit={limit})
for n in range(16): cached.embed(t.image(n % 8, 64))
"""
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    cached, wanted = CachedModel(Thirds(), tmp_path, limit=limit), Thirds()
    while any(process.poll() is None for process in running):
        for seed in range(8):
            one = image(seed, 64)
            assert np.array_equal(cached.embed(one).features, wanted.embed(one).features)
    assert [process.wait() for process in running] == [0] * 2
    assert not list(tmp_path.glob(".*.tmp"))
