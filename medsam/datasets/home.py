"""Where the datasets of the paper lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from medsam.datasets.catalog import catalog, entry

__all__ = ["VARIABLE", "at_hand", "home", "place"]

VARIABLE = "MEDSAM_DATA"
"""Environment variable that names the folder of all datasets."""


def home() -> Path:
    """The folder of all datasets: ``MEDSAM_DATA``, or the user's own data folder."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("medsam") / "datasets"


def place(key: str) -> Path:
    """The folder of one dataset, whether it is there or not.

    Raises
    ------
    UnknownName
        If there is no such dataset.
    """
    return home() / entry(key).key


def at_hand() -> dict[str, Path]:
    """Datasets whose folder is there and not empty, in the catalog's order."""
    found = {key: place(key) for key in catalog()}
    return {key: path for key, path in found.items() if path.is_dir() and any(path.iterdir())}
