import numpy as np
import pandas as pd
import pytest
from toys import SquareModel

from medsam.analysis import examples
from medsam.datasets import FolderDataset
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


def test_nothing_to_rank():
    with pytest.raises(InputError, match="No row with an IoU"):
        examples.at_percentile(rows([np.nan]), 50)


@pytest.fixture
def studied(folder, tmp_path):
    data, model = FolderDataset(folder / "images", folder / "masks", progress=False), SquareModel()
    runner.run(data, model, tmp_path / "r", PAPER, progress=False)
    return data, model, results.read(tmp_path / "r")


def test_slots(studied):
    _, _, table = studied
    chosen = examples.slots(table, (2, 4))
    assert len(chosen) == 2 * 2 * 3
    shared = examples.slots(table, (2, 4), rank_by=4)
    per_slot = shared.groupby(["task", "percentile"]).image.nunique()
    assert (per_slot == 1).all()


def test_predicted_again(studied):
    data, model, table = studied
    chosen = examples.slots(table, (1, 2, 3, 4, 5))
    before = model.embedded
    again = examples.predict_again(chosen, data, model, PAPER, progress=False)
    assert model.embedded - before == chosen.image.nunique()
    assert [e.image_id for e in again] == chosen.image.tolist()
    for example in again:
        both = (example.prediction & example.mask).sum()
        assert both / (example.prediction | example.mask).sum() == pytest.approx(example.iou)


def test_both_masks_of_a_prompt_are_of_one_answer(studied):
    data, model, table = studied
    modes = table[(table.experiment == "mode") & (table.k == 2) & (table.status == "ok")]
    before = len(model.asked)
    again = examples.predict_again(modes.assign(percentile=0), data, model, PAPER, progress=False)
    assert {e.choice for e in again} == {"top", "oracle"}
    assert len(model.asked) - before == len(again) / 2


def test_other_data_is_refused(studied):
    data, model, table = studied
    chosen = examples.slots(table, (4,))
    with pytest.raises(ResultsError, match="in the results. Allowed: the data and weights"):
        examples.predict_again(chosen.assign(iou=0.123), data, model, PAPER, progress=False)
    with pytest.raises(ResultsError, match="are not in dataset"):
        examples.predict_again(chosen.assign(image="gone"), data, model, PAPER, progress=False)
