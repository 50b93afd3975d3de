"""nnInteractive: what its session is told, with a session that draws what it is told."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from medsam.errors import InputError
from medsam.models import load
from medsam.models.check import faults
from medsam.prompts import Prompt


class Session:
    def __init__(self, **_):
        self.told = []

    def initialize_from_trained_model_folder(self, folder):
        self.told.append(folder)

    def set_image(self, image):
        self.told.append(image.shape)

    def set_target_buffer(self, buffer):
        self.buffer = buffer

    def reset_interactions(self):
        self.told.append("reset")

    def add_bbox_interaction(self, box, include_interaction):
        self.told.append((box, include_interaction))
        self.buffer[tuple(slice(*side) for side in box)] = 1

    def add_point_interaction(self, at, include_interaction):
        self.told.append((at, include_interaction))
        self.buffer[at] = include_interaction


def test_a_volume_of_one_slice_and_one_interaction_a_point(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    fold = tmp_path / "nnInteractive_v1.0" / "fold_0"
    fold.mkdir(parents=True)
    (fold / "checkpoint_final.pth").write_bytes(b"")
    name = "nnInteractive.inference.inference_session"
    with pytest.raises(InputError, match="Run `pip install nnInteractive`"):
        load("nninteractive")
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(nnInteractiveInferenceSession=Session))
    model = load("nninteractive")
    prompts = [Prompt([[3, 4], [9, 2]], [1, 0]), Prompt(boxes=[[1, 2, 5, 7]])]
    one, two = model.predict(model.embed(np.zeros((8, 12, 3), np.uint8)), prompts)
    points = [((0, 4, 3), True), ((0, 2, 9), False)]
    box = ([[0, 1], [2, 8], [1, 6]], True)
    assert model._session.told == [str(fold.parent), (1, 1, 8, 12), "reset", *points, "reset", box]
    assert np.argwhere(one.masks).tolist() == [[0, 4, 3]]
    assert two.masks.sum() == 5 * 6
    assert faults(model) == []
    assert model.provenance()["licence"] == "CC BY-NC-SA 4.0"
