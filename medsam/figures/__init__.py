"""Figures: pure functions from a table or examples to a picture, in one visual language."""

from medsam.figures.clicks import clicks_average, clicks_by_task
from medsam.figures.comparison import comparison_ranked
from medsam.figures.examples import (
    case,
    click_steps,
    contact_sheet,
    data_uri,
    percentile_examples,
    prompt_modes,
)
from medsam.figures.html import html_table
from medsam.figures.modes import modes_box, modes_ranked
from medsam.figures.style import Picture, Source, note

__all__ = [
    "Picture",
    "Source",
    "case",
    "click_steps",
    "clicks_average",
    "clicks_by_task",
    "comparison_ranked",
    "contact_sheet",
    "data_uri",
    "html_table",
    "modes_box",
    "modes_ranked",
    "note",
    "percentile_examples",
    "prompt_modes",
]
