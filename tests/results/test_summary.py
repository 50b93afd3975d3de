import math

import pandas as pd
import pyarrow.parquet as pq
from results_toys import complete, refused, row, write

from medsam.results import rows as results
from medsam.results import summary


def fill(folder, metrics):
    """Two images of one task in every mode and with up to nine clicks, and an empty case."""
    scored = [one for image, values in metrics.items() for one in complete(image, **values)]
    write(folder, [*scored, refused("z", "empty", "no pixel")])


MEASURED = {"a": {"nsd": 0.5, "hd95": 4.0}, "b": {"nsd": 0.0, "hd95": None, "iou": 0.0}}


def test_means_by_hand(tmp_path):
    fill(tmp_path, MEASURED)
    for table, column, n in ((summary.modes, "mode", 5), (summary.clicks, "k", 9)):
        means = table(results.read(tmp_path))
        assert list(means.columns) == (
            f"dataset task modality model protocol {column} choice iou dice nsd hd95 n".split()
        )
        assert len(means) == 2 * n
        assert (means.iou == 0.25).all()
        # An empty prediction counts with an NSD of 0 and has no distance.
        assert (means.nsd == 0.25).all()
        assert (means.hd95 == 4).all()
        assert (means.n == 2).all()


def test_tables_show_what_there_is(tmp_path):
    fill(tmp_path / "mm", MEASURED)
    text = "\n".join(summary.tables(tmp_path / "mm"))
    for title in ("Mean IoU", "Mean NSD at 2 mm", "Mean HD95 (mm; where something was found)"):
        assert f"{title} by mode: (1) 1 point" in text
    assert "4.000" in text
    fill(tmp_path / "px", {"a": {}, "b": {}})
    text = "\n".join(summary.tables(tmp_path / "px"))
    assert "Mean IoU by mode" in text
    assert "NSD" not in text


def test_a_folder_is_summed_up_as_its_rows_are(tmp_path):
    fill(tmp_path, MEASURED | {"c": {"nsd": 0.3, "hd95": 1.0, "iou": math.nan}})
    # An older shard without surface metrics, and a case that could not be read at first.
    mended = [row("b", k, model="n", iou=k / 3, digest="y") for k in (1, 2)]
    some = [row("a", k, model="n", iou=k / 7) for k in (1, 2)]
    write(tmp_path, some, [refused("b", model="n", k=None)], mended, model="n")
    old = results.shards(tmp_path)[1]
    table, about = pq.read_table(old), results.read_metadata(old)
    results.write(old, table.drop_columns(["nsd", "hd95"]), about)
    rows = results.read(tmp_path)
    with results.query(results.existing(tmp_path)) as connection:
        means = summary.means(connection, median=True)
        counts = summary.counts(connection)
    for experiment, table in (("mode", summary.modes), ("clicks", summary.clicks)):
        found = means[(means.experiment == experiment) & means.k.notna()]
        found = found.drop(columns=["experiment", "errors"])
        wanted = table(rows).rename(columns={"mode": "k"})
        pd.testing.assert_frame_equal(
            found[list(wanted)].reset_index(drop=True), wanted, check_dtype=False, rtol=1e-12
        )
    told = {(one.model, one.status): one.n for one in counts.itertuples()}
    assert told == {("m", "empty"): 1, ("m", "ok"): 3, ("n", "ok"): 2}
