"""What the graphical abstract says, worked by hand."""

import pandas as pd
import pytest

from medsam.analysis import published
from medsam.analysis.abstract import data_of, data_of_run, facts, numbers, of_run, telling_clicks
from medsam.datasets.catalog import catalog
from medsam.errors import InputError, UnknownName
from medsam.prompts import Prompt


def modes():
    """Two tasks: one point 0.2 and 0.6, one box 0.5 and 0.4, a box for each part best."""
    top = {"a": (0.2, 0.2, 0.5, 0.8, 0.5), "b": (0.6, 0.6, 0.4, 0.6, 0.4)}
    return pd.DataFrame(
        {"task": t, "name": t.upper(), "modality": "CT", "mode": m, "choice": c, "iou": iou + plus}
        for t, values in top.items()
        for m, iou in enumerate(values, 1)
        for c, plus in (("top", 0), ("oracle", 0.1))
    )


def clicks(others=True):
    """Model m goes 0.4, 0.5; n passes it at 2; o never does, and is better on task a at 1."""
    by = {"m": {"a": (0.3, 0.5), "b": (0.5, 0.5)}, "m (oracle)": {"a": (0.9, 0.9), "b": (0.9, 0.9)}}
    if others:
        by |= {"n": {"a": (0.1, 0.7), "b": (0.1, 0.5)}, "o": {"a": (0.4, 0.4), "b": (0.1, 0.1)}}
    return pd.DataFrame(
        {"task": t, "model": m, "k": k, "iou": iou}
        for m, tasks in by.items()
        for t, values in tasks.items()
        for k, iou in enumerate(values, 1)
    )


def test_facts_by_hand():
    found = facts(modes(), clicks(), "m")
    assert (found.tasks, found.lowest, found.highest) == (2, ("A", 0.2), ("B", 0.6))
    assert found.box_wins == 1
    assert found.best == 4
    assert found.means[4] == pytest.approx((0.7, 0.8))
    assert (found.first, found.last, found.clicks) == pytest.approx((0.4, 0.5, 2))
    assert found.passed == {"n": 2, "o": None}
    # On task a method o is better at once.
    assert found.beats == 1


def test_headlines():
    found = facts(modes(), clicks(), "m")
    assert found.headlines == (
        "One point: IoU from 0.20 to 0.60, by task",
        "One box beats one point on 1 of 2 tasks",
        "Best: a box for each part, IoU 0.70 (with oracle 0.80)",
        "First click: m ahead on 1 of 2 tasks; passed at 2 by n",
    )
    assert found.alone == "One click: m ahead of n and o on 1 of 2 tasks"
    assert found.plain["passed"] == "n passes it at click 2"


def test_a_model_on_its_own():
    found = facts(modes(), clicks(others=False), "m")
    assert found.headlines[3] == "2 clicks: m from 0.40 to 0.50"
    assert found.alone == ""
    assert found.plain["passed"] == "no other method passes it"


def test_never_passed():
    table = clicks()
    found = facts(modes(), table[table.model != "n"], "m")
    assert found.headlines[3].endswith("; never passed")


def test_the_published_numbers():
    found = facts(published.modes(), published.clicks(), "SAM")
    means = published.modes().query("choice == 'top'").groupby("mode").iou.mean()
    assert [top for top, _ in found.means.values()] == pytest.approx(means.tolist())
    assert found.beats == published.findings()["beats-all"]
    averages = published.click_averages().pivot(index="k", columns="model", values="iou")
    assert found.last == pytest.approx(averages.SAM[9])
    for name, k in found.passed.items():
        above = averages[name] > averages.SAM
        assert above[k]
        assert not above[: k - 1].any()


def test_data_of_the_catalog():
    found = data_of(catalog().values())
    assert found.n_tasks.sum() == 28
    assert found.dataset.nunique() == 19
    counts = published.tasks().modality.value_counts().to_dict()
    assert found.groupby("modality").n_tasks.sum().to_dict() == counts
    run = data_of_run(modes().assign(dataset="d"))
    assert run[["dataset", "title", "n_tasks"]].to_numpy().tolist() == [
        ["d", "A", 1],
        ["d", "B", 1],
    ]


def test_every_number_is_in_the_table():
    found = numbers(modes(), clicks())
    assert len(found) == len(modes()) + len(clicks())
    assert found.query("experiment == 'mode'").iou.tolist() == modes().iou.tolist()
    assert found.query("experiment == 'clicks'").model.tolist() == clicks().model.tolist()


def click_rows(**points):
    """Objects on images of 100 x 100 pixels: IoU of two clicks, and where they are."""
    common = {
        "dataset": "d", "task": "t", "modality": "CT", "model": "m", "protocol": "paper",
        "experiment": "clicks", "height": 100, "width": 100, "dice": 0.0, "nsd": 0.0, "hd95": 0.0,
    }  # fmt: skip
    return pd.DataFrame(
        common
        | {
            "image": image,
            "k": k,
            "choice": choice,
            "iou": ious[k - 1],
            "prompt": Prompt(at[:k], [1] * k).to_json(),
        }
        for image, (ious, at) in points.items()
        for k in (1, 2)
        for choice in ("top", "oracle")
    )


def test_telling_clicks_are_apart_and_help():
    rows = click_rows(
        close=((0.1, 0.9), [[5, 5], [6, 6]]),
        little=((0.1, 0.2), [[5, 5], [60, 60]]),
        much=((0.1, 0.5), [[5, 5], [5, 60]]),
    )
    image, task, prompt = telling_clicks(rows)
    assert (image, task) == ("much", "t")
    assert prompt.points.tolist() == [[5, 5], [5, 60]]
    near, _, _ = telling_clicks(rows[rows.image == "close"])
    assert near == "close"


def test_clicks_of_a_run():
    found = of_run(click_rows(i=((0.1, 0.3), [[5, 5], [60, 60]])))
    assert found[["model", "k", "iou"]].sort_values(["model", "k"]).to_numpy().tolist() == [
        ["m", 1, 0.1], ["m", 2, 0.3], ["m (oracle)", 1, 0.1], ["m (oracle)", 2, 0.3],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda: facts(modes().drop(columns="iou"), clicks(), "m"), InputError, "without iou"),
        (lambda: facts(modes(), clicks().iloc[:0], "m"), InputError, "Table of clicks of 0 rows"),
        (
            lambda: facts(modes().query("mode > 2"), clicks(), "m"),
            InputError,
            r"without 1 \(top\), 2 \(top\), 1 \(oracle\), 2 \(oracle\). Allowed: modes 1 to 5",
        ),
        (lambda: facts(modes(), clicks(), "l"), UnknownName, "Unknown model with clicks 'l'"),
        (
            lambda: telling_clicks(click_rows(i=((0, 0), [[1, 1]] * 2)).assign(experiment="mode")),
            InputError,
            "4 rows, none of clicks. Allowed: rows of the experiment 'clicks'",
        ),
    ],
)
def test_errors(call, kind, says):
    with pytest.raises(kind, match=says):
        call()
