"""What the page on segment-everything shows: this run, and what was computed earlier."""

import numpy as np
import pytest
from test_everything import Plateaus
from toys import write_pair

from medsam.datasets.select import select
from medsam.pages.everything import Everything, EverythingSettings
from medsam.study import runner


@pytest.fixture
def page(tmp_path):
    """Give settings, get a page over two pictures; object 2 is on the second only."""
    for name in "ab":
        mask = np.zeros((16, 16), np.uint8)
        mask[2:6, 2:6] = 1
        if name == "b":
            mask[9:14, 9:14] = 2
        write_pair(tmp_path, name, mask, np.uint8(10 + 100 * mask))

    def make(**given):
        folders = {"images": str(tmp_path / "images"), "masks": str(tmp_path / "masks")}
        folders |= {"results": str(tmp_path / "r")}
        settings = EverythingSettings(**(folders | {"sides": "2"} | given))
        return Everything(settings, Plateaus(), tmp_path / "earlier")

    return make


def earlier(tmp_path, sides=(2, 4)):
    data = select((), tmp_path / "images", tmp_path / "masks", progress=False)
    out, options = tmp_path / "earlier", {"experiments": ["everything"], "sides": sides}
    runner.run(data, Plateaus(), out, progress=False, **options)


def kinds(one):
    return [(grid.image, grid.side, here) for grid, here in one.grids]


def test_earlier_grids_fill_in_and_are_told_apart(page, tmp_path):
    assert kinds(page(sides=[4, 2])) == [("b", 2, True), ("b", 4, True)]
    earlier(tmp_path)
    one = page()
    # Side 2 is of this run though it is there from earlier, and image a was not asked for.
    assert kinds(one) == [("b", 2, True), ("b", 4, False)]
    assert one.counts.here.tolist() == [True, False]
    assert one.means[one.means.k == 4].here.tolist() == [False, False]
    # Grids of another setting are not shown.
    assert kinds(page(min_score=0.5, results=str(tmp_path / "other"))) == [("b", 2, True)]


def test_earlier_grids_of_another_image_are_not_shown(page, tmp_path):
    earlier(tmp_path)
    mask = np.zeros((16, 16), np.uint8)
    mask[2:6, 2:6] = 1
    mask[8:14, 9:14] = 2
    write_pair(tmp_path, "b", mask, np.uint8(10 + 100 * mask))
    assert kinds(page()) == [("b", 2, True)]


def test_numbers_by_hand(page):
    one = page(sides="1,2", ids="b")
    # A grid of 1 has its point at 8, on the background; the object's plateau needs a grid of 2.
    assert one.counts.masks.tolist() == [1, 3]
    assert one.objects.groupby("k").iou.mean().to_dict() == {1: 0.0, 2: 1.0}
    found = one.findings()
    assert (found["objects"], found["better"], found["worse"], found["half"]) == (2, 2, 0, 2)
    assert found["mode2"] == 1.0
    assert (found["coarsest-iou"], found["finest-iou"]) == (0.0, 1.0)
