"""Shards are whole or not there, resumed, and of one kind; two runs never share a folder."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from results_toys import complete, fill, identity, refused, row, write

from medsam.errors import ResultsError
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.results.merge import merge
from medsam.results.rows import COLUMNS
from medsam.results.store import Store

TESTS = Path(__file__).parents[1]


def test_a_changed_image_is_noticed_and_a_mended_one_computed(tmp_path):
    write(tmp_path, [row("a")], [refused("b")])
    with Store(tmp_path, identity()) as store:
        with pytest.raises(ResultsError, match="'a' or its mask has changed"):
            store.is_done("a", "t", "mode", "y")
        assert store.is_done("b", "t", "mode", "x")
        assert not store.is_done("b", "t", "mode", "y")
        store.write([row("b", digest="y")])
    assert results.read(tmp_path).status.tolist() == ["ok", "ok"]


def test_rows_of_another_kind_are_not_continued(tmp_path):
    write(tmp_path, [row("a")])
    with pytest.raises(ResultsError, match="weights: there .*'0'.*, now .*'1'"):
        write(tmp_path, [row("b")], weights={"sha256": "1"})
    with pytest.raises(ResultsError, match="protocol: there"):
        write(tmp_path, [row("b")], protocol=PROTOCOLS["paper"].but("paper", top="first").as_dict())


def test_one_run_a_folder(tmp_path):
    with (
        Store(tmp_path, identity()),
        pytest.raises(ResultsError, match="Another run is writing to .* Allowed: one run a folder"),
        Store(tmp_path, identity()),
    ):
        pass


def test_torn_leftovers_are_removed_and_torn_shards_named(tmp_path):
    fill(tmp_path, [("a", "t")])
    leftover = tmp_path / ".rows-000001.parquet-0.tmp"
    leftover.write_bytes(b"half")
    fill(tmp_path, [("b", "t")])
    assert not leftover.exists()
    shard = tmp_path / "rows-000001.parquet"
    shard.write_bytes(shard.read_bytes()[:50])
    for act in (results.read, lambda folder: fill(folder, [("c", "t")])):
        with pytest.raises(ResultsError, match=r"rows-000001.parquet cannot be read"):
            act(tmp_path)


def test_no_flipped_bit_goes_unseen(tmp_path):
    """Every value and all that a file says of itself: as it was, or an error."""
    draw = random.Random(1)
    made = [
        one | {"iou": draw.random(), "dice": draw.random(), "prompt": str(draw.random())}
        for image in "abcdefgh"
        for one in complete(image)
    ]
    write(tmp_path, made)
    (shard,) = results.shards(tmp_path)
    whole, about, content = results.read(tmp_path), results.read_metadata(shard), shard.read_bytes()
    seen = 0
    for place in (draw.randrange(8 * len(content)) for _ in range(150)):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        shard.write_bytes(changed)
        try:
            assert results.read(tmp_path).equals(whole)
            assert results.read_metadata(shard) == about
        except ResultsError:
            seen += 1
    assert seen > 60


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_file_that_may_not_grow(tmp_path):
    """The operating system's own refusal, as of a full disk, in a process of its own."""
    code = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from results_toys import fill
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
fill(Path({str(tmp_path)!r}), [("a", "t")])
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
try:
    fill(Path({str(tmp_path)!r}), [("b", "t")])
except Exception as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
fill(Path({str(tmp_path)!r}), [("c", "t")])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "File too large. Allowed: a folder that you may write to" in out.stdout
    assert set(results.read(tmp_path).image) == {"a", "c"}
    assert not list(tmp_path.glob(".rows*"))


def older(folder, *columns, **identity):
    """A folder as an older version would have written it: without some columns."""
    for shard in results.shards(folder):
        table, about = pq.read_table(shard), results.read_metadata(shard)
        about["identity"] |= identity
        results.write(shard, table.drop_columns(list(columns)), about)


def test_older_rows_are_read_but_neither_continued_nor_merged(tmp_path):
    fill(tmp_path, [("a", "t")])
    older(tmp_path, "digest", "mask", "masks", version=2, tolerance_mm=None)
    older(tmp_path, "nsd", "hd95", experiments=["mode", "clicks"])
    frame = results.read(tmp_path, masks=True)
    assert tuple(frame.columns) == COLUMNS
    assert frame[["digest", "nsd"]].isna().all(axis=None)
    assert results.provenance(tmp_path)[0]["identity"]["tolerance_mm"] is None
    with pytest.raises(ResultsError, match="version: there 2, now 4"):
        fill(tmp_path, [("b", "t")])
    with pytest.raises(ResultsError, match=r"older medsam .* Allowed to merge: version 4"):
        merge([tmp_path], tmp_path / "all")


def test_rows_at_another_tolerance_are_not_mixed(tmp_path):
    fill(tmp_path, [("a", "t")])
    fill(tmp_path / "n", [("a", "t")], model="n")
    older(tmp_path / "n", tolerance_mm=1.0)
    shutil.copy(tmp_path / "n" / "rows-000000.parquet", tmp_path / "rows-000001.parquet")
    with pytest.raises(ResultsError, match="its nsd is at 1 mm, not at 2"):
        results.read(tmp_path)
