"""Results: one tidy row per (image, task, prompt, choice of mask), in Parquet.

A results folder holds shards, each written whole or not at all. The metadata of a shard
says what its rows depend on and which (image, task) units it completes, so that a run that
was killed goes on where it stopped.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from medsam.errors import ResultsError

__all__ = ["COLUMNS", "SCHEMA", "Identity", "Store", "Unit", "export", "provenance", "read"]

RESULTS_VERSION = 1
"""Raised when a change of the code changes rows: older results are then not continued."""


def _column(name: str, kind: pa.DataType, meaning: str, null: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=null, metadata={"meaning": meaning})


SCHEMA = pa.schema(
    [
        _column("dataset", pa.string(), "key of the dataset", False),
        _column("task", pa.string(), "key of the task", False),
        _column("image", pa.string(), "id of the image within its dataset", False),
        _column("group", pa.string(), "patient or volume", False),
        _column("modality", pa.string(), "MRI, CT, X-ray, US, PET or unknown", False),
        _column("model", pa.string(), "name in the registry of models", False),
        _column("protocol", pa.string(), "name of the protocol", False),
        _column("experiment", pa.string(), "mode | clicks; null without a prompt"),
        _column("k", pa.int16(), "mode 1-5, or number of clicks 1-9"),
        _column("choice", pa.string(), "top | oracle"),
        _column("iou", pa.float64(), "intersection over union, 0-1"),
        _column("dice", pa.float64(), "Dice coefficient, 0-1"),
        _column("score", pa.float64(), "the model's own estimate of the IoU"),
        _column("object_px", pa.int64(), "pixels of the object"),
        _column("n_regions", pa.int32(), "contiguous regions of the object (8-connectivity)"),
        _column("height", pa.int32(), "pixels"),
        _column("width", pa.int32(), "pixels"),
        _column("prompt", pa.string(), "compact JSON; points xy, boxes xyxy inclusive, pixels"),
        _column("status", pa.string(), "ok | empty | error", False),
        _column("reason", pa.string(), "why the status is not ok"),
    ]
)
"""Columns in order, with type and meaning."""

COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)

# Whole numbers stay whole where a row has none (a case that could not be read).
_WHOLE = {f.name: str(f.type).capitalize() for f in SCHEMA if pa.types.is_integer(f.type)}
_KEY = b"medsam"
_SHARDS = "rows-*.parquet"
_UNIT = ["dataset", "model", "protocol", "image", "task"]


@dataclass(frozen=True)
class Identity:
    """What rows depend on. Rows of another identity are never continued.

    Attributes
    ----------
    dataset, model : str
        Keys.
    protocol : mapping
        Every field of the protocol.
    weights : mapping
        The model's provenance, with the sha256 of its weights.
    seed : int
    """

    dataset: str
    model: str
    protocol: Mapping[str, str]
    weights: Mapping[str, str]
    seed: int

    @property
    def key(self) -> tuple[str, str, str]:
        """Dataset, model and protocol, by which rows are told apart."""
        return self.dataset, self.model, self.protocol["name"]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "dataset": self.dataset,
            "model": self.model,
            "protocol": dict(self.protocol),
            "weights": dict(self.weights),
            "seed": self.seed,
            "version": RESULTS_VERSION,
        }


@dataclass(frozen=True)
class Unit:
    """What is computed whole or not at all: one image for one task.

    Attributes
    ----------
    image, task : str
    digest : str
        Of what the case is made of.
    failed : bool
        It could not be read. It is not tried again until its files change.
    """

    image: str
    task: str
    digest: str
    failed: bool = False


def _versions() -> dict[str, str]:
    out = {"python": sys.version.split()[0], "platform": platform.platform()}
    for name in ("medsam", "numpy", "opencv-python-headless", "onnxruntime", "pyarrow", "torch"):
        with suppress(metadata.PackageNotFoundError):
            out[name] = metadata.version(name)
    return out


def _failed(action: str, path: Path, error: OSError) -> ResultsError:
    hint = {
        errno.ENOSPC: "The disk is full: free some space",
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


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob(_SHARDS))


def _metadata(shard: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((pq.read_schema(shard).metadata or {})[_KEY])
        return found
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise ResultsError(
            f"Shard {shard} cannot be read ({type(error).__name__}: {error}). "
            "Allowed: Parquet files that medsam wrote. Delete it and run again; "
            "only its rows are computed anew."
        ) from error


@dataclass
class Store:
    """A results folder, open for one run.

    Use as a context manager: it holds a lock, so that two runs never write into one folder
    at once.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    identity : Identity
        What the rows of this run depend on.

    Raises
    ------
    ResultsError
        If the folder cannot be written, another run holds it, a shard is torn, or it has
        rows of the same dataset, model and protocol that depend on something else.
    """

    folder: Path
    identity: Identity
    done: dict[tuple[str, str], Unit] = field(default_factory=dict, init=False)
    """Each (image, task) that has rows."""
    state: dict[str, Any] = field(default_factory=dict, init=False)
    """State of the random streams after the last shard."""
    _next: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        lock = self.folder / ".lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(lock, timeout=0)
            self._lock.acquire()
        except Timeout as error:
            raise ResultsError(
                f"Another run is writing to {self.folder}. Allowed: one run a folder. "
                "Wait for it, or choose another --out."
            ) from error
        except OSError as error:
            raise _failed("write to", self.folder, error) from error
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def _open(self) -> None:
        for torn in self.folder.glob(".rows-*.tmp"):
            torn.unlink()
        mine = self.identity.as_dict()
        for shard in _shards(self.folder):
            self._next = max(self._next, int(shard.stem.rpartition("-")[2]) + 1)
            found = _metadata(shard)
            theirs = found["identity"]
            if (
                theirs["dataset"],
                theirs["model"],
                theirs["protocol"]["name"],
            ) != self.identity.key:
                continue
            if theirs != mine:
                other = [name for name in mine if theirs.get(name) != mine[name]]
                told = "; ".join(f"{n}: there {theirs.get(n)}, now {mine[n]}" for n in other)
                raise ResultsError(
                    f"{self.folder} has rows of {' / '.join(self.identity.key)} that depend on "
                    f"something else ({told}). Allowed: rows of one kind in a folder. "
                    "Choose another --out, or delete the folder."
                )
            for image, task, digest, failed in found["units"]:
                self.done[image, task] = Unit(image, task, digest, failed)
            self.state = found["state"]

    def is_done(self, unit: Unit) -> bool:
        """Whether the rows of that unit are there.

        A case that could not be read and has been mended since is not done: its new rows take
        the place of the old ones.

        Raises
        ------
        ResultsError
            If there are results, but the image or mask has changed since.
        """
        there = self.done.get((unit.image, unit.task))
        if there is None or there.digest == unit.digest:
            return there is not None
        if not there.failed:
            raise ResultsError(
                f"Image {unit.image!r} or its mask has changed since {self.folder} was written. "
                "Allowed: the files that the rows were computed from. Choose another --out."
            )
        return False

    def write(
        self, rows: Sequence[Mapping[str, Any]], units: Sequence[Unit], state: Mapping[str, Any]
    ) -> Path:
        """Write one shard, whole or not at all.

        Parameters
        ----------
        rows : sequence of mappings
            With the keys of :data:`COLUMNS`.
        units : sequence of Unit
            What these rows complete.
        state : mapping
            State of the random streams after them.

        Raises
        ------
        ResultsError
            If the disk is full or the folder cannot be written; no part of the shard stays.
        """
        told = {
            "identity": self.identity.as_dict(),
            "versions": _versions(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "units": [[u.image, u.task, u.digest, u.failed] for u in units],
            "state": dict(state),
        }
        table = pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)
        table = table.replace_schema_metadata({_KEY: json.dumps(told).encode()})
        path = self.folder / f"rows-{self._next:06d}.parquet"
        temporary = self.folder / f".{path.name}.tmp"
        try:
            with temporary.open("wb") as file:
                pq.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise _failed("write", path, error) from error
        self._next += 1
        self.done |= {(u.image, u.task): u for u in units}
        self.state = dict(state)
        return path


def _existing(folder: Path) -> list[Path]:
    shards = _shards(folder)
    if not shards:
        raise ResultsError(
            f"No results in {folder}. Allowed: a folder that `medsam run --out` has written. "
            "Check the path, or run `medsam run` first."
        )
    return shards


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
        If there are none, or a shard cannot be read.
    """
    frames = []
    for number, shard in enumerate(_existing(Path(folder))):
        _metadata(shard)
        frames.append(pq.read_table(shard, schema=SCHEMA).to_pandas().assign(shard=number))
    frame = pd.concat([f for f in frames if len(f)] or frames[:1], ignore_index=True)
    last = frame.groupby(_UNIT, sort=False).shard.transform("max")
    frame = frame[frame.shard == last].drop(columns="shard").astype(_WHOLE)
    order = ["dataset", "model", "protocol", "task", "image", "experiment", "choice", "k"]
    ordered: pd.DataFrame = frame.sort_values(order, kind="stable", ignore_index=True)
    return ordered


def provenance(folder: Path | str) -> list[dict[str, Any]]:
    """What the rows of a folder depend on: each distinct identity with the versions used."""
    seen: dict[str, dict[str, Any]] = {}
    for shard in _existing(Path(folder)):
        found = _metadata(shard)
        told = {"identity": found["identity"], "versions": found["versions"]}
        seen.setdefault(json.dumps(told, sort_keys=True), told)
    return list(seen.values())


def export(folder: Path | str, file: Path | str) -> int:
    """Write all rows into one CSV or Parquet file, whole or not at all.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    ResultsError
        If there are no rows, the suffix is another one, or the file cannot be written.
    """
    path = Path(file)
    writers = {".csv": "to_csv", ".parquet": "to_parquet"}
    if path.suffix not in writers:
        raise ResultsError(
            f"Cannot export to {path.name!r}. Allowed: a file ending in {' or '.join(writers)}."
        )
    frame = read(folder)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        getattr(frame, writers[path.suffix])(temporary, index=False)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise _failed("write", path, error) from error
    return len(frame)
