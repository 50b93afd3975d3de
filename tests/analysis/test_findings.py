import pandas as pd
import pytest
from scipy import stats

from medsam.analysis import comparison, published
from medsam.errors import InputError

MODES = pd.DataFrame(
    [
        (task, mode, choice, iou + 0.1 * (choice == "oracle"))
        for task, ious in {"a": (0.2, 0.3, 0.5, 0.6, 0.4), "b": (0.6, 0.5, 0.5, 0.8, 0.6)}.items()
        for mode, iou in enumerate(ious, 1)
        for choice in ("top", "oracle")
    ],
    columns=["task", "mode", "choice", "iou"],
)


def test_modes_by_hand():
    found = comparison.of_modes(MODES)
    assert found["tasks"] == 2
    assert found["mode1"] == pytest.approx(0.4)
    assert found["mode4"] == pytest.approx(0.7)
    assert (found["best"], found["best-iou"]) == (4, pytest.approx(0.7))
    assert found["box-wins"] == 1
    assert found["box-each-wins"] == 2
    assert found["gain-low"] == pytest.approx(0.1)


def test_clicks_by_hand():
    lines = {"SAM": [0.5] * 9, "Other (x)": [0.1, 0.2, 0.3, 0.4, 0.55, 0.6, 0.7, 0.8, 0.9]}
    table = pd.DataFrame(
        [(model, k, iou) for model, ious in lines.items() for k, iou in enumerate(ious, 1)],
        columns=["model", "k", "iou"],
    )
    found = comparison.of_clicks(table, "SAM")
    assert found["other-x-passes"] == 5
    assert found["sam-passes"] == "none"
    assert found["other-x-1-3"] == pytest.approx(0.2)
    assert found["other-x-3-9"] == pytest.approx(0.6)
    assert found["sam-9"] == 0.5


def test_errors():
    with pytest.raises(InputError, match="columns task, mode, choice, iou"):
        comparison.of_modes(MODES.drop(columns="iou"))
    with pytest.raises(InputError, match="0 rows"):
        comparison.of_clicks(pd.DataFrame(columns=["model", "k", "iou"]), "SAM")


def test_over_tasks_by_the_published_tables():
    wide = published.modes().pivot(index=["choice", "task"], columns="mode", values="iou")
    for found in comparison.over_tasks(published.modes(), 4, 1).itertuples():
        a, b = wide.loc[found.choice][4], wide.loc[found.choice][1]
        assert (found.task, found.n, found.groups, found.unpaired) == ("all", 28, 28, 0)
        assert found.difference == pytest.approx(a.mean() - b.mean())
        assert found.low < found.difference < found.high
        assert found.p == found.p_holm == pytest.approx(stats.wilcoxon(a, b).pvalue)
        assert found.verdict == "mode 4 higher"


def test_over_tasks_of_models_by_clicks():
    table = published.clicks()
    first, other = table.model.unique()[:2]
    found = comparison.over_tasks(table, first, other)
    assert found.k.tolist() == list(range(1, 10))
    assert set(found.n) == {28}


def test_over_tasks_of_a_summary():
    table = MODES.assign(dataset="d", model="m", protocol="paper")
    found = comparison.over_tasks(table, 3, 1)
    assert found.verdict.tolist() == ["too few groups"] * 2
    assert found.difference.tolist() == pytest.approx([0.1, 0.1])
    both = pd.concat([table, table.assign(dataset="e")])
    assert comparison.over_tasks(both, 3, 1).n.tolist() == [4, 4]
    with pytest.raises(InputError, match="columns task, k, iou"):
        comparison.over_tasks(MODES.drop(columns="mode"), 3, 1)
