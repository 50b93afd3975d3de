"""Differences between models, by hand and from the published tables."""

import pandas as pd
import pytest
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
    assert table.columns.tolist() == COLUMNS
    assert table.method.value_counts().to_dict() == dict.fromkeys(comparison.METHODS, 28)
    found = comparison.findings(table)
    assert (found["above-all"], round(found["mean"], 4)) == (above, mean)


def rows(model, images, ious, k=3, **changes):
    return pd.DataFrame(
        row(image, k, model=model, iou=iou, modality="CT", **changes)
        for image, iou in zip(images, ious, strict=True)
    )


def test_rows_are_paired_by_image():
    """What both take is compared: one click and mode 3, most confident, of named tasks."""
    one = ["i2", "i3"]
    both = pd.concat(
        [
            rows("b", ["i1", "i2"], [0.25, 0.25]),
            rows("b", one, [0.9, 0.9], choice="oracle"),
            rows("a", one, [0.75, 0.0]),
            rows("a", one, [0.5, 0.5], k=4),
            rows("a", one, [0.75, 0.75], experiment="clicks", k=1),
            rows("c", ["i2"], [0.5], experiment="clicks", k=1),
            rows("c", ["i2"], [0.5], experiment="clicks", k=2),
            rows("c", ["i2"], [0.5], experiment="clicks", k=1, task="u"),
        ]
    )
    table = comparison.of_rows(both, "a", {"t": "Task"})
    first, second = table.to_dict("records")
    assert (first["setting"], first["method"], first["delta"]) == ("1 click", "c", 0.25)
    assert {name: second[name] for name in COLUMNS} == {
        "setting": "mode 3", "task": "t", "name": "Task", "modality": "CT", "method": "b",
        "reference": "a", "iou": 0.25, "reference_iou": 0.75, "delta": 0.5,
    }  # fmt: skip
    assert (second["n"], second["groups"], second["verdict"]) == (1, 1, "too few groups")
    assert comparison.of_rows(both, "a", {"u": "Other"}).empty


# ----------------------------------------------------------------- what the text quotes


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


def test_what_cannot_be_compared():
    with pytest.raises(UnknownName, match="Unknown reference 'SAM 2'"):
        comparison.of_published("SAM 2")
    two = pd.concat([comparison.of_published(r) for r in ("SAM", "SAM (oracle)")])
    with pytest.raises(InputError, match="settings 'SAM, 1 point', 'SAM with oracle, 1 point'"):
        comparison.findings(two)
    with pytest.raises(InputError, match="1 click curves without all 4 clicks. Allowed: every"):
        comparison.effort(THREE.drop(index=2))
