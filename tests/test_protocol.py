import dataclasses

import pytest

from medsam import PROTOCOLS, InputError, Protocol, UnknownName


def test_presets_differ_where_text_and_code_differ():
    paper, released = PROTOCOLS["paper"].as_dict(), PROTOCOLS["released"].as_dict()
    same = {name for name in paper if paper[name] == released[name]}
    assert same == set()


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Protocol().name = "mine"


def test_but_changes_only_what_is_named():
    mine = Protocol.get("paper").but("mine", top="first")
    assert mine.as_dict() == Protocol.get("paper").as_dict() | {"name": "mine", "top": "first"}


def test_unknown_preset_lists_the_presets():
    with pytest.raises(UnknownName, match="Did you mean 'paper'. Allowed: paper, released"):
        Protocol.get("papper")


def test_unknown_value_lists_the_values():
    with pytest.raises(InputError, match="'distance' is 'manhattan'. Allowed: exact, chamfer5"):
        Protocol.get("paper").but("mine", distance="manhattan")
