"""Embeddings on disk: the same bits, or computed again; never something else."""

import hashlib
import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
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
    return sorted(folder.glob("*.emb"))


def test_computed_once_and_the_same_bits(tmp_path):
    cached = CachedModel(Thirds(), tmp_path)
    first = cached.embed(image())
    again = cached.embed(image())
    assert cached.model.embedded == 1
    assert (cached.hits, cached.misses) == (1, 1)
    assert first.features.tobytes() == again.features.tobytes()
    assert again.features.dtype == np.float32
    assert again.image_size == (8, 9)
    # Another process finds it as well.
    other = CachedModel(Thirds(), tmp_path)
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
        lambda content, other: b"\x93NUMPY something else",
        lambda content, other: other,
    ],
    ids=["torn", "changed", "foreign", "whole file of another image"],
)
def test_a_spoilt_file_is_reported_and_computed_again(tmp_path, spoil):
    cached = CachedModel(Thirds(), tmp_path)
    good = cached.embed(image()).features
    (path,) = embeddings(tmp_path)
    CachedModel(Thirds(), tmp_path).embed(image(1))
    (other,) = set(embeddings(tmp_path)) - {path}
    path.write_bytes(spoil(path.read_bytes(), other.read_bytes()))
    with pytest.warns(CacheNote, match=r"not used: it is .* It is computed again"):
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
    # A spoilt one is replaced all the same.
    embeddings(tmp_path / "some")[0].write_bytes(b"")
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CacheNote)
            [cached.embed(image(seed)) for seed in range(6)]
    assert cached.hits == 10 + 4 + 5


def child(folder, before="", limit=None):
    """A process that embeds an image, after other code."""
    code = f"""
import os, sys, time
sys.path[:0] = [{str(Path(__file__).parent)!r}]
import test_cache as t
cached = t.CachedModel(t.Thirds(), t.Path({str(folder)!r}), limit={limit})
{before}
cached.embed(t.image())
"""
    return [sys.executable, "-c", code]


def test_a_kill_in_mid_write_leaves_no_embedding(tmp_path):
    """The process is stopped when half of the file is on disk, and killed there."""
    stop = """
def stop(number):
    os.ftruncate(number, 900)
    print("half", flush=True)
    time.sleep(60)
os.fsync = stop
"""
    process = subprocess.Popen(child(tmp_path, stop), stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not embeddings(tmp_path)
    (half,) = tmp_path.glob(".*.tmp")
    assert half.stat().st_size == 900
    os.utime(half, (1, 1))  # Deleted after an hour.
    cached = CachedModel(Thirds(), tmp_path)
    np.testing.assert_array_equal(cached.embed(image()).features, Thirds().embed(image()).features)
    assert (cached.hits, cached.misses, half.exists()) == (0, 1, False)


@pytest.mark.slow
def test_several_processes_and_threads_at_once(tmp_path):
    """Two processes write at once while this one reads: nothing is ever wrong."""
    limit = 6 * 4 * 64 * 65 * 3
    loop = "for n in range(16): cached.embed(t.image(n % 8, 64))"
    running = [subprocess.Popen(child(tmp_path, loop, limit)) for _ in range(2)]
    wanted = [hashlib.sha256(Thirds().embed(image(n, 64)).features).hexdigest() for n in range(8)]
    cached = CachedModel(Thirds(), tmp_path, limit=limit)

    def read(n):
        return hashlib.sha256(cached.embed(image(n % 8, 64)).features).hexdigest() == wanted[n % 8]

    with ThreadPoolExecutor(4) as pool:
        deadline = time.monotonic() + 60
        while any(p.poll() is None for p in running) and time.monotonic() < deadline:
            assert all(pool.map(read, range(16)))
    assert [p.wait() for p in running] == [0] * 2
    assert not list(tmp_path.glob(".*.tmp"))
