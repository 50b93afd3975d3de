"""Noise on prompts: valid, of the right size, the same in any order, and none at level 0."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from medsam.prompts import MODES, Draw, jitter_box, jitter_click, mode_prompt, next_click
from medsam.protocol import PROTOCOLS
from medsam.regions import regions

PAPER = PROTOCOLS["paper"]
LEVELS = st.floats(0, 1)
SEEDS = st.integers(0, 2**32)


def clicking(level):
    return PAPER.but(click_jitter=level)


def drawing(level):
    return PAPER.but(box_jitter=level)


@st.composite
def aimed(draw):
    """An object and one of its pixels."""
    shape = draw(st.tuples(st.integers(1, 30), st.integers(1, 30)))
    mask = draw(arrays(bool, shape, elements=st.booleans(), fill=st.booleans()))
    y, x = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
    mask[y, x] = True
    return mask, (x, y)


@st.composite
def boxed(draw):
    """The shape of an image and a box within it."""
    height, width = draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    xs = sorted(draw(st.tuples(*[st.integers(0, width - 1)] * 2)))
    ys = sorted(draw(st.tuples(*[st.integers(0, height - 1)] * 2)))
    return [xs[0], ys[0], xs[1], ys[1]], (height, width)


@given(aimed(), LEVELS, SEEDS)
def test_a_click_stays_in_the_region_it_is_meant_for(case, level, seed):
    mask, (x, y) = case
    (region,) = [part for part in regions(mask) if part[y, x]]
    px, py = jitter_click((x, y), mask, clicking(level), seed)
    assert 0 <= px < mask.shape[1]
    assert 0 <= py < mask.shape[0]
    assert region[py, px]


@given(boxed(), LEVELS, SEEDS)
def test_a_box_is_valid(case, level, seed):
    edges, (height, width) = case
    x0, y0, x1, y1 = jitter_box(edges, (height, width), drawing(level), seed)
    assert 0 <= x0 <= x1 < width
    assert 0 <= y0 <= y1 < height


@given(aimed(), LEVELS, LEVELS, SEEDS)
def test_more_noise_is_farther_in_the_same_direction(case, a, b, seed):
    mask, point = case
    less, more = sorted((a, b))
    near = np.subtract(jitter_click(point, mask, clicking(less), seed), point)
    far = np.subtract(jitter_click(point, mask, clicking(more), seed), point)
    assert (np.abs(near) <= np.abs(far)).all()
    assert (near * far >= 0).all()


@given(LEVELS, LEVELS, SEEDS)
def test_more_noise_moves_each_edge_farther(a, b, seed):
    less, more = sorted((a, b))
    # Of a box in an image so large that nothing is clipped, while edges do not pass each other.
    edges = np.array([4000, 4000, 4999, 4999])
    near, far = (
        np.array(jitter_box(edges.tolist(), (9000, 9000), drawing(level * 0.1), seed)) - edges
        for level in (less, more)
    )
    assert (np.abs(near) <= np.abs(far)).all()
    assert (near * far >= 0).all()


def test_the_spread_is_the_level():
    disc = np.hypot(*np.mgrid[-40:41, -40:41]) <= 40
    moved = np.array([jitter_click((40, 40), disc, clicking(0.05), s) for s in range(2000)])
    assert (moved - 40).std(0) == pytest.approx([0.05 * 81] * 2, rel=0.06)
    assert (moved - 40).mean(0) == pytest.approx([0, 0], abs=0.3)
    boxes = [jitter_box([400, 400, 599, 499], (1000, 1000), drawing(0.1), s) for s in range(2000)]
    assert np.std(boxes, axis=0) == pytest.approx([20, 10, 20, 10], rel=0.06)
    assert np.corrcoef(np.transpose(boxes))[np.triu_indices(4, 1)] == pytest.approx(0, abs=0.08)


def noisy(mask, name, mode):
    protocol = PAPER.but(click_jitter=0.3, box_jitter=0.3)
    return mode_prompt(mask, mode, protocol, Draw(protocol, 1), ("t", name)).to_json()


def parts(n=2):
    mask = np.zeros((60, 80), bool)
    mask[5:35, 5:35] = True
    if n == 2:
        mask[30:50, 50:70] = True
    return mask


def test_no_prompt_depends_on_the_order():
    cases = [(f"i{i}", mode) for i in range(4) for mode in MODES]
    one = {case: noisy(parts(), *case) for case in cases}
    other = {case: noisy(parts(), *case) for case in reversed(cases)}
    assert one == other
    assert len({one[f"i{i}", 1] for i in range(4)}) == 4


def test_modes_of_an_object_of_one_region_stay_the_same():
    of = {mode: noisy(parts(1), "i", mode) for mode in MODES}
    assert of[1] == of[2]
    assert of[3] == of[4] == of[5]
    assert of[3] != mode_prompt(parts(1), 3).to_json()


def test_streams_are_left_alone():
    released = PROTOCOLS["released"]
    draws = [Draw(released, 1), Draw(released, 1)]
    mode_prompt(parts(), 2, released, draws[0])
    mode_prompt(parts(), 2, released.but(click_jitter=0.3, box_jitter=0.3), draws[1])
    assert draws[0].get_state() == draws[1].get_state()


def test_a_next_click_stays_in_the_error_of_its_kind():
    """Of an error that is half missing and half too much, without a gap between them."""
    mask, prediction = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    mask[10:30, 10:40] = True
    prediction[10:30, 30:56] = True
    first = next_click(mask, None)
    seen = set()
    for image in range(60):
        protocol = clicking(0.4)
        clicks = next_click(
            mask, prediction, first, protocol, Draw(protocol, 1), ("t", image), mask
        )
        (x, y), label = clicks.points[-1].astype(int), clicks.labels[-1]
        assert (mask ^ prediction)[y, x]
        assert mask[y, x] == bool(label)
        seen.add((x, y))
    assert len(seen) > 20


def test_a_click_on_no_error_falls_where_it_falls():
    protocol = PROTOCOLS["released"].but(click_jitter=0.5)
    plain = PROTOCOLS["released"]
    mask = parts()
    first = next_click(mask, None, None, plain, Draw(plain, 1))
    noisy = next_click(mask, mask, first, protocol, Draw(protocol, 1))
    exact = next_click(mask, mask, first, plain, Draw(plain, 1))
    assert noisy.points[-1].tolist() == exact.points[-1].tolist()
