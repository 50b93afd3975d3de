"""What the graphical abstract says, worked by hand."""

import pandas as pd
import pytest
from results_toys import row

from medsam.analysis.abstract import facts, headlines, telling_clicks
from medsam.analysis.comparison import clicks_of_run
from medsam.errors import UnknownName
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
    assert (found["tasks"], found["lowest"], found["highest"]) == (2, "A", "B")
    assert (found["box-wins"], found["best-words"]) == (1, "a box for each part")
    assert (found["first"], found["last"], found["clicks"]) == pytest.approx((0.4, 0.5, 2))
    # On task a method o is better at once.
    assert (found["beats"], found["passed"]) == (1, "passed by n at 2 clicks")
    said = headlines(found, "m")
    assert said[2] == "Best: a box for each part, IoU 0.70 (with oracle 0.80)"
    assert said[3] == "2 clicks: m from 0.40 to 0.50, passed by n at 2 clicks"
    alone = facts(modes(), clicks(others=False), "m")
    assert alone["passed"] == "passed by no other method"
    with pytest.raises(UnknownName, match="Unknown model with clicks 'x'"):
        facts(modes(), clicks(), "x")


def click_rows(**points):
    """Objects on images of 100 x 100 pixels: IoU of two clicks, and where they are."""
    return pd.DataFrame(
        row(
            image, k, experiment="clicks", choice=choice, iou=ious[k - 1], height=100, width=100,
            dice=0.0, nsd=0.0, hd95=0.0, prompt=Prompt(at[:k], [1] * k).to_json(),
        )
        for image, (ious, at) in points.items()
        for k in (1, 2)
        for choice in ("top", "oracle")
    )  # fmt: skip


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
    of_one = clicks_of_run(rows[rows.image == "much"]).query("model == 'm'").sort_values("k")
    assert of_one[["k", "iou"]].to_numpy().tolist() == [[1, 0.1], [2, 0.5]]
