"""What is asked of the cells of every notebook."""

import re

import pytest
from notebook_pages import NAMES, cells, parameters

from benchmarks.report.page import ScalingSettings
from medsam.pages.everything import EverythingSettings
from medsam.pages.measured import MeasuredSettings
from medsam.pages.study import (
    ComparisonSettings,
    DatasetSettings,
    NoiseSettings,
    Settings,
    VariantSettings,
)
from medsam.pages.your_data import OwnSettings

SETTINGS = {
    "00_datasets": DatasetSettings,
    "03_comparison": ComparisonSettings,
    "08_segment_everything": EverythingSettings,
    "11_paper_versus_code": VariantSettings,
    "12_robustness": NoiseSettings,
    "13_modalities": MeasuredSettings,
    "14_your_data": OwnSettings,
    "18_scaling": ScalingSettings,
}
SHORT = {"00_datasets", "01_sample", "05_models", "17_colophon", "18_scaling", "index"}
"""Pages that do not read data of the reader's: they take a part of the parameters."""


@pytest.mark.parametrize("name", NAMES)
def test_default_parameters_are_those_of_the_settings(name):
    source, given = parameters(name)
    fields = SETTINGS.get(name, Settings).model_fields
    defaults = {key: field.default for key, field in fields.items()}
    if name in SHORT:
        assert given.items() <= defaults.items()
    else:
        assert given == defaults
    assert all(field.description for field in fields.values())
    # Each is explained where it is set, in words that papermill can read.
    lines = source.splitlines()
    assert len(lines) == len(given)
    assert all(re.fullmatch(r"\w+ = .+?  # [^=]+", line) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_code_cells_are_short_calls_without_outputs(name):
    for cell in cells(name):
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25
            assert cell.outputs == []
            # A page may show how a class of one's own is written, and does not define more.
            assert name == "05_models" or not re.search(r"^(def|class) ", cell.source, re.M)
