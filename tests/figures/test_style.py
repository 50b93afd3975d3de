"""One visual language: sources, colours, bytes, and the check of a table."""

import io

import matplotlib as mpl
import pandas as pd
import pytest

from medsam import figures
from medsam.analysis import published
from medsam.errors import InputError
from medsam.figures import Source
from medsam.figures.ambiguity import ambiguity_ranks
from medsam.figures.everything import everything_sides
from medsam.figures.sizes import size_and_iou
from medsam.figures.variants import (
    differences_forest,
    noise_curves,
)

PUBLISHED = Source.published("SAM ViT-H, 28 tasks")
RUN = Source.run("square on toys, protocol paper")


def test_same_table_same_bytes():
    one, two = (figures.modes_box(published.modes(), source=PUBLISHED)._repr_svg_() for _ in "12")
    assert one == two
    assert "<svg" in one


def test_settings_are_left_alone():
    before = dict(mpl.rcParams)
    figures.modes_box(published.modes(), source=PUBLISHED).savefig(io.BytesIO())
    assert dict(mpl.rcParams) == before


def test_each_kind_of_source_has_a_badge_of_its_own():
    sources = [Source.published("x"), Source.run("x"), Source.measured("x"), Source.model("x")]
    faces = set()
    for source in sources:
        figure = figures.note("Nothing.", source=source)
        badge = next(text for text in figure.texts if text.get_text() == source.label)
        faces.add(badge.get_bbox_patch().get_facecolor())
    assert len(faces) == len({source.label for source in sources}) == 4


@pytest.mark.parametrize(
    "draw",
    [
        figures.modes_ranked,
        figures.clicks_by_task,
        figures.comparison_ranked,
        size_and_iou,
        differences_forest,
        noise_curves,
        lambda table, source: ambiguity_ranks(table, table, source=source),
        lambda table, source: everything_sides(table, table, source=source),
    ],
)
def test_a_table_has_its_columns_and_a_row(draw):
    for table in (pd.DataFrame({"choice": ["top"]}), pd.DataFrame()):
        says = f"Table of {len(table)} rows without .*. Allowed: at least one row"
        with pytest.raises(InputError, match=says):
            draw(table.reindex(columns=["choice"]), source=RUN)
