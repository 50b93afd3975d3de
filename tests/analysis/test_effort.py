import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from toys import SquareModel

from medsam.analysis.comparison import LIMIT, curves, effort, number_of_clicks
from medsam.datasets import Sample
from medsam.errors import InputError
from medsam.protocol import MAX_CLICKS
from medsam.study.evaluate import evaluate


def rows(**ious):
    """Click rows of one task, one image a name."""
    return pd.DataFrame(
        [
            {
                "dataset": "d", "task": "t", "model": "m", "protocol": "paper", "choice": "top",
                "image": image, "group": image, "experiment": "clicks", "k": k, "iou": iou,
            }
            for image, line in ious.items()
            for k, iou in enumerate(line, 1)
        ]
    )  # fmt: skip


THREE = rows(a=[0.5, 0.85, 0.8, 0.95], b=[0.9, 0.7, 0.7, 0.7], c=[0.1, 0.2, 0.3, 0.4])


def test_by_hand():
    table = effort(THREE, limit=4).set_index("target")
    assert len(table) == 3
    # a: 2 clicks, b: 1, c: not within 4.
    assert table.clicks[0.80] == (2 + 1 + 4) / 3
    assert table.clicks[0.85] == (2 + 1 + 4) / 3
    assert table.clicks[0.90] == (4 + 1 + 4) / 3
    assert table.failures.tolist() == [1, 1, 1]
    assert table.failed[0.8] == pytest.approx(1 / 3)
    # Trapezoids over three steps.
    areas = [(0.5 / 2 + 0.85 + 0.8 + 0.95 / 2) / 3, (0.9 / 2 + 1.4 + 0.35) / 3, 0.25]
    assert table.area[0.8] == pytest.approx(np.mean(areas))
    assert table.n.tolist() == [3, 3, 3]


def test_what_failed_can_be_left_out():
    table = effort(THREE, [0.8, 0.99], limit=4, failed="left_out").set_index("target")
    assert table.clicks[0.8] == 1.5
    assert np.isnan(table.clicks[0.99])
    assert table.failures[0.99] == 3


def test_a_lower_limit_cuts_the_curve():
    table = effort(THREE, [0.9], limit=2)
    assert table.failures.item() == 2
    assert table.clicks.item() == (2 + 1 + 2) / 3
    assert effort(THREE, [0.9], limit=1).area.item() == pytest.approx((0.5 + 0.9 + 0.1) / 3)


def test_a_perfect_answer_stands_for_the_clicks_that_remain():
    stopped = effort(rows(a=[0.6, 1.0]), limit=5)
    carried = effort(rows(a=[0.6, 1.0, 1.0, 1.0, 1.0]), limit=5)
    pd.testing.assert_frame_equal(stopped, carried)
    assert carried.area[0] == pytest.approx((0.3 + 3 + 0.5) / 4)


def test_groups_and_other_experiments():
    other = THREE.assign(model="other", iou=1.0)
    modes = THREE.assign(experiment="mode")
    mixed = pd.concat([modes, other, THREE, modes.head(1)], ignore_index=True)
    mixed = mixed.astype({"k": "Int16"})  # as medsam.results.rows.read gives it
    mixed.loc[len(mixed) - 1, ["image", "experiment", "k", "iou"]] = ["z", None, pd.NA, np.nan]
    table = effort(mixed.sample(frac=1, random_state=0), [0.9], limit=4)
    assert table.model.tolist() == ["m", "other"]
    assert table.clicks.tolist() == [3, 1]
    assert table.n.tolist() == [3, 3]


def test_our_own_rows():
    """The loop stops at a perfect answer and still writes every click."""
    assert LIMIT == MAX_CLICKS
    mask = np.zeros((20, 20), bool)
    mask[5:12, 5:12] = True
    sample = Sample("i", "g", np.repeat(np.uint8(200 * mask)[..., None], 3, axis=2), {"t": mask})
    model = SquareModel()
    embedding = model.embed(sample.image)
    found = evaluate(sample, "t", lambda prompt: model.predict(embedding, prompt.split()))
    table = effort(pd.DataFrame(found).assign(dataset="d", model="m"))
    assert len(table) == 2 * 3
    assert (table.clicks == 1).all()
    assert (table.area == 1).all()


@given(arrays(float, (4, 6), elements=st.floats(0, 1)), st.floats(0.1, 1))
def test_bounds(curve, target):
    number, failed = number_of_clicks(curve, target)
    assert ((number >= 1) & (number <= 6)).all()
    for line, n, missed in zip(curve, number, failed, strict=True):
        assert missed == (line.max() < target)
        assert (line[: n - 1] < target).all()
        assert missed or line[n - 1] >= target
    table = effort(rows(**dict(zip("abcd", curve.tolist(), strict=True))), [target], limit=6)
    assert curve.min() - 1e-9 <= table.area.item() <= curve.max() + 1e-9
    assert table.failures.item() == failed.sum()


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (THREE.drop(columns=["k", "iou"]), {}, "Rows without k, iou. Allowed: the columns"),
        (THREE.assign(experiment="mode"), {}, "12 rows, none of a click. Allowed: rows with"),
        (THREE, {"limit": 0}, "Limit of 0 clicks. Allowed: 1 or more"),
        (
            THREE,
            {"limit": 9},
            r"3 cases without all clicks 1 to 9; the first, t of 'a' \(m, top\), has clicks "
            r"\[1, 2, 3, 4\], the last IoU 0.950. Allowed: .* Lower the limit",
        ),
        (THREE[THREE.k != 2], {"limit": 4}, r"has clicks \[1, 3, 4\]"),
        (rows(a=[0.5, 1, 0.9, 1]).drop(index=2), {"limit": 4}, r"has clicks \[1, 2, 4\]"),
        (pd.concat([THREE, THREE.head(2)]), {}, "2 clicks are there twice, the first on t of 'a'"),
        (THREE, {"limit": 4, "failed": "nan"}, "failed='nan'. Allowed: limit, left_out"),
        (THREE, {"limit": 4, "targets": [80]}, r"Targets \[80\]. Allowed: IoUs above 0 up to 1"),
    ],
)
def test_errors(table, options, message):
    with pytest.raises(InputError, match=message):
        effort(table, **options)


def test_curves_have_an_index_of_cases():
    found = curves(THREE, 4)
    assert found.index.names[-2:] == ["image", "group"]
    assert found.shape == (3, 4)
