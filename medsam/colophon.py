"""How a copy of the book was made: hashes of weights, data and tables; versions of what ran."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import resources
from pathlib import Path

import pandas as pd

from medsam import results
from medsam.datasets.brain import FILES
from medsam.errors import MedsamError
from medsam.hashes import sha256
from medsam.kept import installed
from medsam.models.checkpoints import CHECKPOINTS, verified
from medsam.published import CLICK_TABLES

__all__ = ["rows", "sample", "tables", "versions", "weights"]

PACKAGES = (
    "medsam",
    "numpy",
    "scipy",
    "pandas",
    "opencv-python-headless",
    "onnxruntime",
    "torch",
    "segment-anything",
    "nibabel",
    "matplotlib",
    "papermill",
    "jupyter-book",
)
"""What a number or a page can depend on, in the order it is told."""


def weights() -> pd.DataFrame:
    """The weight files that are here, each read and compared with its known hash.

    Returns
    -------
    DataFrame
        ``key, file, bytes, sha256, licence, source``; one that is not here has no row.
    """
    found = []
    for key, one in CHECKPOINTS.items():
        try:
            path = verified(one)
        except MedsamError:
            continue  # Not here: the page on models lists all of them, and what is missing.
        found.append(
            {
                "key": key,
                "file": one.file,
                "bytes": path.stat().st_size,
                "sha256": sha256(path),
                "licence": one.licence,
                "source": one.source,
            }
        )
    return pd.DataFrame(found, columns=["key", "file", "bytes", "sha256", "licence", "source"])


def sample() -> pd.DataFrame:
    """Files of the embedded sample: ``file, sha256`` (which reading it has checked)."""
    return pd.DataFrame([{"file": name, "sha256": value} for name, value in FILES.items()])


def tables() -> pd.DataFrame:
    """The published tables: ``file, bytes, sha256``."""
    folder = resources.files("medsam.published") / "data"
    names = sorted(one.name for one in folder.iterdir() if one.name.startswith("fig"))
    assert set(CLICK_TABLES.values()) <= set(names)
    found = []
    for name in names:
        content = (folder / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        found.append({"file": name, "bytes": len(content), "sha256": digest})
    return pd.DataFrame(found)


def rows(folder: Path | str) -> pd.DataFrame:
    """What the rows of a results folder were made of, from the metadata of its files.

    Returns
    -------
    DataFrame
        A row for each data set, model and protocol: ``dataset, model, protocol, seed, settings,
        weights`` (JSON), ``versions`` (JSON).

    Raises
    ------
    ResultsError
        If there are none.
    """
    found = []
    for one in results.provenance(folder):
        identity = one["identity"]
        found.append(
            {
                "dataset": identity["dataset"],
                "model": identity["model"],
                "protocol": identity["protocol"]["name"],
                "seed": identity["seed"],
                "settings": json.dumps(identity["data"], sort_keys=True),
                "weights": json.dumps(identity["weights"], sort_keys=True),
                "versions": json.dumps(one["versions"], sort_keys=True),
            }
        )
    return pd.DataFrame(found)


def versions() -> pd.DataFrame:
    """``name, version`` of Python, of the system and of the packages that pages depend on."""
    found = {"Python": platform.python_version(), "system": platform.platform(terse=True)}
    found |= dict.fromkeys(PACKAGES, "not installed") | installed(PACKAGES)
    return pd.DataFrame([{"name": name, "version": value} for name, value in found.items()])
