"""Results: one tidy row per (image, task, prompt, choice of mask), in Parquet.

A results folder holds shards, each written whole or not at all. The metadata of a shard
says what its rows depend on and which (image, task) units it completes, so that a run that
was killed goes on where it stopped.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from medsam.errors import ResultsError
from medsam.metrics import TOLERANCE

__all__ = [
    "COLUMNS",
    "ORDER",
    "SCHEMA",
    "KeptTable",
    "file_metadata",
    "installed",
    "provenance",
    "read",
    "versions",
    "write",
]


def _column(
    name: str, kind: pa.DataType, meaning: str, null: bool = True, **settings: object
) -> pa.Field:
    told = {"meaning": meaning} | {key: str(value) for key, value in settings.items()}
    return pa.field(name, kind, nullable=null, metadata=told)


SCHEMA = pa.schema(
    [
        _column("dataset", pa.string(), "key of the dataset", False),
        _column("task", pa.string(), "key of the task", False),
        _column("image", pa.string(), "id of the image within its dataset", False),
        _column("group", pa.string(), "patient or volume", False),
        _column("modality", pa.string(), "MRI, CT, X-ray, US, PET or unknown", False),
        _column("model", pa.string(), "name in the registry of models", False),
        _column("protocol", pa.string(), "name of the protocol", False),
        _column("experiment", pa.string(), "mode | clicks | everything; null without a prompt"),
        _column("k", pa.int16(), "mode 1-5, number of clicks 1-9, or points a side"),
        _column("choice", pa.string(), "top | oracle"),
        _column("iou", pa.float64(), "intersection over union, 0-1", unit="1"),
        _column("dice", pa.float64(), "Dice coefficient, 0-1", unit="1"),
        _column(
            "nsd",
            pa.float64(),
            "fraction of the boundaries within tolerance_mm of each other, 0-1; 0 where the "
            "prediction is empty; null where the size of a pixel is unknown",
            unit="1",
            tolerance_mm=TOLERANCE,
        ),
        _column(
            "hd95",
            pa.float64(),
            "95th percentile of the distance between the boundaries, mm; null where the size of "
            "a pixel is unknown or the prediction is empty",
            unit="mm",
        ),
        _column("score", pa.float64(), "the model's own estimate of the IoU", unit="1"),
        _column("object_px", pa.int64(), "pixels of the object", unit="pixel"),
        _column("n_regions", pa.int32(), "contiguous regions of the object (8-connectivity)"),
        _column("height", pa.int32(), "rows of the image", unit="pixel"),
        _column("width", pa.int32(), "columns of the image", unit="pixel"),
        _column("prompt", pa.string(), "compact JSON; points xy, boxes xyxy inclusive, pixels"),
        _column("status", pa.string(), "ok | empty | error", False),
        _column("reason", pa.string(), "why the status is not ok"),
    ]
)
"""Columns in order, with type, unit and meaning; ``nsd`` also with its tolerance."""

COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)

# Whole numbers stay whole where a row has none (a case that could not be read).
_WHOLE = {f.name: str(f.type).capitalize() for f in SCHEMA if pa.types.is_integer(f.type)}
KEY = b"medsam"
_SHARDS = "rows-*.parquet"
LAYOUTS = ("", "model=*/task=*/")
"""Where the shards of a folder lie: beside each other, or by model and task."""
ORDER = ("dataset", "model", "protocol", "task", "image", "experiment", "choice", "k")
"""Columns by which rows are sorted."""
_UNIT = ["dataset", "model", "protocol", "image", "task"]


def cannot(action: str, path: Path, error: OSError) -> ResultsError:
    """Say what the operating system refused, and what to do."""
    hint = {
        errno.ENOSPC: "The disk is full: free some space",
        errno.EFBIG: "A file may not grow so large: raise the limit (ulimit -f)",
        errno.EDQUOT: "The quota is used up: free some space",
        errno.EROFS: "The file system is read-only: choose another --out",
        errno.EACCES: "Permission is denied: choose a folder that you may write to",
        errno.EPERM: "Permission is denied: choose a folder that you may write to",
        errno.ENOTDIR: "A part of the path is a file: choose another --out",
        errno.EEXIST: "There is a file of that name: choose another --out",
    }.get(error.errno or 0, "Mend it or choose another --out")
    return ResultsError(
        f"Cannot {action} {path}: {error.strerror or error}. {hint} and run the same command "
        "again; every shard that was written is kept."
    )


def _number(shard: Path) -> int:
    """Which shard of its folder it is, from 0: the order of writing, whatever the clock says."""
    return int(shard.stem.rpartition("-")[2])


def numbers(known: list[Path]) -> Iterator[int]:
    """Numbers for new shards of a folder that holds these."""
    return count(max(map(_number, known), default=-1) + 1)


def shards(folder: Path) -> list[Path]:
    """Every shard of a folder, flat or partitioned by model and task, in the order of writing."""
    found = [path for below in LAYOUTS for path in folder.glob(below + _SHARDS)]
    return sorted(found, key=lambda path: (_number(path), path))


def told(shard: Path) -> dict[str, Any]:
    """Read what a shard says of itself: identity, versions, units, state of the streams."""
    with _readable(shard):
        found: dict[str, Any] = json.loads((pq.read_schema(shard).metadata or {})[KEY])
        return found


def identity_digest(about: Mapping[str, Any]) -> str:
    """Hex sha256 of what the rows of a shard depend on.

    Parameters
    ----------
    about : mapping
        As :func:`told` gives it.
    """
    text = json.dumps(about["identity"], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def tolerance(shard: Path) -> float | None:
    """Tolerance in mm of the ``nsd`` of a shard; ``None`` where it was written without one."""
    with _readable(shard):
        schema = pq.read_schema(shard)
        if "nsd" not in schema.names:
            return None
        return float(schema.field("nsd").metadata[b"tolerance_mm"])


def table(shard: Path) -> pa.Table:
    """Rows of a shard, with the columns of :data:`SCHEMA`."""
    told(shard)
    with _readable(shard):
        # A column that an older shard lacks is null.
        return pq.read_table(shard, schema=SCHEMA, partitioning=None)


def told_at(mm: float | None) -> pa.Schema:
    """The schema with that tolerance of ``nsd``; ours where no row has one."""
    nsd = SCHEMA.field("nsd")
    told = nsd.metadata | {b"tolerance_mm": str(TOLERANCE if mm is None else mm).encode()}
    return SCHEMA.set(SCHEMA.get_field_index("nsd"), nsd.with_metadata(told))


def one_tolerance(found: list[Path]) -> float | None:
    """Tolerance in mm of the ``nsd`` of all these shards; an error where they differ."""
    of = {shard: tolerance(shard) for shard in found}
    distinct = sorted({value for value in of.values() if value is not None})
    if len(distinct) > 1:
        raise ResultsError(
            f"{found[0].parent} has rows whose nsd is at different tolerances: "
            f"{', '.join(f'{value:g}' for value in distinct)} mm. Allowed: one tolerance in a "
            "folder. Move the shards of one of them elsewhere, or run again into a new folder."
        )
    return distinct[0] if distinct else None


@contextmanager
def _readable(shard: Path) -> Iterator[None]:
    """A shard that is torn, or not one of ours, is named with what to do."""
    try:
        yield
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise ResultsError(
            f"Shard {shard} cannot be read ({type(error).__name__}: {error}). "
            "Allowed: Parquet files that medsam wrote. Delete it and run again; "
            "only its rows are computed anew."
        ) from error


def existing(folder: Path) -> list[Path]:
    """The shards of a folder; an error where there is none."""
    found = shards(folder)
    if not found:
        raise ResultsError(
            f"No results in {folder}. Allowed: a folder that `medsam run --out` has written. "
            "Check the path, or run `medsam run` first."
        )
    return found


def read(folder: Path | str) -> pd.DataFrame:
    """All rows of a results folder, sorted by what they are about.

    Where a case was computed again, because it could not be read at first, its last rows count.

    Returns
    -------
    pandas.DataFrame
        The columns of :data:`COLUMNS`.

    Raises
    ------
    ResultsError
        If there are none, a shard cannot be read, or shards differ in the tolerance of ``nsd``.
    """
    frames = []
    found = existing(Path(folder))
    one_tolerance(found)
    for place, shard in enumerate(found):
        frames.append(table(shard).to_pandas().assign(shard=place))
    frame = pd.concat([f for f in frames if len(f)] or frames[:1], ignore_index=True)
    last = frame.groupby(_UNIT, sort=False).shard.transform("max")
    frame = frame[frame.shard == last].drop(columns="shard").astype(_WHOLE)
    ordered: pd.DataFrame = frame.sort_values([*ORDER], kind="stable", ignore_index=True)
    return ordered


def provenance(folder: Path | str) -> list[dict[str, Any]]:
    """What the rows of a folder depend on: each distinct identity with the versions used.

    ``tolerance_mm`` is that of ``nsd``; ``None`` where rows were written without it.
    """
    seen: dict[str, dict[str, Any]] = {}
    for shard in existing(Path(folder)):
        found = told(shard)
        about = {name: found[name] for name in ("identity", "versions")}
        about["tolerance_mm"] = tolerance(shard)
        seen.setdefault(json.dumps(about, sort_keys=True), about)
    return list(seen.values())


# A table on disk that grows image by image, and says what its rows depend on.


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


def file_metadata(path: Path) -> dict[str, Any]:
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
            self.images = file_metadata(self.path)["images"]
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
