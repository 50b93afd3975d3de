"""Object sizes and what they have to do with IoU: tiny tables, worked by hand."""

import math
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import results_toys

from medsam.analysis import sizes
from medsam.errors import InputError


def row(task, image, px, iou, **changes):
    """One result on an image of 10 x 100 pixels."""
    plain = {"task": task, "object_px": px, "iou": iou, "k": 2, "height": 10, "width": 100}
    return results_toys.row(image, **plain | changes)


def table(*rows):
    whole = dict.fromkeys(("k", "object_px", "height", "width"), "Int64")
    return pd.DataFrame(rows).astype(whole)


def two_tasks():
    """Sizes 1, 10 (mean 5.5) and 100, 300 (mean 200) of 1000 pixels; both modes."""
    return table(
        *(
            row(task, image, px, iou + 0.2 * (k == 4), k=k)
            for k in (2, 4)
            for task, image, px, iou in (
                ("big", "a", 300, 0.7),
                ("big", "b", 100, 0.5),
                ("small", "a", 1, 0.1),
                ("small", "b", 10, 0.2),
            )
        )
    )


def powers():
    """Four tasks of one object each, ten times as large each: IoU 0, .1, .3, .2 by mode 2."""
    return table(*(row(f"t{n}", f"i{n}", 10**n, (0, 0.1, 0.3, 0.2)[n]) for n in range(4)))


def test_a_size_is_a_share_of_the_image():
    found = sizes.cases(two_tasks(), names={"big": "Liver"})
    assert found["size"].tolist()[:4] == [0.3, 0.1, 0.001, 0.01]
    assert found["name"].unique().tolist() == ["Liver", "small"]
    assert found.k.tolist() == [2] * 4 + [4] * 4
    assert sizes.counts(found) == {"tasks": 2, "objects": 4, "images": 2, "groups": 2}
    named = sizes.cases(two_tasks().assign(name="of the rows"))
    assert set(named["name"]) == {"of the rows"}


def test_spread_by_hand():
    found = sizes.spread(sizes.cases(two_tasks())).set_index("task")
    assert found.index.tolist() == ["small", "big"]
    assert found["rank"].tolist() == [1, 2]
    big = found.loc["big"]
    # One object an image, whatever the number of modes.
    assert (big.n, big.groups) == (2, 2)
    assert (big["mean"], big["median"], big.q25, big.q75) == pytest.approx((0.2, 0.2, 0.15, 0.25))
    assert (big.smallest, big.largest) == (0.1, 0.3)
    # Standard deviation of 0.1 and 0.3: sqrt(0.02); over the mean of 0.2.
    assert big.cv == pytest.approx(math.sqrt(0.02) / 0.2)


def test_lines_are_fitted_on_the_logarithm():
    (told,) = sizes.between(sizes.means(sizes.cases(powers()))).itertuples()
    # x = -3..0, y = 0, .1, .3, .2: slope = Sxy / Sxx = 0.4 / 5; r = 0.4 / sqrt(5 * 0.05).
    assert told.n == 4
    assert told.slope == pytest.approx(0.08)
    assert told.intercept == pytest.approx(0.15 + 0.08 * 1.5)
    assert told.r == pytest.approx(0.8)
    assert told.rho == pytest.approx(0.8)
    # On the size itself: Sxy = 0.06435, Sxx = 0.70152, Syy = 0.05.
    assert told.raw == pytest.approx(0.06435 / math.sqrt(0.70152 * 0.05), rel=1e-4)


def test_within_looks_at_single_objects():
    rows = table(
        *(row("t", f"i{n}", 10**n, iou) for n, iou in enumerate((0, 0.1, 0.3, 0.2))),
        *(row("u", f"i{n}", 10, 0.5) for n in range(3)),
    )
    found = sizes.within(sizes.cases(rows)).set_index("task")
    assert found.rho["t"] == pytest.approx(0.8)
    assert found.slope["t"] == pytest.approx(0.08)
    assert math.isnan(found.rho["u"])
    assert found.n.to_dict() == {"t": 4, "u": 3}
    pooled = sizes.pooled(found.reset_index()).set_index("method")
    assert pooled.loc["spearman", "groups"] == 1
    assert pooled.loc["spearman", "value"] == pytest.approx(0.8)
    assert pooled.loc["pearson", "n"] == 4


def test_too_few_volumes_give_numbers_without_intervals_and_tests():
    ious = (0.1, 0.3, 0.2, 0.5, 0.4, 0.45)
    rows = pd.concat(
        table(*(row(f"t{t}", f"i{n}", 2 ** (t + n), iou + more) for n, iou in enumerate(ious)))
        for t, more in enumerate((0, 0.2, 0.1, 0.3))
    )
    mostly = rows.group.where(rows.image.isin(["i0", "i1"]), "volume")
    many, one = (sizes.cases(r) for r in (rows, rows.assign(group=mostly)))
    for of in (lambda c: sizes.between(sizes.means(c)), lambda c: sizes.pooled(sizes.within(c))):
        told, alone = of(many), of(one)
        unsure = [name for name in told if name.endswith(("low", "high", "_p")) or name == "p"]
        assert told.notna().all(axis=None)
        assert alone[unsure].isna().all(axis=None)
        pd.testing.assert_frame_equal(told.drop(columns=unsure), alone.drop(columns=unsure))


def test_rows_of_two_models_and_rows_without_a_result():
    with pytest.raises(InputError, match=r"Rows of 2 models: m, n\. Allowed: one\. Choose"):
        sizes.cases(pd.concat([powers(), powers().assign(model="n")]))
    with pytest.raises(InputError, match=r"4 rows, none of modes 2, 4 \(top\) with a result"):
        sizes.cases(powers().assign(status="empty"))


def test_area_is_rows_times_columns_and_one_that_does_not_tell_ends_it():
    read = []

    def load(name, spacing):
        read.append(name)
        return SimpleNamespace(spacing=spacing)

    spacings = {"a": (0.5, 2.0), "b": (0.5, 0.5), "c": None, "d": (1, 1)}
    cases = [SimpleNamespace(id=name, load=partial(load, name, s)) for name, s in spacings.items()]
    data = SimpleNamespace(cases=lambda: cases)
    assert sizes.pixel_areas(data, ["b", "a", "a"]) == {"a": 1.0, "b": 0.25}
    assert sizes.pixel_areas(data, ["a", "c", "d"]) == {}
    assert read == ["a", "b", "a", "c"]
