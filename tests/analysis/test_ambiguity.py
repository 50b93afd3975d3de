"""The masks of one point by confidence: numbers worked by hand."""

import numpy as np
import pandas as pd
import pytest
from toys import SquareModel, blob, write_pair

from medsam.analysis import ambiguity
from medsam.datasets.select import select
from medsam.prompts import Prompt
from medsam.results import rows as results
from medsam.study import runner

POINT = Prompt([[3, 3]], [1])


def square(x0, x1):
    mask = np.zeros((8, 8), bool)
    mask[x0 : x1 + 1, x0 : x1 + 1] = True
    return mask


def case(masks, scores, grey=None):
    grey = np.zeros((8, 8)) if grey is None else grey
    image = np.repeat(np.uint8(grey)[..., None], 3, axis=2)
    masks = np.stack(masks)
    return ambiguity.of_case(image, square(2, 4), masks, np.array(scores), POINT)


def test_rank_area_and_containment_by_hand():
    # In the model's own order: 3 x 3, 4 x 4 around it, and 2 x 2 that shares one pixel.
    rows = case([square(1, 4), square(2, 4), square(4, 5)], [0.5, 0.9, 0.2])
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert [row["index"] for row in rows] == [1, 0, 2]
    assert [row["area"] for row in rows] == [9, 16, 4]
    assert [row["best"] for row in rows] == [1, 0, 0]
    assert [row["iou"] for row in rows] == pytest.approx([1, 9 / 16, 1 / 12])
    assert [row["doublings"] for row in rows] == [None, pytest.approx(np.log2(16 / 9)),
                                                  pytest.approx(np.log2(4 / 9))]  # fmt: skip
    assert [row["contains"] for row in rows] == [None, 1, pytest.approx(1 / 9)]
    assert [row["expands"] for row in rows] == [None, 1, 0]
    assert [row["larger"] for row in rows] == [None, 1, 0]


def test_intensities_and_shapes_by_hand():
    grey = np.zeros((8, 8))
    grey[2:5, 2:5] = 200
    first, around = case([square(2, 4), square(1, 4)], [0.9, 0.5], grey)
    # All of one intensity; then 9 of 16 at 200 and 7 at 0: sqrt(p (1 - p)) of the range.
    assert (first["spread"], around["varied"]) == (0, 1)
    assert around["spread"] == pytest.approx(np.sqrt(9 / 16 * 7 / 16))
    # Within 2 pixels of the border inside all is 200, outside all is 0.
    assert first["contrast"] == 1 > around["contrast"]
    _, apart = case([square(2, 4), square(2, 4) | square(6, 7)], [0.9, 0.5], grey)
    # The plateau under the point is what grows from it: the first mask exactly.
    assert (first["connected"], first["grown"]) == (1, 1)
    assert (apart["connected"], apart["grown"]) == pytest.approx((9 / 13, 9 / 13))


def test_what_is_not_defined_is_null():
    nothing = np.zeros((8, 8), bool)
    first, empty = case([square(2, 4), nothing], [0.9, 0.5])
    assert (empty["area"], empty["iou"], empty["contains"]) == (0, 0, 0)
    for name in ("spread", "contrast", "connected", "grown", "doublings", "varied"):
        assert empty[name] is None
    # An image of one intensity has no range.
    assert first["spread"] is None
    assert first["contrast"] is None
    assert all(row["best"] == 0 for row in case([nothing, square(6, 7)], [0.9, 0.5]))
    after_empty = case([nothing, square(2, 4)], [0.9, 0.5])[1]
    assert after_empty["doublings"] is None
    assert after_empty["contains"] is None


def table(images=7):
    """Three ranks of one task on some images."""
    rows = []
    for n in range(images):
        for rank in (1, 2, 3):
            row = dict.fromkeys(ambiguity.MEASURES, 0.5) | {"task": "t", "image": f"i{n}"}
            row |= {"group": f"g{n}", "rank": rank, "area": 30 + 10 * n, "object_px": 20}
            row["best"] = float(rank == (1 if n < 2 else 3))
            if rank == 1:
                row |= dict.fromkeys(ambiguity.OF_FIRST)
            else:
                row["doublings"] = (1.0, 3.0, 2.0)[n % 3] if rank == 2 else -1.0
                row["larger"] = float(rank == 2)
            rows.append(row)
    return pd.DataFrame(rows)


def of(summary, measure, rank):
    (row,) = summary[(summary.measure == measure) & (summary["rank"] == rank)].to_dict("records")
    return row


def test_summary_by_hand():
    told = ambiguity.summary(table())
    best = of(told, "best", 1)
    assert (best["mean"], best["n"], best["groups"]) == (pytest.approx(2 / 7), 7, 7)
    assert best["low"] < 2 / 7 < best["high"]
    assert of(told, "doublings", 2)["mean"] == pytest.approx(13 / 7)
    assert of(told, "larger", 2)["mean"] == 1
    assert of(told, "larger", 3)["mean"] == 0
    assert told[(told.measure == "doublings") & (told["rank"] == 1)].empty


def test_slices_of_one_volume_have_no_interval():
    one = table().assign(group="volume")
    assert ambiguity.summary(one)[["low", "high"]].isna().all(axis=None)
    found = ambiguity.findings(one)
    assert (found["groups"], found["best-1"], found["larger-2"]) == (1, "29 %", "100 %")
    assert (found["best-by-iou"], found["times-3"]) == ("3rd", "0.50")
    assert found["larger-1"] == "undefined"
    assert " % (" in ambiguity.findings(table())["best-1"]


@pytest.fixture
def toy(tmp_path):
    """Five images of one object or two, and the rows of a run."""
    for i in range(5):
        write_pair(tmp_path, f"case{i}", blob(i))
    data = select((), tmp_path / "images", tmp_path / "masks", progress=False)
    runner.run(data, SquareModel(), tmp_path / "r", progress=False)
    return data, results.read(tmp_path / "r", masks=True)


def test_measure(toy):
    data, table = toy
    found = ambiguity.measure(table, data)
    rows = table.query("experiment == 'mode' and k == 1 and status == 'ok'")
    assert len(found) == 3 * len(rows.query("choice == 'top'"))
    # The toy's squares: half widths 1, 3, 6 with scores 0.5, 0.9, 0.7.
    inner = found.query("image == 'case1'")
    assert inner["index"].tolist() == [1, 2, 0]
    first = found[found["rank"] == 1].set_index(["task", "image"]).iou
    top = rows.query("choice == 'top'").set_index(["task", "image"]).iou
    pd.testing.assert_series_equal(first.sort_index(), top.sort_index())
    best = found.groupby(["task", "image"]).iou.max()
    oracle = rows.query("choice == 'oracle'").set_index(["task", "image"]).iou
    pd.testing.assert_series_equal(best.sort_index(), oracle.sort_index())
