import numpy as np
import pandas as pd
import pytest
from test_store import identity, row

from medsam import results, summary
from medsam.store import Store, Unit


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
