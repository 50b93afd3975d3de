"""What a study costs: its stages by hand, and a probe of a model."""

import math

import pytest
from scaling_toys import COSTS
from toys import SquareModel

from benchmarks.report.stages import STAGES, Stages, probe_stages
from medsam.datasets.select import select
from medsam.errors import InputError

COST = Stages(**COSTS)


def test_seconds_of_each_stage_by_hand():
    found = COST.seconds(images=10, embeddings=20, prompts=100, processes=3)
    assert list(found) == list(STAGES)
    assert found == pytest.approx(
        {
            "start": 3, "load": 6, "open": 9, "read": 5, "encode": 80, "simulate": 1,
            "decode": 10, "metrics": 2, "write": 2.5, "merge": 1.25,
        }
    )  # fmt: skip


def test_workers_share_all_but_the_merge():
    # Once 6 s, shared 5 + 80 + 1 + 10 + 2 + 2.5 = 100.5 s, merge 1.25 s.
    assert COST.total(10, 20, 100) == pytest.approx(6 + 100.5 + 1.25)
    assert COST.total(10, 20, 100, workers=2) == pytest.approx(6 + 50.25 + 1.25)
    assert COST.total(10, 20, 100, workers=2, processes=8) == pytest.approx(24 + 50.25 + 1.25)
    # There is no worker without a process.
    assert COST.total(10, 20, 100, workers=4, processes=1) == pytest.approx(6 + 25.125 + 1.25)


@pytest.mark.parametrize("seconds", [-0.1, math.nan])
def test_no_stage_takes_less_than_nothing(seconds):
    says = r"Stage 'read' of (-0.1|nan) seconds. Allowed: a number from 0. Measure it"
    with pytest.raises(InputError, match=says):
        Stages(read=seconds)


def test_a_probe_embeds_once_more_than_it_counts_and_leaves_the_model_as_it_was(folder):
    model = SquareModel()
    data = select(images=folder / "images", masks=folder / "masks")
    found = probe_stages(data, model, images=2)
    assert found.start == found.load == 0  # it was loaded already
    assert model.embedded == 3
    assert min(found.encode, found.decode, found.read, found.metrics, found.write) > 0
    assert "embed" not in vars(model)
    with pytest.raises(InputError, match="A probe of 0 images. Allowed: a whole number from 1"):
        probe_stages(data, model, images=0)
