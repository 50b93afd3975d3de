"""How large a pixel is: by hand."""

import dataclasses
from functools import partial

import numpy as np

from medsam.analysis.sizes import pixel_areas
from medsam.datasets.sample import Case, Sample

SAMPLE = Sample("a", "a", np.zeros((2, 2, 3), np.uint8), {})


class Cases:
    """Three images with a spacing, and one without; notes what is read."""

    def __init__(self):
        self.read = []

    def cases(self):
        for name, spacing in (("a", (0.5, 2.0)), ("b", (0.5, 0.5)), ("c", None), ("d", (1, 1))):
            yield Case(name, name, (), partial(self._load, name, spacing), str)

    def _load(self, name, spacing):
        self.read.append(name)
        return dataclasses.replace(SAMPLE, id=name, spacing=spacing)


def test_rows_times_columns():
    data = Cases()
    assert pixel_areas(data, ["b", "a", "a"]) == {"a": 1.0, "b": 0.25}
    assert data.read == ["a", "b"]


def test_one_that_does_not_tell_ends_it():
    data = Cases()
    assert pixel_areas(data, ["a", "c", "d"]) == {}
    assert data.read == ["a", "c"]
