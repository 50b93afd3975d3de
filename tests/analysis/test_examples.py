import numpy as np
import pandas as pd
import pytest
from toys import SquareModel

from medsam.analysis import examples
from medsam.datasets import open_folders
from medsam.errors import ResultsError
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
