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


# ----------------------------------------------------------------- which objects open a picture


def size_rows(sizes):
    """Rows of both modes and choices of objects ``{(task, image): pixels}``."""
    return pd.DataFrame(
        {
            "experiment": "mode", "status": "ok", "task": task, "image": image, "k": k,
            "choice": choice, "object_px": px, "iou": 0.5,
        }
        for (task, image), px in sizes.items()
        for k in (2, 4)
        for choice in ("top", "oracle")
    )  # fmt: skip


SIZES = {
    **{("t", image): px for image, px in zip("abcdef", (1, 2, 3, 4, 5, 6), strict=True)},
    **{("u", image): px for image, px in zip("bcd", (30, 10, 20), strict=True)},
}
"""Parts of t: ab, cd, ef; of u: c, d, b."""


def test_few_images_have_small_middling_and_large_objects():
    # b (t small, u large) of three equals b, c, d; then c (t middling, u small); then of d
    # (u middling), e and f (t large) the first by name, and e.
    found = examples.opening(size_rows(SIZES))
    assert found.image.unique().tolist() == ["b", "c", "d", "e"]
    # All objects of an image come with it: b, c, d have two, each with two modes and choices.
    assert len(found) == (2 + 2 + 2 + 1) * 4


# ----------------------------------------------------------------- click by click


def clicks(image, ious, task="t", choice="top", experiment="clicks"):
    return pd.DataFrame(
        {"task": task, "image": image, "experiment": experiment, "choice": choice,
         "k": range(1, len(ious) + 1), "iou": ious, "status": "ok"}
    )  # fmt: skip


def test_the_case_in_the_middle_after_the_last_click():
    table = pd.concat(
        [
            clicks("a", [0.9] * 8 + [0.1]),
            clicks("b", [0.1] * 8 + [0.5]),
            clicks("c", [0.5] * 8 + [0.9]),
            clicks("c", [1.0] * 9, choice="oracle"),
            clicks("z", [0.2] * 9, task="u"),
            clicks("a", [1.0] * 9, experiment="mode"),
        ]
    )
    chosen = examples.step_slots(table)
    assert chosen.drop_duplicates("task").image.tolist() == ["b", "z"]
    assert chosen.k.tolist() == [*range(1, 10)] * 2
    assert set(chosen.experiment) == {"clicks"}


def test_clicks_are_in_order(studied):
    data, table = studied
    chosen = examples.step_slots(table)
    shown = examples.of_rows(chosen, data)
    assert [one.k for one in shown] == [*range(1, 10)] * 2
    first, second = shown[:2]
    # A click is added to those before; none moves.
    assert len(second.prompt.points) == 2
    assert (second.prompt.points[:1] == first.prompt.points).all()
    assert [one.iou for one in shown] == chosen.iou.tolist()
