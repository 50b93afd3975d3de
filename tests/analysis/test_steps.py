"""Which cases are shown click by click."""

import pandas as pd
import pytest
from toys import SquareModel

from medsam.analysis import examples
from medsam.datasets import FolderDataset
from medsam.errors import InputError
from medsam.protocol import PROTOCOLS
from medsam.results import rows
from medsam.study import runner


def clicks(image, ious, task="t", choice="top", experiment="clicks"):
    return pd.DataFrame(
        {"task": task, "image": image, "experiment": experiment, "choice": choice,
         "k": range(1, len(ious) + 1), "iou": ious, "status": "ok"}
    )  # fmt: skip


TABLE = pd.concat(
    [
        clicks("a", [0.9, 0.1]),
        clicks("b", [0.1, 0.5]),
        clicks("c", [0.5, 0.9]),
        clicks("c", [0.0, 1.0], choice="oracle"),
        clicks("z", [0.2, 0.3], task="u"),
        clicks("a", [1.0, 1.0], experiment="mode"),
    ]
)


@pytest.mark.parametrize(
    ("percentile", "at", "image"), [(50, 2, "b"), (50, 1, "c"), (100, 2, "c"), (1, 2, "a")]
)
def test_the_case_is_ranked_by_hand(percentile, at, image):
    chosen = examples.step_slots(TABLE, percentile=percentile, at=at)
    of_task = chosen[chosen.task == "t"]
    assert set(of_task.image) == {image}
    assert of_task.k.tolist() == [1, 2]
    assert set(of_task.percentile) == {percentile}
    assert set(chosen[chosen.task == "u"].image) == {"z"}
    assert set(chosen.experiment) == {"clicks"}


def test_oracle_ranks_for_itself():
    assert examples.step_slots(TABLE, at=2, choice="oracle").iou.tolist() == [0, 1]


def test_no_clicks():
    with pytest.raises(InputError, match=r"No row of 9 clicks .*\(there: \[1, 2\]\)\. Allowed"):
        examples.step_slots(TABLE)
    with pytest.raises(InputError, match="there: none"):
        examples.step_slots(TABLE[TABLE.experiment == "mode"])


def test_the_prompts_are_replayed(folder, tmp_path):
    data, model = FolderDataset(folder / "images", folder / "masks", progress=False), SquareModel()
    runner.run(data, model, tmp_path / "r", PROTOCOLS["paper"], progress=False)
    chosen = examples.step_slots(rows.read(tmp_path / "r"))
    shown = examples.predict_again(chosen, data, model, PROTOCOLS["paper"], progress=False)
    assert [one.k for one in shown] == [*range(1, 10)] * 2
    first, second = shown[:2]
    assert len(second.prompt.points) == 2
    # A click is added to those before; none moves.
    assert (second.prompt.points[:1] == first.prompt.points).all()
    assert [one.iou for one in shown] == chosen.iou.tolist()
