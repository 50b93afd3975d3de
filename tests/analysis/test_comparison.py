"""Differences between models, by hand and from the published tables."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medsam.analysis import comparison, published
from medsam.errors import InputError, UnknownName

COLUMNS = list(comparison.COLUMNS)


def means(**models):
    """IoUs of tasks t0, t1, ... by model."""
    return pd.concat(
        pd.DataFrame(
            {
                "task": [f"t{n}" for n in range(len(ious))],
                "name": [f"Task {n}" for n in range(len(ious))],
                "modality": "CT", "model": model, "iou": ious,
            }
        )
        for model, ious in models.items()
    )  # fmt: skip


def test_deltas_by_hand():
    table = comparison.deltas(means(a=[0.5, 0.25], b=[0.25, 0.5], c=[0.5, 0.0]), "a")
    assert table.columns.tolist() == COLUMNS
    assert table[["task", "method", "delta"]].to_numpy().tolist() == [
        ["t0", "b", 0.25],
        ["t1", "b", -0.25],
        ["t0", "c", 0.0],
        ["t1", "c", 0.25],
    ]
    assert set(table.reference) == {"a"}


def test_a_task_of_one_model_only_is_not_compared():
    table = comparison.deltas(means(a=[0.5, 0.25], b=[0.25]), "a", ["b"])
    assert table.task.tolist() == ["t0"]


def test_findings_count_wins_ties_and_losses():
    table = comparison.deltas(means(a=[0.5, 0.25, 0.5], B=[0.25, 0.5, 0.5], c=[0.25] * 3), "a")
    found = comparison.findings(table)
    assert found == {
        "tasks": 3, "above-all": 1, "not-above": "Task 1, Task 2",
        "mean": pytest.approx(1.25 / 3), "largest": 0.25, "largest-task": "Task 2",
        "b-wins": 1, "b-ties": 1, "b-losses": 1, "b-mean": pytest.approx(1.25 / 3),
        "c-wins": 2, "c-ties": 1, "c-losses": 0, "c-mean": 0.25,
    }  # fmt: skip


def test_nothing_is_not_above():
    table = comparison.deltas(means(a=[0.5], b=[0.25]), "a")
    assert comparison.findings(table)["not-above"] == "none"


IOUS = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@given(IOUS, st.data())
def test_the_other_way_round_is_the_negative(ious, data):
    others = data.draw(st.lists(st.floats(0, 1), min_size=len(ious), max_size=len(ious)))
    both = means(a=ious, b=others)
    one, other = comparison.deltas(both, "a"), comparison.deltas(both, "b")
    assert (one.delta == -other.delta).all()
    mine, theirs = (comparison.overview(t).iloc[0] for t in (one, other))
    assert (mine.wins, mine.ties, mine.losses) == (theirs.losses, theirs.ties, theirs.wins)
    assert mine.wins + mine.ties + mine.losses == mine.tasks == len(ious)


@pytest.mark.parametrize(
    ("reference", "above", "mean"),
    [("SAM", 24, 0.4595), ("SAM (oracle)", 26, 0.5080), ("SAM (mode 3)", 26, 0.5891)],
)
def test_published(reference, above, mean):
    table = comparison.of_published(reference)
    assert len(table) == 28 * 3
    assert set(table.method) == {"RITM", "SimpleClick", "FocalClick"}
    found = comparison.findings(table)
    assert found["above-all"] == above
    assert found["mean"] == pytest.approx(mean, abs=5e-5)
    assert found["focalclick-mean"] == pytest.approx(0.2240, abs=5e-5)


def test_a_published_difference_by_hand():
    table = comparison.of_published().set_index(["task", "method"])
    one = published.clicks().query("k == 1").set_index(["task", "model"]).iou
    wanted = one["ct_spleen", "SAM"] - one["ct_spleen", "RITM"]
    assert table.delta["ct_spleen", "RITM"] == wanted == pytest.approx(0.8327, abs=5e-5)
    # SAM's box is of the other table: mode 3, without oracle.
    box = published.modes().set_index(["task", "mode", "choice"]).iou["us_nerve", 3, "top"]
    table = comparison.of_published("SAM (mode 3)").set_index(["task", "method"])
    assert table.reference_iou["us_nerve", "RITM"] == box


def test_findings_agree_with_the_landing_page():
    found = comparison.findings(comparison.of_published())
    assert found["above-all"] == published.findings()["beats-all"]


def rows(model, images, ious, *, experiment="mode", k=3, choice="top", task="t"):
    return pd.DataFrame(
        {
            "dataset": "d", "task": task, "image": images, "group": images, "modality": "CT",
            "model": model, "protocol": "paper", "experiment": experiment, "k": k,
            "choice": choice, "iou": ious, "status": "ok",
        }
    )  # fmt: skip


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


def test_rows_with_enough_patients_have_an_interval():
    images = [f"i{n}" for n in range(8)]
    gains = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1, 0.2]
    both = pd.concat([rows("a", images, [0.5 + g for g in gains]), rows("b", images, [0.5] * 8)])
    (one,) = comparison.of_rows(both, "a", {"t": "Task"}).to_dict("records")
    assert one["delta"] == pytest.approx(sum(gains) / 8)
    assert one["low"] < one["delta"] < one["high"]
    assert one["verdict"] == "a higher"


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


def test_the_order_is_that_of_the_names():
    both = pd.concat(rows(m, ["i"], [0.5], task=t, k=k) for m in "ab" for t in "tu" for k in (4, 3))
    table = comparison.of_rows(both, "a", {"u": "U", "t": "T"})
    assert list(zip(table.setting, table.task, strict=True)) == [
        ("mode 3", "u"), ("mode 3", "t"), ("mode 4", "u"), ("mode 4", "t"),
    ]  # fmt: skip


def test_nothing_to_compare_is_empty():
    table = comparison.of_rows(rows("a", ["i"], [0.5]), "a", {"t": "Task"})
    assert table.empty
    assert set(COLUMNS) < set(table.columns)
    apart = pd.concat([rows("a", ["i"], [0.5]), rows("b", ["i"], [0.5], k=4)])
    assert comparison.of_rows(apart, "a", {"t": "Task"}).empty


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (
            lambda: comparison.deltas(means(a=[0.5], b=[0.5]), "c"),
            UnknownName,
            "Unknown model in this table 'c'",
        ),
        (
            lambda: comparison.deltas(means(a=[0.5]), "a"),
            InputError,
            "No task of a that another model has as well. Allowed: two models or more",
        ),
        (
            lambda: comparison.of_published("SAM (mode 4)"),
            UnknownName,
            r"Unknown reference 'SAM \(mode 4\)'.*Allowed: SAM",
        ),
        (
            lambda: comparison.findings(
                pd.concat([comparison.of_published(r) for r in ("SAM", "SAM (oracle)")])
            ),
            InputError,
            "settings 'SAM, 1 point', 'SAM with oracle, 1 point'. Allowed: at least one row, of",
        ),
        (
            lambda: comparison.findings(comparison.of_published().iloc[:0]),
            InputError,
            "Differences of 0 tasks and methods, settings none",
        ),
    ],
)
def test_errors(call, error, says):
    with pytest.raises(error, match=says):
        call()


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


def test_effort_of_models_and_choices_in_their_order():
    other = THREE.assign(model="a", iou=1.0)
    both = pd.concat([THREE, other]).assign(choice="top")
    both = pd.concat([both, THREE.assign(choice="oracle", iou=0.9)])
    found = comparison.effort(both, [0.9])
    assert found.model.tolist() == ["m", "a", "m (oracle)"]
    assert found.noc90.tolist() == [3, 1, 1]


@given(arrays(float, (4, 6), elements=st.floats(0, 1)), st.integers(10, 99))
def test_effort_is_within_its_bounds(curves, percent):
    table = clicks(**dict(zip("abcd", curves.tolist(), strict=True)))
    (found,) = comparison.effort(table, [percent / 100]).to_dict("records")
    assert 1 <= found[f"noc{percent}"] <= 6
    assert found[f"missed{percent}"] == (curves.max(axis=1) < percent / 100).sum()
    assert curves.min() - 1e-9 <= found["area"] <= curves.max() + 1e-9


def test_effort_of_the_published_tables():
    found = comparison.effort(published.clicks()).set_index("model")
    line = (
        published.clicks().query("model == 'RITM'").pivot(index="task", columns="k", values="iou")
    )
    assert found.missed80["RITM"] == (line.max(axis=1) < 0.8).sum()
    assert (found.curves == 28).all()


def test_a_curve_that_lacks_a_click():
    with pytest.raises(InputError, match="1 click curves without all 4 clicks. Allowed: every"):
        comparison.effort(THREE.drop(index=2))
