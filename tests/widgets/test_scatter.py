"""The data behind the size scatter; what it draws is in tests/book/test_widgets.py."""

import json

import numpy as np
import pandas as pd
import pytest
from size_toys import objects
from widget_toys import SHIFT, all_sized, mask_of, sized, sized_rows, square

from medsam.analysis import sizes
from medsam.errors import InputError
from medsam.widgets.scatter import SizeScatter


def test_points_by_hand():
    made = SizeScatter(*all_sized(), "Toy rows.")
    assert made.objects == [
        ["liver", "a", {"share": 0.01, "px": 4}],
        ["liver", "b", {"share": 0.04, "px": 16}],
        ["spleen", "c", {"share": 0.25, "px": 100}],
        ["spleen", "d", {"share": 1.0, "px": 400}],
    ]
    assert made.ious == {
        "top/2": [0.0, 0.2, 0.4, 0.6],
        "top/4": [0.8, 0.6, 0.4, 0.2],
        "oracle/2": [0.1, 0.3, 0.5, 0.7],
        "oracle/4": [0.9, 0.7, 0.5, 0.3],
    }
    assert (made.task, made.mode, made.choice, made.axis) == ("", 4, "top", "share")
    assert made.selected == 1  # of the two with a picture the smaller: the middle, rounded down
    json.dumps(made.get_state(), allow_nan=False)
    # Of 4 columns 2 are shared, of 6: 1/3; of 10, 8 of 12.
    words = "Liver, b: 16 pixels, IoU 0.333; Spleen, c: 100 pixels, IoU 0.667"
    assert words in made.still().caption


def test_masks_of_every_choice_come_with_it():
    made = SizeScatter(*all_sized())
    for at, image in ((1, "b"), (2, "c")):
        for choice, shift in SHIFT.items():
            case = made.cases[f"{choice}/4/{at}"]
            assert (mask_of(made, case, "truth") == square(image)).all()
            assert (mask_of(made, case, "prediction") == np.roll(square(image), shift, 1)).all()
    assert made.cases["top/4/1"]["boxes"] == [[4, 4, 7, 7]]
    assert len(made.masks) == 6  # an object and two masks, whatever the mode


def test_correlations_are_those_of_the_page():
    table = objects(n_tasks=2, per=9).assign(dataset="d")
    made = SizeScatter({"top": table})
    within = sizes.within(table)
    for row in within.itertuples():
        told = made.rhos[f"top/{row.k}/share"][row.task]
        assert told == [*np.round([row.rho, row.rho_low, row.rho_high], 4), 9, 1]
    for row in sizes.pooled(within).query("method == 'spearman'").itertuples():
        told = made.rhos[f"top/{row.k}/share"][""]
        assert told == [*np.round([row.value, row.low, row.high], 4), 18, 2]
    small = SizeScatter({"top": sized_rows()})
    assert small.rhos["top/2/px"]["liver"] == [None, None, None, 2, 1]  # too few


def test_pixels_of_different_area_have_a_correlation_of_their_own():
    # Four livers; IoU rises with pixels, and falls with mm², as the large ones have small pixels.
    table = sized_rows().assign(task="liver", name="Liver").query("k == 2")
    areas = {"a": 1000.0, "b": 100.0, "c": 4.0, "d": 0.5}
    made = SizeScatter({"top": table}, areas=areas)
    assert made.axes == ["share", "px", "mm2"]
    assert [sizes["mm2"] for *_, sizes in made.objects] == [4000, 1600, 400, 200]
    assert made.rhos["top/2/px"]["liver"][0] == 1
    assert made.rhos["top/2/mm2"]["liver"][0] == -1
    del areas["d"]  # one image does not tell: no mm² for any
    assert SizeScatter({"top": table}, areas=areas).axes == ["share", "px"]


@pytest.mark.parametrize(
    ("datasets", "examples", "text"),
    [
        ((), [], "0 rows of 0 datasets"),
        (("d", "e"), [], "16 rows of 2 datasets"),
        (("d",), [sized(image_id="z")], "'z' .*not among the rows"),
        (("d",), [sized(choice="oracle")], "oracle/2: not among"),
    ],
)
def test_what_cannot_be_shown(datasets, examples, text):
    rows = [sized_rows().iloc[:0], *(sized_rows().assign(dataset=name) for name in datasets)]
    with pytest.raises(InputError, match=text):
        SizeScatter({"top": pd.concat(rows)}, examples)
