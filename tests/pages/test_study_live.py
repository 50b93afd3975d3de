"""The images of a study that a reader may try, and why there may be none."""

from types import SimpleNamespace

import pytest
from live_toys import Boxes, rows_of, sample
from toys import SquareModel

from medsam.pages.study import Study
from medsam.widgets.live import LiveSam


def study(samples, model=None):
    """What a study is asked for, without its files."""
    cases = [SimpleNamespace(id=s.id, load=lambda s=s: s) for s in samples]
    made = Study.__new__(Study)
    vars(made)["dataset"] = SimpleNamespace(cases=lambda: cases, title="toys")
    vars(made)["model"] = model or SquareModel()
    vars(made)["titles"] = {"disc": "Disc"}
    vars(made)["rows"] = rows_of(samples or [sample()])[: None if samples else 0]
    return made


def test_typical_samples_are_those_at_the_percentiles_with_the_most_objects_first():
    samples = [sample("a"), sample("b", shift=1), sample("c", shift=5), sample("d", shift=9)]
    made = study(samples)
    mode = made.rows.query("experiment == 'mode' and k == 1 and choice == 'top' and status == 'ok'")
    middle = {
        of.sort_values(["iou", "image"]).image.iloc[-(-len(of) // 2) - 1]
        for _, of in mode.groupby("task")
    }
    assert {s.id for s in made.typical_samples(2)} >= middle
    found = made.typical_samples(3)
    assert len({s.id for s in found}) == 3
    counts = [sum(m.any() for m in s.masks.values()) for s in found]
    assert counts == sorted(counts, reverse=True)
    assert repr(made.live(LiveSam)) == "LiveSam(square, toys; 4 images)"


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: study([sample()], Boxes()), "boxes takes no points"),
        (lambda: study([]), "no case with an object"),
    ],
)
def test_a_note_says_why_there_is_nothing_to_try(made, text):
    assert text in repr(made().live(LiveSam))
