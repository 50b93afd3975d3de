"""Embeddings on disk: the same bits, or computed again; never something else."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medsam.datasets import FolderDataset
from medsam.errors import InputError, ResultsError
from medsam.models.cache import CachedModel, CacheNote
from medsam.models.contract import Embedding, PromptableModel
from medsam.prompts import Prompt
from medsam.results import rows
from medsam.study import runner


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
        lambda content: content[: len(content) // 2],
        lambda content: content[:-5] + bytes([content[-5] ^ 1]) + content[-4:],
        lambda content: b"\x93NUMPY something else",
        lambda content: b"",
    ],
    ids=["torn", "changed", "foreign", "empty"],
)
def test_a_spoilt_file_is_reported_and_computed_again(tmp_path, spoil):
    cached = CachedModel(Thirds(), tmp_path)
    good = cached.embed(image()).features
    (path,) = embeddings(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.warns(CacheNote, match=r"not used: it is torn, .* It is computed again"):
        again = cached.embed(image()).features
    np.testing.assert_array_equal(again, good)
    cached.embed(image())
    assert cached.model.embedded == 2


def test_a_whole_file_under_the_name_of_another_is_not_used(tmp_path):
    cached = CachedModel(Thirds(), tmp_path)
    cached.embed(image(0))
    (one,) = embeddings(tmp_path)
    cached.embed(image(1))
    (other,) = set(embeddings(tmp_path)) - {one}
    other.write_bytes(one.read_bytes())
    with pytest.warns(CacheNote, match="of something else"):
        again = cached.embed(image(1))
    np.testing.assert_array_equal(again.features, Thirds().embed(image(1)).features)


def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path):
    size = 8 * 9 * 3 * 4 + 500
    cached = CachedModel(Thirds(), tmp_path, limit=3 * size)
    for seed in (0, 1, 2):
        cached.embed(image(seed))
    for n, path in enumerate(embeddings(tmp_path)):
        os.utime(path, (n, n))
    cached.embed(image(0))
    oldest = min(embeddings(tmp_path), key=lambda path: path.stat().st_mtime_ns)
    expected = set(embeddings(tmp_path)) - {oldest}
    cached.embed(image(3))
    assert len(embeddings(tmp_path)) == 3
    assert expected < set(embeddings(tmp_path))


def test_the_newest_stays_however_small_the_limit(tmp_path):
    cached = CachedModel(Thirds(), tmp_path, limit=1)
    for seed in (0, 1, 1):
        cached.embed(image(seed))
        assert len(embeddings(tmp_path)) == 1
    assert cached.hits == 1


def test_leftovers_of_killed_processes_are_deleted_after_an_hour(tmp_path):
    leftover, young = tmp_path / ".aaaa-1-b.tmp", tmp_path / ".cccc-1-d.tmp"
    leftover.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(leftover, (1, 1))
    CachedModel(Thirds(), tmp_path).embed(image())
    assert not leftover.exists()
    assert young.exists()


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
    cached = CachedModel(Thirds(), tmp_path)
    np.testing.assert_array_equal(cached.embed(image()).features, Thirds().embed(image()).features)
    assert (cached.hits, cached.misses) == (0, 1)


@pytest.mark.slow
def test_several_processes_and_threads_at_once(tmp_path):
    """Two processes write and delete at once while this one reads: nothing is ever wrong."""
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


def test_features_that_are_no_array_are_packed_or_refused(tmp_path):
    model = Thirds()
    model.embed = lambda image: Embedding([image], image.shape[:2])
    with pytest.raises(InputError, match="Embeddings of model 'thirds' are list. Allowed in a"):
        CachedModel(model, tmp_path).embed(image())
    model.pack = lambda features: features[0].astype(np.float32)
    model.unpack = lambda array: [array.astype(np.uint8)]
    cached = CachedModel(model, tmp_path)
    for _ in "12":
        np.testing.assert_array_equal(cached.embed(image()).features[0], image())
    assert cached.hits == 1


def test_errors(tmp_path):
    with pytest.raises(InputError, match="limited to 0 bytes. Allowed: more than 0"):
        CachedModel(Thirds(), tmp_path, limit=0)
    (tmp_path / "file").touch()
    with (
        pytest.warns(CacheNote, match="it cannot be read .Not a directory"),
        pytest.raises(ResultsError, match="Cannot write the embedding .*file"),
    ):
        CachedModel(Thirds(), tmp_path / "file").embed(image())


def test_it_is_the_model_in_all_else(square, tmp_path):
    cached = CachedModel(square, tmp_path)
    assert (cached.name, cached.accepts) == ("square", square.accepts)
    assert cached.provenance() == square.provenance()
    square.upscale = lambda logits, size: np.full((len(logits), *size), 7, np.float32)
    assert (cached.upscale(np.zeros((2, 4, 4), np.float32), (8, 9)) == np.full((2, 8, 9), 7)).all()
    with pytest.raises(InputError, match="Model 'thirds' does not take mask"):
        CachedModel(Thirds(), tmp_path).check(Prompt([[1, 1]], [1], logits=np.zeros((1, 4, 4))))


def test_rows_of_a_run_are_the_same(square, folder, tmp_path):
    square.pack = lambda features: features.astype(np.float32)
    data = FolderDataset(folder / "images", folder / "masks", progress=False)
    cached = CachedModel(square, tmp_path / "cache")

    def run(model, name):
        options = {"experiments": ["mode"], "progress": False}
        return runner.run(data, model, tmp_path / name, **options)

    run(square, "plain")
    for name in ("cold", "warm"):
        run(cached, name)
        pd.testing.assert_frame_equal(
            rows.read(tmp_path / name), rows.read(tmp_path / "plain"), check_exact=True
        )
    assert (cached.hits, cached.misses) == (5, 5)
    # Rows of a run with the cache go on where one without it stopped.
    assert run(cached, "plain").resumed > 0


def test_without_a_limit_all_stay_and_what_is_there_is_not_read(tmp_path):
    model = CachedModel(Thirds(), tmp_path, limit=None)
    for value in range(3):
        model.keep(image(value))
    assert len(embeddings(tmp_path)) == model.misses == 3
    # Its content would be computed again, if it were looked at.
    for file in embeddings(tmp_path):
        file.write_bytes(b"torn")
    model.keep(image(0))
    assert (model.hits, model.misses) == (0, 3)
