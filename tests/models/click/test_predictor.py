"""Click models under the contract: clicks add up, the last mask is carried, no hidden state."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from medsam.errors import InputError
from medsam.models.click.predictor import ZoomedModel
from medsam.models.click.zoom import Zoom, disks
from medsam.prompts import Prompt


class Plain(nn.Module):
    """Logits from brightness, previous mask and clicks, as four weights say."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4))
        self.seen = []

    def forward(self, picture, clicks):
        self.seen.append((tuple(picture.shape), [c.tolist() for c in clicks]))
        maps = disks(clicks, tuple(picture.shape[2:]), 5, picture)
        maps = avg_pool2d(maps, 9, 1, 4)
        stack = torch.cat([picture[:, :1], picture[:, 3:], maps], 1)
        return (stack * self.weight[:, None, None]).sum(1, keepdim=True) - 2


class PlainModel(ZoomedModel):
    network = Plain
    zoom = Zoom(size=40, min_side=20)


def plain(folder, weights):
    torch.save({"state_dict": {"weight": torch.tensor(weights)}}, folder / "plain.pth")
    return PlainModel("ritm-h18", {}, checkpoint=folder / "plain.pth")


WEIGHTS = [1.0, 1.0, 6.0, -6.0]
IMAGE = np.random.default_rng(0).integers(0, 255, (60, 50, 3), np.uint8)
POINTS, LABELS = np.array([[20, 25], [30, 25], [25, 40]]), np.array([1, 1, 0])


@pytest.fixture
def model(tmp_path):
    return plain(tmp_path, WEIGHTS)


def first(k):
    return Prompt(POINTS[:k], LABELS[:k])


def ask(model, *prompts):
    return model.predict(model.embed(IMAGE), prompts)


def same(a, b):
    return np.array_equal(a.logits, b.logits) and np.array_equal(a.masks, b.masks)


def test_the_mask_is_where_the_probability_is_above_049(model):
    (answer,) = ask(model, first(1))
    chance = 1 / (1 + np.exp(-answer.logits))
    assert answer.masks.shape == answer.logits.shape == (1, 60, 50)
    assert np.isnan(answer.scores).all()  # no estimate of the IoU
    np.testing.assert_array_equal(answer.masks, chance > 0.49)
    # By hand: without a click near, brightness b gives b - 2, below 0.
    assert answer.logits[0, 0, 0] == pytest.approx(IMAGE[0, 0, 0] / 255 - 2, abs=1e-5)


def test_each_click_is_a_step_with_the_mask_of_the_last(model):
    ask(model, first(3))
    shapes, clicks = zip(*model.net.seen, strict=True)
    assert [len(c[0]) for c in clicks] == [1, 2, 3]
    assert shapes[0] == (2, 4, 60, 50)  # the picture, and its mirror image
    assert max(shapes[1][2:]) == max(shapes[2][2:]) == 40  # Zoomed in.
    ask(model, first(2))
    assert len(model.net.seen) == 3  # Steps already made are not made again.


def test_answers_do_not_depend_on_what_was_asked_before(model, tmp_path):
    (three,) = ask(model, first(3))
    other = plain(tmp_path, WEIGHTS)
    ask(other, Prompt([[5, 5]], [0]), first(2))
    other.predict(other.embed(255 - IMAGE), [first(2)])
    assert same(ask(other, first(3))[0], three)
    order = Prompt(POINTS[[2, 1, 0]], LABELS[[2, 1, 0]])
    assert not same(ask(other, order)[0], three)  # The order of the clicks is part of them.
    assert np.isfinite(three.logits).all()
    assert three.logits.min() < -15  # outside the zoom


def test_a_previous_mask_given_back_goes_on_from_there(model):
    one, two = ask(model, first(1), first(2))
    steps = len(model.net.seen)
    (again,) = ask(model, Prompt(POINTS[:2], LABELS[:2], logits=one.logits))
    assert len(model.net.seen) == steps + 1
    np.testing.assert_allclose(again.logits, two.logits, atol=1e-3)
    (fresh,) = ask(model, Prompt(POINTS[:2], LABELS[:2], logits=np.full((1, 60, 50), -9.0)))
    assert not np.allclose(fresh.logits, two.logits, atol=1e-2)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (Prompt(boxes=[[1, 2, 3, 4]]), "'ritm-h18[+]plain' does not take box prompts"),
        (Prompt([[50, 3]], [1]), "outside the image. Allowed: x of 0 to 49 and y of 0 to 59"),
        (Prompt([[3, 4]], [1], logits=np.zeros((1, 9, 9))), r"Allowed: \(1, 60, 50\)"),
    ],
)
def test_prompts_are_refused_before_anything_is_computed(model, prompt, message):
    with pytest.raises(InputError, match=message):
        ask(model, first(1), prompt)
    assert not model.net.seen
