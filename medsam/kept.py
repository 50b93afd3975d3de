"""A table on disk that grows image by image, and says what its rows depend on."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medsam.errors import ResultsError
from medsam.results import KEY, cannot

__all__ = ["KeptTable", "installed", "told", "versions", "write"]


def installed(names: Iterable[str]) -> dict[str, str]:
    """Versions of packages, in that order; one that is not installed is left out."""
    out = {}
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            out[name] = metadata.version(name)
    return out


def versions() -> dict[str, str]:
    """What computes here: Python, kind of machine, its cores, and the libraries."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    names = ("medsam", "numpy", "opencv-python-headless", "onnxruntime", "torch")
    return {"python": sys.version.split()[0], "machine": machine} | installed(names)


def write(path: Path, table: pa.Table, about: Mapping[str, Any], *, make: bool = False) -> Path:
    """Write a Parquet file, whole or not at all.

    Parameters
    ----------
    path : Path
    table : pyarrow.Table
    about : mapping
        JSON values that the file tells of itself; :func:`told` reads them.
    make : bool
        Make the folder if it is not there.

    Raises
    ------
    ResultsError
        If the disk is full or the folder cannot be written; no part of the file stays.
    """
    content = (table.schema.metadata or {}) | {KEY: json.dumps(dict(about)).encode()}
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        if make:
            path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            pq.write_table(table.replace_schema_metadata(content), file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise cannot("write", path, error) from error
    return path


def told(path: Path) -> dict[str, Any]:
    """What a file tells of itself.

    Raises
    ------
    KeyError, OSError, ValueError, pyarrow.ArrowException
        If it is torn or not one of ours.
    """
    found: dict[str, Any] = json.loads((pq.read_schema(path).metadata or {})[KEY])
    return found


@dataclass
class KeptTable:
    """Rows by image, in one file; continued if the file is there.

    Parameters
    ----------
    path : Path
    identity : mapping
        What rows depend on. It is told by the file; the name of the file should change with it.
    schema : pyarrow.Schema
        Of the rows, with columns ``task, image, rank``, by which they are sorted.

    Attributes
    ----------
    rows : list of dict
    images : dict of str to str
        Image to the signature of what its rows were made of.

    Raises
    ------
    ResultsError
        If the file is torn or not one of ours.
    """

    path: Path
    identity: Mapping[str, Any]
    schema: pa.Schema
    rows: list[dict[str, Any]] = field(default_factory=list, init=False)
    images: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not self.path.exists():
            return
        try:
            self.images = told(self.path)["images"]
            self.rows = pq.read_table(self.path, schema=self.schema).to_pylist()
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            raise ResultsError(
                f"Table {self.path} cannot be read ({type(error).__name__}: {error}). Allowed: a "
                "Parquet file that medsam wrote. Delete it and run again; its rows are computed "
                "anew."
            ) from error

    def take(self, image: str, signature: str, rows: list[dict[str, Any]]) -> None:
        """Rows of an image, in the place of those that it had."""
        self.rows = [row for row in self.rows if row["image"] != image] + rows
        self.images[image] = signature

    def save(self) -> None:
        """Write what there is, whole or not at all.

        Raises
        ------
        ResultsError
            As :func:`write`.
        """
        self.rows.sort(key=lambda row: (row["task"], row["image"], row["rank"]))
        table = pa.Table.from_pylist(self.rows, schema=self.schema)
        about = {"identity": self.identity, "versions": versions(), "images": self.images}
        write(self.path, table, about, make=True)
