"""A few slices of each scan."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from toys import write_volume

from benchmarks.spread import Spread
from medsam.datasets.own import OwnData, open_own


@given(st.integers(1, 300), st.integers(1, 30))
def test_places_are_apart_and_inside(found, n):
    places = Spread.places(found, n)
    assert len(places) == min(found, n)
    assert places == sorted(set(places))
    assert places[0] >= 0
    assert places[-1] < found
    # Neither end is favoured, but for rounding to whole slices.
    assert abs(places[0] - (found - 1 - places[-1])) <= 1


def test_slices_of_each_scan(tmp_path):
    for name, count in (("a", 7), ("b", 2)):
        labels = np.zeros((6, 5, 9), np.uint8)
        labels[2, 2, 1 : 1 + count] = 1
        write_volume(tmp_path / "image" / f"{name}.nii.gz", labels)
        write_volume(tmp_path / "mask" / f"{name}.nii.gz", labels)
    own = OwnData(key="mine", images="image", masks="mask", labels={"x": 1})
    few = Spread(open_own(own, tmp_path), 3)
    ids = [case.id for case in few.cases()]
    assert ids == [*(f"a/axial-000{k}" for k in (2, 4, 6)), "b/axial-0001", "b/axial-0002"]
    assert len(few) == 5
    assert (few.key, few.tasks, few.settings["slices"]) == ("mine", ("x",), 3)
