"""Differences between models, by hand and from the published tables."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from results_toys import row

from medsam.analysis import comparison
from medsam.errors import InputError, UnknownName

COLUMNS = list(comparison.COLUMNS)


def differences(**methods):
    """A reference of IoU 0.5, 0.25 and 0.5 on tasks t0, t1 and t2, less the methods."""
    return pd.DataFrame(
        {
            "setting": "", "task": f"t{n}", "name": f"Task {n}", "modality": "CT",
            "method": method, "reference": "a", "iou": iou, "reference_iou": reference,
            "delta": reference - iou,
        }
        for method, ious in methods.items()
        for n, (iou, reference) in enumerate(zip(ious, (0.5, 0.25, 0.5), strict=True))
    )  # fmt: skip


def test_findings_count_wins_ties_and_losses():
    found = comparison.findings(differences(B=[0.25, 0.5, 0.5], c=[0.25] * 3))
    assert found == {
        "tasks": 3, "above-all": 1, "not-above": "Task 1, Task 2",
        "mean": pytest.approx(1.25 / 3), "lowest": 0.25, "lowest-task": "Task 1",
        "highest": 0.5, "highest-task": "Task 0", "largest": 0.25, "largest-task": "Task 2",
        "b-wins": 1, "b-ties": 1, "b-losses": 1, "b-mean": pytest.approx(1.25 / 3),
        "c-wins": 2, "c-ties": 1, "c-losses": 0, "c-mean": 0.25,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "above", "mean"),
    [("SAM", 24, 0.4595), ("SAM (oracle)", 26, 0.5080), ("SAM (mode 3)", 26, 0.5891)],
)
def test_published(reference, above, mean):
    table = comparison.of_published(reference)
    assert len(table) == 28 * 3
    assert set(table.method) == {"RITM", "SimpleClick", "FocalClick"}
    assert table.columns.tolist() == COLUMNS
    assert (table.delta == table.reference_iou - table.iou).all()
    found = comparison.findings(table)
    assert found["above-all"] == above
    assert found["mean"] == pytest.approx(mean, abs=5e-5)
    assert found["focalclick-mean"] == pytest.approx(0.2240, abs=5e-5)


def rows(model, images, ious, k=3, **changes):
    return pd.DataFrame(
        row(image, k, model=model, iou=iou, modality="CT", **changes)
        for image, iou in zip(images, ious, strict=True)
    )


def test_rows_are_paired_by_image():
    table = comparison.of_rows(
        pd.concat([rows("b", ["i1", "i2"], [0.25, 0.25]), rows("a", ["i2", "i3"], [0.75, 0.0])]),
        "a",
        {"t": "Task"},
    )
    (one,) = table.to_dict("records")
    assert {name: one[name] for name in COLUMNS} == {
        "setting": "mode 3", "task": "t", "name": "Task", "modality": "CT", "method": "b",
        "reference": "a", "iou": 0.25, "reference_iou": 0.75, "delta": 0.5,
    }  # fmt: skip
    assert (one["n"], one["groups"], one["verdict"]) == (1, 1, "too few groups")
    assert pd.isna(one["low"])


def test_only_what_both_take_is_compared():
    one = ["i"]
    both = pd.concat(
        [
            rows("a", one, [0.5]),
            rows("a", one, [0.5], k=4),
            rows("a", one, [0.75], experiment="clicks", k=1),
            rows("a", one, [0.9], choice="oracle"),
            rows("b", one, [0.25]),
            rows("b", one, [0.9], choice="oracle"),
            rows("c", one, [0.5], experiment="clicks", k=1),
            rows("c", one, [0.5], experiment="clicks", k=2),
            rows("c", one, [0.5], experiment="clicks", k=1, task="u"),
        ]
    )
    table = comparison.of_rows(both, "a", {"t": "Task"})
    assert table[["setting", "method", "delta"]].to_numpy().tolist() == [
        ["1 click", "c", 0.25],
        ["mode 3", "b", 0.25],
    ]


# ----------------------------------------------------------------- what the text quotes


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


# ----------------------------------------------------------------- clicks needed


def clicks(**ious):
    """Click curves of one model, one task a name."""
    return pd.DataFrame(
        [
            {"model": "m", "task": task, "k": k, "iou": iou}
            for task, line in ious.items()
            for k, iou in enumerate(line, 1)
        ]
    )


THREE = clicks(a=[0.5, 0.85, 0.8, 0.95], b=[0.9, 0.7, 0.7, 0.7], c=[0.1, 0.2, 0.3, 0.4])


def test_effort_by_hand():
    (found,) = comparison.effort(THREE).itertuples()
    # a: 2 clicks (4 to 0.90), b: 1, c: not within 4, which counts as 4.
    assert (found.noc80, found.noc85, found.noc90) == pytest.approx((7 / 3, 7 / 3, 3))
    assert (found.curves, found.missed80, found.missed85, found.missed90) == (3, 1, 1, 1)
    # Trapezoids over three steps.
    areas = [(0.5 / 2 + 0.85 + 0.8 + 0.95 / 2) / 3, (0.9 / 2 + 1.4 + 0.35) / 3, 0.25]
    assert found.area == pytest.approx(sum(areas) / 3)


@given(arrays(float, (4, 6), elements=st.floats(0, 1)), st.integers(10, 99))
def test_effort_is_within_its_bounds(curves, percent):
    table = clicks(**dict(zip("abcd", curves.tolist(), strict=True)))
    (found,) = comparison.effort(table, [percent / 100]).to_dict("records")
    assert 1 <= found[f"noc{percent}"] <= 6
    assert found[f"missed{percent}"] == (curves.max(axis=1) < percent / 100).sum()
    assert curves.min() - 1e-9 <= found["area"] <= curves.max() + 1e-9


def test_what_cannot_be_compared():
    with pytest.raises(UnknownName, match="Unknown reference 'SAM 2'"):
        comparison.of_published("SAM 2")
    two = pd.concat([comparison.of_published(r) for r in ("SAM", "SAM (oracle)")])
    with pytest.raises(InputError, match="settings 'SAM, 1 point', 'SAM with oracle, 1 point'"):
        comparison.findings(two)
    with pytest.raises(InputError, match="1 click curves without all 4 clicks. Allowed: every"):
        comparison.effort(THREE.drop(index=2))
