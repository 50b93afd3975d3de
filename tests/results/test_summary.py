import math

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_store import identity, row

from medsam.errors import ResultsError
from medsam.results import query, summary
from medsam.results import rows as results
from medsam.results.store import Store, Unit


def fill(folder, metrics):
    """Two images of one task in every mode and with up to nine clicks, and an empty case."""
    with Store(folder, identity()) as store:
        rows = [
            row(image, k, experiment=experiment, choice=choice, **values)
            for image, values in metrics.items()
            for experiment, last in (("mode", 5), ("clicks", 9))
            for k in range(1, last + 1)
            for choice in ("top", "oracle")
        ]
        blank = dict.fromkeys(("experiment", "k", "choice", "iou", "dice", "score", "prompt"))
        rows.append(row("z", **blank | {"status": "empty", "reason": "no pixel"}))
        store.write(rows, [Unit(image, "t", "x") for image in (*metrics, "z")], {})


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
        assert f"{title} by number of clicks" in text
    assert "4.000" in text
    fill(tmp_path / "px", {"a": {}, "b": {}})
    text = "\n".join(summary.tables(tmp_path / "px"))
    assert "Mean IoU by mode" in text
    assert "NSD" not in text
    assert "HD95" not in text


def test_a_folder_is_summed_up_as_its_rows_are(tmp_path):
    fill(tmp_path, MEASURED | {"c": {"nsd": 0.3, "hd95": 1.0, "iou": math.nan}})
    # An older shard without surface metrics, and a case that could not be read at first.
    with Store(tmp_path, identity(model="n")) as store:
        old = store.write(
            [row("a", k, model="n", iou=k / 7) for k in (1, 2)], [Unit("a", "t", "x")], {}
        )
        wrong = {"status": "error", "reason": "torn", "experiment": None, "iou": None, "k": None}
        store.write([row("b", model="n", **wrong)], [Unit("b", "t", "x", True)], {})
        store.write([row("b", k, model="n", iou=k / 3) for k in (1, 2)], [Unit("b", "t", "y")], {})
    pq.write_table(pq.read_table(old).drop_columns(["nsd", "hd95"]), old)
    rows = results.read(tmp_path)
    with query.connected(results.existing(tmp_path)) as connection:
        means, counts = query.means(connection, median=True), query.counts(connection)
    for experiment, table in (("mode", summary.modes), ("clicks", summary.clicks)):
        found = means[means.experiment == experiment].drop(columns=["experiment", "errors"])
        wanted = table(rows).rename(columns={"mode": "k"})
        pd.testing.assert_frame_equal(
            found[list(wanted)].reset_index(drop=True), wanted, check_dtype=False, rtol=1e-12
        )
    kept = rows[rows.experiment.notna()].groupby(["model", "experiment", "k", "choice"])
    np.testing.assert_allclose(
        means[means.experiment.notna()]
        .set_index(["model", "experiment", "k", "choice"])
        .median_iou,
        kept.iou.median().reindex(
            pd.MultiIndex.from_frame(
                means[means.experiment.notna()][["model", "experiment", "k", "choice"]]
            )
        ),
    )
    told = {(one.model, one.status): one.n for one in counts.itertuples()}
    assert told == {("m", "empty"): 1, ("m", "ok"): 3, ("n", "ok"): 2}


def test_a_torn_page_is_said_with_what_to_do(tmp_path):
    fill(tmp_path, MEASURED)
    (shard,) = results.shards(tmp_path)
    content = bytearray(shard.read_bytes())
    content[4:600] = bytes(596)
    shard.write_bytes(content)
    with pytest.raises(ResultsError, match=r"Cannot query 1 shards beside .*`medsam results val"):
        list(summary.tables(tmp_path))


def test_no_bar_stands_among_the_results(tmp_path):
    """Of a query that takes seconds, DuckDB would print one where the tables go."""
    fill(tmp_path, MEASURED)
    with query.connected(results.shards(tmp_path)) as connection:
        asked = "select current_setting('enable_progress_bar')"
        assert connection.execute(asked).fetchone() == (False,)


def test_mean_of_tasks():
    table = pd.DataFrame(
        {
            "dataset": "d", "model": "m", "protocol": "paper", "task": ["s", "t"] * 2,
            "choice": ["top"] * 2 + ["oracle"] * 2, "mode": 1, "iou": [0.2, 0.6, 0.4, np.nan],
        }
    )  # fmt: skip
    wide = summary._wide(table, "mode", "iou")
    assert wide.loc[("all", "m", "paper", "mean of tasks", "top"), 1] == pytest.approx(0.4)
    assert wide.loc[("all", "m", "paper", "mean of tasks", "oracle"), 1] == pytest.approx(0.4)
