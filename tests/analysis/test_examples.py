import numpy as np
import pandas as pd
import pytest
from results_toys import row
from toys import SquareModel

from medsam.analysis import examples
from medsam.datasets import open_folders
from medsam.errors import InputError, ResultsError
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.study import runner

PAPER = PROTOCOLS["paper"]


def rows(ious):
    return pd.DataFrame({"image": [f"i{n:02d}" for n in range(len(ious))], "iou": ious})


def test_nearest_rank_by_hand():
    table = rows([0.9, 0.1, 0.5, 0.3])
    found = [examples.at_percentile(table, p).iou for p in (25, 50, 75)]
    assert found == [0.1, 0.3, 0.5]
    assert examples.at_percentile(rows([0.4]), 75).iou == 0.4
    assert examples.at_percentile(rows([np.nan, 0.2]), 25).iou == 0.2


@pytest.fixture
def studied(folder, tmp_path):
    data, model = open_folders(folder / "images", folder / "masks", progress=False), SquareModel()
    runner.run(data, model, tmp_path / "r", PAPER, progress=False)
    return data, results.read(tmp_path / "r", masks=True)


def test_cases_have_the_masks_of_their_rows(studied):
    data, table = studied
    chosen = examples.slots(table, (1, 2, 3, 4, 5))
    found = examples.of_rows(chosen, data)
    assert [e.image_id for e in found] == chosen.image.tolist()
    for example in found:
        both = (example.prediction & example.mask).sum()
        assert both / (example.prediction | example.mask).sum() == pytest.approx(example.iou)


def test_other_data_is_refused(studied):
    data, table = studied
    chosen = examples.slots(table, (4,))
    with pytest.raises(ResultsError, match="in the results. Allowed: the data that"):
        examples.of_rows(chosen.assign(iou=0.123), data)
    with pytest.raises(ResultsError, match="are not in dataset"):
        examples.of_rows(chosen.assign(image="gone"), data)
    with pytest.raises(ResultsError, match=r"have no mask.*medsam run --keep-masks chosen"):
        examples.of_rows(chosen.assign(mask=None), data)


def test_few_images_hold_small_middling_and_large_objects():
    sizes = {"i1": 10, "i2": 20, "i3": 30, "i4": 40, "i5": 50, "i6": 60}
    cases = [row(image=i, object_px=n, k=k, iou=0.5) for i, n in sizes.items() for k in (1, 2, 4)]
    # Of another task with two of these images; one of a third has no pixel.
    cases += [row(image=i, task="b", object_px=n, k=2) for i, n in (("i4", 7), ("i2", 9))]
    cases += [row(image="i0", task="c", object_px=0, k=2)]
    found = examples.opening(pd.DataFrame(cases))
    # i2 is the first with parts of two tasks, and so is i4; then one is left.
    assert set(found.image) == {"i2", "i4", "i5"}
    assert set(found.k) == {2, 4}


def test_clicks_are_shown_of_the_case_in_the_middle():
    last = {"i1": 0.9, "i2": 0.2, "i3": 0.5}
    cases = [
        row(experiment="clicks", image=image, k=k, iou=iou if k == 9 else 1.0)
        for image, iou in last.items()
        for k in range(9, 0, -1)
    ]
    found = examples.step_slots(pd.DataFrame(cases))
    assert set(found.image) == {"i3"}
    assert found.k.tolist() == list(range(1, 10))
    with pytest.raises(InputError, match=r"No row of 9 clicks with choice 'top' \(there: \[1, 2"):
        examples.step_slots(pd.DataFrame(cases).query("k < 9"))
