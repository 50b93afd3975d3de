import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_store import fill

from medsam.errors import ResultsError
from medsam.metrics import TOLERANCE
from medsam.results import rows
from medsam.results.rows import COLUMNS, SCHEMA


def test_columns_are_the_documented_ones():
    text = (
        "dataset, task, image, group, modality, model, protocol, experiment, k, choice, iou, dice, "
        "nsd, hd95, score, object_px, n_regions, height, width, prompt, status, reason"
    )
    assert tuple(text.split(", ")) == COLUMNS
    assert all(field.metadata[b"meaning"] for field in SCHEMA)


def test_no_results(tmp_path):
    with pytest.raises(ResultsError, match="No results in .* run `medsam run` first"):
        rows.read(tmp_path)


def rewrite(shard, change):
    """A shard as another version of the code would have written it."""
    table = change(pq.read_table(shard))
    pq.write_table(table, shard)


def at(mm):
    def change(table):
        index = table.schema.get_field_index("nsd")
        told = table.schema.field("nsd").metadata | {b"tolerance_mm": str(mm).encode()}
        return table.cast(table.schema.set(index, table.schema.field("nsd").with_metadata(told)))

    return change


def test_every_shard_tells_the_tolerance_of_its_nsd(tmp_path):
    fill(tmp_path, "a", "b")
    shard = tmp_path / "rows-000000.parquet"
    assert pq.read_schema(shard).field("nsd").metadata[b"tolerance_mm"] == b"2.0"
    assert b"tolerance_mm" in SCHEMA.field("nsd").metadata[b"meaning"]
    assert [about["tolerance_mm"] for about in rows.provenance(tmp_path)] == [TOLERANCE]
    rewrite(shard, at(1.0))
    assert {about["tolerance_mm"] for about in rows.provenance(tmp_path)} == {1.0, 2.0}
    with pytest.raises(
        ResultsError, match="at different tolerances: 1, 2 mm. Allowed: one tolerance in a folder"
    ):
        rows.read(tmp_path)
    rewrite(tmp_path / "rows-000001.parquet", at(1.0))
    assert len(rows.read(tmp_path)) == 4


def test_rows_written_before_there_were_surface_metrics(tmp_path):
    fill(tmp_path, "a", "b", dataset="d")
    old = tmp_path / "rows-000000.parquet"
    rewrite(old, lambda table: table.drop_columns(["nsd", "hd95"]))
    frame = rows.read(tmp_path)
    assert tuple(frame.columns) == COLUMNS
    assert frame[frame.image == "a"].nsd.isna().all()
    assert [about["tolerance_mm"] for about in rows.provenance(tmp_path)] == [None, TOLERANCE]
    assert json.loads(pq.read_schema(old).metadata[b"medsam"])["units"] == [["a", "t", "x", False]]
    assert pa.types.is_float64(SCHEMA.field("hd95").type)
