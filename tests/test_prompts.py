import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from medsam.errors import InputError
from medsam.prompts import MODES, PROTOCOLS, Draw, Prompt, mode_prompt, next_click, regions

PAPER, RELEASED = PROTOCOLS["paper"], PROTOCOLS["released"]
BOTH = pytest.mark.parametrize("protocol", [PAPER, RELEASED], ids=lambda p: p.name)

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24)).filter(np.any)


def exact_distance(mask):
    """Distance to the nearest pixel that is not mask, the outside of the image included."""
    return ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]


def three_parts():
    mask = np.zeros((100, 120), bool)
    mask[10:40, 10:60] = True  # 30 x 50
    mask[60:80, 70:100] = True  # 20 x 30
    mask[90:92, 5:9] = True  # 2 x 4
    return mask


def test_the_five_modes_by_hand():
    mask = three_parts()
    found = {k: mode_prompt(mask, k, keys=("task", "image")) for k in MODES}
    assert found[3].boxes.tolist() == [[10, 10, 59, 39]]
    assert found[4].boxes.tolist() == [[10, 10, 59, 39], [70, 60, 99, 79], [5, 90, 8, 91]]
    assert found[5].boxes.tolist() == [[5, 10, 99, 91]]
    # The centre line of the large part: rows 24 and 25, at least 15 pixels from its ends.
    ((x, y),) = found[1].points
    assert y in (24, 25)
    assert 24 <= x <= 45
    assert len(found[2].points) == 3
    assert found[2].points[0].tolist() == [x, y]
    assert found[2].labels.tolist() == [1, 1, 1]


@BOTH
def test_one_pixel_and_whole_image(protocol):
    one = np.zeros((5, 7), bool)
    one[4, 6] = True
    assert mode_prompt(one, 1, protocol).points.tolist() == [[6, 4]]
    assert mode_prompt(one, 4, protocol).boxes.tolist() == [[6, 4, 6, 4]]
    whole = np.ones((9, 9), bool)
    # The border of the image counts as boundary, so the middle is the centre.
    assert mode_prompt(whole, 1, protocol).points.tolist() == [[4, 4]]
    assert mode_prompt(whole, 5, protocol).boxes.tolist() == [[0, 0, 8, 8]]


@given(masks, st.sampled_from([PAPER, RELEASED]))
def test_points_lie_in_their_regions_and_boxes_are_tight(mask, protocol):
    parts = regions(mask, protocol)[:3]
    for part, (x, y) in zip(parts, mode_prompt(mask, 2, protocol).points.astype(int), strict=True):
        assert part[y, x]
    for part, box in zip(parts, mode_prompt(mask, 4, protocol).boxes.astype(int), strict=True):
        rows, columns = np.nonzero(part)
        assert box.tolist() == [columns.min(), rows.min(), columns.max(), rows.max()]


@given(masks)
def test_exact_centre_is_farthest_from_the_boundary(mask):
    ((x, y),) = mode_prompt(mask, 1, PAPER).points.astype(int)
    distance = exact_distance(regions(mask)[0])
    assert distance[y, x] == pytest.approx(distance.max())


def test_ties_depend_on_what_is_drawn_for_and_on_nothing_else():
    mask = np.ones((4, 40), bool)

    def drawn(seed, images):
        draw = Draw(PAPER, seed)
        return [mode_prompt(mask, 1, PAPER, draw, ("t", i)).to_json() for i in images]

    before = drawn(3, range(20))
    assert before == drawn(3, reversed(range(20)))[::-1]
    assert len(set(before)) > 5
    assert drawn(4, range(20)) != before


def test_released_draws_come_from_one_stream():
    numpy_stream = np.random.RandomState(1)
    draw = Draw(RELEASED, 1)
    sizes = [5, 1, 9, 2, 100]
    assert [draw.index(n, "any") for n in sizes] == [numpy_stream.randint(0, n) for n in sizes]


@BOTH
def test_a_stream_can_be_continued(protocol):
    draw = Draw(protocol, 1)
    draw.index(10, "a")
    state = draw.get_state()
    expected = [draw.index(1000, i) for i in range(5)]
    again = Draw(protocol, 99 if protocol is RELEASED else 1)
    again.set_state(state)
    assert [again.index(1000, i) for i in range(5)] == expected


def test_clicks_by_hand():
    mask = np.zeros((20, 20), bool)
    mask[2:9, 2:9] = True
    first = next_click(mask, None)
    assert first.to_json() == '{"points":[[5,5]],"labels":[1]}'
    # Nothing missed, a false part of 5 x 5: a negative click in its middle.
    prediction = mask.copy()
    prediction[12:17, 12:17] = True
    second = next_click(mask, prediction, first)
    assert second.to_json() == '{"points":[[5,5],[14,14]],"labels":[1,0]}'
    # All missed again: a positive click.
    third = next_click(mask, np.zeros_like(mask), second)
    assert third.labels.tolist() == [1, 0, 1]
    assert next_click(mask, mask, third) is None


@given(masks, st.integers(0, 2**32), st.floats(0, 1))
def test_next_click_is_on_an_error_and_labelled_by_the_object(mask, seed, part):
    flips = np.random.default_rng(seed).random(mask.shape) < part
    prediction = mask ^ flips
    clicks = next_click(mask, None, keys=("t", "i"))
    following = next_click(mask, prediction, clicks, keys=("t", "i"))
    if not flips.any():
        assert following is None
        return
    x, y = following.points[-1].astype(int)
    assert flips[y, x]
    assert following.labels[-1] == mask[y, x]
    distance = exact_distance(flips)
    assert distance[y, x] == pytest.approx(distance.max())


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 1)), max_size=9),
    st.lists(st.tuples(*[st.integers(0, 200)] * 4), max_size=3),
)
def test_json_round_trip(points, boxes):
    if not points and not boxes:
        return
    prompt = Prompt(
        np.array([p[:2] for p in points]).reshape(-1, 2),
        np.array([p[2] for p in points], int),
        np.array([(x, y, x + w, y + h) for x, y, w, h in boxes]).reshape(-1, 4),
    )
    again = Prompt.from_json(prompt.to_json())
    assert again.to_json() == prompt.to_json()
    assert [len(p.boxes) for p in prompt.split()] == ([1] * len(boxes) or [0])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Prompt(), "An empty prompt. Allowed: at least one point or one box."),
        (lambda: Prompt([[1, 2]], []), "1 points and 0 labels. Allowed: one label a point."),
        (lambda: Prompt([[1, 2]], [3]), r"labels \[3\]. Allowed: 1 \(object\) and 0"),
        (lambda: Prompt(boxes=[[5, 5, 4, 9]]), "ends before it begins"),
        (lambda: mode_prompt(np.zeros((3, 3), bool), 1), "a mask without a pixel"),
        (lambda: mode_prompt(np.ones((3, 3), bool), 6), "Mode 6. Allowed: 1, 2, 3, 4 or 5"),
        (lambda: next_click(np.zeros((3, 3), bool), None), "has no centre"),
    ],
)
def test_errors_say_what_is_allowed(make, says):
    with pytest.raises(InputError, match=says):
        make()


@given(masks, st.sampled_from([PAPER, RELEASED]), st.booleans())
def test_at_most_three(mask, protocol, known):
    """Modes 2 and 4 prompt the largest regions, modes 1 and 3 the first of these, 5 all at once."""
    parts = regions(mask, protocol) if known else None
    found = {k: mode_prompt(mask, k, protocol, parts=parts, keys=("t", "i")) for k in MODES}
    number = min(3, len(regions(mask, protocol)))
    assert [len(found[k].points) for k in MODES] == [1, number, 0, 0, 0]
    assert [len(found[k].boxes) for k in MODES] == [0, 0, 1, number, 1]
    assert found[1].labels.tolist() + found[2].labels.tolist() == [1] * (1 + number)
    assert found[3].boxes.tolist() == found[4].boxes[:1].tolist()
    if protocol is PAPER:
        assert found[1].points.tolist() == found[2].points[:1].tolist()
    rows, columns = np.nonzero(mask)
    all_of_it = [columns.min(), rows.min(), columns.max(), rows.max()]
    assert found[5].boxes.tolist() == [all_of_it]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_no_click_in_the_hole(hole_h, hole_w, down, right):
    """Nor a negative one: a ring that was filled in is wrong in its hole only."""
    mask = np.zeros((hole_h + 26, hole_w + 26), bool)
    mask[3 : 23 + hole_h, 3 : 23 + hole_w] = True
    inside = np.s_[3 + down : 3 + down + hole_h, 3 + right : 3 + right + hole_w]
    whole = mask.copy()
    mask[inside] = False
    for protocol in (PAPER, RELEASED):
        ((x, y),) = mode_prompt(mask, 1, protocol).points.astype(int)
        assert mask[y, x]
        first = next_click(mask, None, protocol=protocol)
        second = next_click(mask, whole, first, protocol)
        x, y = second.points[-1].astype(int)
        assert not mask[y, x]
        assert whole[y, x]
        assert second.labels.tolist() == [1, 0]


@given(masks, st.integers(0, 2**32), st.sampled_from([PAPER, RELEASED]))
def test_the_label_is_what_the_protocol_asks_for(mask, seed, protocol):
    """Of the task's object or of any: they differ where another object is."""
    other = (np.random.default_rng(seed).random(mask.shape) < 0.5) & ~mask
    prediction = mask | other
    if not other.any():
        return
    clicks = next_click(mask, None, protocol=protocol)
    following = next_click(mask, prediction, clicks, protocol, any_object=mask | other)
    x, y = following.points[-1].astype(int)
    assert other[y, x]
    assert following.labels[-1] == (protocol is RELEASED)
    assert following.points[:-1].tolist() == clicks.points.tolist()


def test_where_no_error_is_left():
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:5] = True
    clicks = next_click(mask, None)
    assert next_click(mask, mask, clicks, PAPER) is None
    # Every distance is 0 and every pixel a tie: anywhere, with the label found there.
    draw, plain = Draw(RELEASED, 5), np.random.RandomState(5)
    found = [next_click(mask, mask, clicks, RELEASED, draw) for _ in range(200)]
    y, x = np.unravel_index([plain.randint(0, 48) for _ in range(200)], mask.shape)
    assert [p.points[-1].tolist() for p in found] == np.stack([x, y], axis=1).tolist()
    assert [p.labels[-1] for p in found] == mask[y, x].astype(int).tolist()
    assert {p.labels[-1] for p in found} == {0, 1}
