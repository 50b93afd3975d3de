import numpy as np
import pandas as pd
import pytest

from medsam.analysis import statistics
from medsam.errors import InputError


def cases(**tasks):
    """Task to {image: (base, variant)}."""
    rows = [
        {"task": task, "image": image, "protocol": name, "iou": iou}
        for task, of in tasks.items()
        for image, ious in of.items()
        for name, iou in zip(("a", "b"), ious, strict=True)
    ]
    return pd.DataFrame(rows)


def effect(**tasks):
    return statistics.effect(statistics.wide(cases(**tasks), ["a", "b"]), "a", "b")


def test_tasks_weigh_the_same_by_hand():
    # One task of three images that gain 0.3, 0.1 and 0.2, one of one image that loses 0.4.
    found = effect(
        t={"i": (0.1, 0.4), "j": (0.2, 0.3), "k": (0.5, 0.7)},
        u={"i": (0.9, 0.5)},
    )
    assert found.base == pytest.approx((0.8 / 3 + 0.9) / 2)
    assert found.variant == pytest.approx((1.4 / 3 + 0.5) / 2)
    assert found.delta == pytest.approx((0.2 - 0.4) / 2)
    assert (found.changed, found.cases, found.images, found.tasks) == (1, 4, 3, 2)
    assert found.low < found.delta < found.high


def test_no_change_is_no_interval():
    found = effect(t={"i": (0.1, 0.1), "j": (0.2, 0.2)})
    assert (found.delta, found.low, found.high, found.changed) == (0, 0, 0, 0)


def test_one_image_has_no_interval():
    found = effect(t={"i": (0.1, 0.3)})
    assert found.low == found.delta == found.high == pytest.approx(0.2)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        gains = rng.normal(0.1, 0.05, 40)
        found = effect(t={f"i{n}": (0.5, 0.5 + gain) for n, gain in enumerate(gains)})
        held += found.low <= 0.1 <= found.high
    assert 51 <= held <= 60


def test_the_interval_is_the_same_each_time():
    tasks = {"t": {f"i{n}": (0.5, 0.5 + n / 50) for n in range(20)}}
    assert effect(**tasks) == effect(**tasks)


def test_images_are_drawn_with_all_their_tasks():
    """Two tasks that gain on the same images are no better known than one."""
    of = {f"i{n}": (0.5, 0.5 + n / 50) for n in range(20)}
    one, two = effect(t=of), effect(t=of, u=of)
    assert (two.low, two.high) == pytest.approx((one.low, one.high))


def test_a_task_of_which_no_image_is_drawn_does_not_count():
    values = np.array([[0.1, 0.2], [np.nan, 0.6]])
    assert statistics.mean_of_tasks(values, np.array([0, 0])) == pytest.approx(0.1)
    assert statistics.mean_of_tasks(values, np.array([0, 1])) == pytest.approx((0.15 + 0.6) / 2)


def test_a_case_that_is_missing_under_one_protocol_is_an_error():
    rows = cases(t={"i": (0.1, 0.2), "j": (0.3, 0.4)})
    with pytest.raises(InputError, match="2 cases, of which some have no IoU under b. Allowed"):
        statistics.wide(rows.iloc[:-1], ["a", "b"])
    with pytest.raises(InputError, match="some have no IoU under c. Allowed: the same cases"):
        statistics.wide(rows, ["a", "c"])
    with pytest.raises(InputError, match="0 cases"):
        statistics.wide(rows.iloc[:0], ["a"])
