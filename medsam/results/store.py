"""A results folder, open for one run: atomic shards, resume, one run at a time."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
from filelock import FileLock, Timeout

from medsam.errors import ResultsError
from medsam.metrics import TOLERANCE
from medsam.protocol import EXPERIMENTS
from medsam.results.rows import LAYOUTS, SCHEMA, cannot, installed, numbers, shards, told, write

__all__ = ["ROWS_DEPEND_ON", "Identity", "Store", "Unit", "held"]

RESULTS_VERSION = 2
"""Raised when a change of the code changes rows: older results are then not continued."""

ROWS_DEPEND_ON = (
    *("errors.py", "files.py", "metrics.py", "prompts.py", "protocol.py", "regions.py"),
    *("datasets", "models", "results", "study"),
)
"""Files and folders of the package that decide what rows say; make runs the study again after them."""


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
    experiments : tuple of str
        What was computed for each unit, of :data:`medsam.protocol.EXPERIMENTS`.
    surface : bool
        Whether NSD (at :data:`medsam.metrics.TOLERANCE`) and HD95 were measured.
    data : mapping
        The dataset's settings: plane, rater rule, intensity and the like. Plain JSON values.
    """

    dataset: str
    model: str
    protocol: Mapping[str, Any]
    weights: Mapping[str, str]
    seed: int
    experiments: tuple[str, ...] = EXPERIMENTS
    surface: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)

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
            "experiments": list(self.experiments),
            "tolerance_mm": TOLERANCE if self.surface else None,
            # As it comes back from a file: tuples are lists, keys are strings.
            "data": json.loads(json.dumps(dict(self.data))),
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


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A results folder for one run alone, without what a killed one left half written.

    It is made if it is not there.

    Raises
    ------
    ResultsError
        If another run holds it, or it cannot be written.
    """
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ResultsError(
            f"Another run is writing to {folder}. Allowed: one run a folder. "
            "Wait for it, or choose another --out."
        ) from error
    except OSError as error:
        raise cannot("write to", folder, error) from error
    try:
        for torn in (path for below in LAYOUTS for path in folder.glob(f"{below}.rows-*.tmp")):
            torn.unlink()
        yield
    finally:
        lock.release()


def _versions() -> dict[str, str]:
    names = ("medsam", "numpy", "opencv-python-headless", "onnxruntime", "pyarrow", "torch")
    known = {"python": sys.version.split()[0], "platform": platform.platform()}
    return known | installed(names)


@dataclass
class Store:
    """A results folder, open for one run.

    Use as a context manager: it holds a lock, so that two runs never write into one folder
    at once. A run that has rows of several identities asks for the others with :meth:`beside`.

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
    _found: list[dict[str, Any]] = field(default_factory=list, init=False)
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(held(self.folder))
            self._open()
            self._take_up()
            self._held = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def _open(self) -> None:
        known = shards(self.folder)
        self._found = [told(shard) for shard in known]
        self._numbers = numbers(known)

    def _take_up(self) -> None:
        """What shards of this identity hold."""
        mine = self.identity.as_dict()
        for found in self._found:
            theirs = found["identity"]
            if (
                theirs["dataset"],
                theirs["model"],
                theirs["protocol"]["name"],
            ) != self.identity.key:
                continue
            if theirs != mine:
                other = [name for name in mine if theirs.get(name) != mine[name]]
                differs = "; ".join(f"{n}: there {theirs.get(n)}, now {mine[n]}" for n in other)
                raise ResultsError(
                    f"{self.folder} has rows of {' / '.join(self.identity.key)} that depend on "
                    f"something else ({differs}). Allowed: rows of one kind in a folder. "
                    "Choose another --out, or delete the folder."
                )
            for image, task, digest, failed in found["units"]:
                self.done[image, task] = Unit(image, task, digest, failed)
            self.state = found["state"]

    def beside(self, identity: Identity) -> Store:
        """The same folder for rows of another identity, under this store's lock.

        Raises
        ------
        ResultsError
            As on opening.
        """
        other = Store(self.folder, identity)
        other._found, other._numbers = self._found, self._numbers
        other._take_up()
        return other

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
        content = {
            "identity": self.identity.as_dict(),
            "versions": _versions(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "units": [[u.image, u.task, u.digest, u.failed] for u in units],
            "state": dict(state),
        }
        table = pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)
        path = self.folder / f"rows-{next(self._numbers):06d}.parquet"
        write(path, table, content)
        self.done |= {(u.image, u.task): u for u in units}
        self.state = dict(state)
        return path
