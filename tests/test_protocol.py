import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medsam import PROTOCOLS, InputError, Protocol, UnknownName
from medsam.protocol import CHOICES_BY_FIELD, ablated, other

LEVELS = st.floats(0, 1, allow_subnormal=False)


def choices():
    """Any set of changes, each with an allowed value."""
    fields = {
        name: st.sampled_from(allowed) if allowed else LEVELS
        for name, allowed in CHOICES_BY_FIELD.items()
    }
    return st.fixed_dictionaries({}, optional=fields)


def test_presets_differ_where_text_and_code_differ():
    paper, released = PROTOCOLS["paper"].as_dict(), PROTOCOLS["released"].as_dict()
    same = {name for name in paper if paper[name] == released[name]}
    # Noise is no difference of text and code: neither has any.
    assert same == {"click_jitter", "box_jitter"}


def test_published_is_the_text_with_the_mask_that_the_code_scores():
    assert PROTOCOLS["paper"].but("published", top="first") == PROTOCOLS["published"]
    assert [other(name) for name in ("paper", "published", "released")] == [
        *("released", "released", "paper")
    ]
    assert "top" not in ablated("published")


@given(st.sampled_from(sorted(PROTOCOLS)), choices())
def test_a_name_says_the_protocol(preset, changes):
    made = Protocol.get(preset).but(**changes)
    assert Protocol.get(made.name) == made
    assert dataclasses.replace(made, name="") == dataclasses.replace(
        Protocol.get(preset), name="", **changes
    )


def test_equal_protocols_have_equal_names():
    paper = Protocol.get("paper")
    one = paper.but(top="first").but(boxes="joint")
    assert (
        one == paper.but(boxes="joint", top="first") == Protocol.get("paper+boxes=joint+top=first")
    )
    assert one.name == "paper+top=first+boxes=joint"
    assert one.but(top="confident", boxes="each") == paper
    assert Protocol.get("paper+box_jitter=0") == Protocol.get("paper+box_jitter=-0.0") == paper


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("paper+topp=first", UnknownName, "Unknown protocol field 'topp'. Did you mean 'top'?"),
        ("paper+name=mine", UnknownName, "Unknown protocol field 'name'. Allowed: box_jitter"),
        ("paper+top", InputError, "'top' changes nothing. Allowed: preset.field=value"),
        ("paper+top=last", InputError, "'top' is 'last'. Allowed: confident, first"),
        ("paper+box_jitter=wide", InputError, "'box_jitter' is 'wide'. Allowed: a number from 0"),
        ("paper+click_jitter=1.5", InputError, "'click_jitter' is '1.5'. Allowed: a number from 0"),
        ("paper+click_jitter=nan", InputError, "'click_jitter' is 'nan'. Allowed: a number from 0"),
        ("text+top=first", UnknownName, "Unknown protocol 'text.top=first'. Allowed: paper, pub"),
    ],
)
def test_names_that_cannot_be_used(name, error, says):
    with pytest.raises(error, match=says):
        Protocol.get(name)
