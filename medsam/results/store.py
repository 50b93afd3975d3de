"""A results folder, open for one run: atomic shards, resume, one run at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from filelock import FileLock, Timeout

from medsam.errors import ResultsError
from medsam.metrics import TOLERANCE
from medsam.results import rows as results

ROWS_DEPEND_ON = (
    *("errors.py", "files.py", "metrics.py", "prompts.py", "protocol.py", "regions.py"),
    *("datasets", "models", "results", "study"),
)
"""Files and folders of the package that decide what rows say. Make runs the study again after a
change there; :data:`~medsam.results.rows.RESULTS_VERSION` is raised if it changes rows."""

_UNIT = ("image", "task", "experiment", "digest", "status")


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
    experiments : mapping of str to mapping
        What is computed, of :data:`medsam.protocol.EXPERIMENTS`, and the settings of each. A
        folder may have others beside them, or the same with the same settings.
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
    experiments: Mapping[str, Mapping[str, Any]]
    surface: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON values as they come back from a file: tuples are lists, keys are strings."""
        told = {
            **vars(self),
            "tolerance_mm": TOLERANCE if self.surface else None,
            "version": results.RESULTS_VERSION,
        }
        del told["surface"]
        found: dict[str, Any] = json.loads(json.dumps(told, default=dict))
        return found


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of what two identities differ in, as :meth:`Identity.as_dict` gives them.

    Of the experiments only those count that both have: one may be added to the others.
    """
    names = [n for n in {**one, **other} if n != "experiments" and one.get(n) != other.get(n)]
    ours, theirs = _settings(one), _settings(other)
    return names + [name for name in ours if name in theirs and ours[name] != theirs[name]]


def _settings(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Experiments with their settings; older results list the names alone."""
    found = identity["experiments"]
    return dict(found) if isinstance(found, Mapping) else {}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a results folder for one run alone, without what a killed one left half written.

    It is made if it is not there.

    Raises
    ------
    ResultsError
        If another run has it, or it cannot be written.
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
        raise results.cannot("write to", folder, error) from error
    try:
        for torn in (
            path for below in results.LAYOUTS for path in folder.glob(f"{below}.rows-*.tmp")
        ):
            torn.unlink()
        yield
    finally:
        lock.release()


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
    state: dict[str, Any] = field(default_factory=dict, init=False)
    """State of the random streams after the last shard."""
    _units: dict[tuple[str, str, str], tuple[str, bool]] = field(default_factory=dict, init=False)
    _found: list[tuple[Path, dict[str, Any]]] = field(default_factory=list, init=False)
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(locked(self.folder))
            known = results.shards(self.folder)
            self._found = [(path, results.read_metadata(path)) for path in known]
            self._numbers = count(results.next_number(known))
            self._resume()
            self._held = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._held.close()

    def _resume(self) -> None:
        """Look up what the shards of this identity hold."""
        mine = self.identity.as_dict()
        for path, about in self._found:
            theirs = about["identity"]
            if results.kind_of(theirs) != results.kind_of(mine):
                continue
            other = differing(mine, theirs)
            if other:
                there, now = ({**_settings(each), **each} for each in (theirs, mine))
                words = "; ".join(f"{n}: there {there.get(n)}, now {now.get(n)}" for n in other)
                raise ResultsError(
                    f"{self.folder} has rows of {' / '.join(results.kind_of(mine))} that depend on "
                    f"something else ({words}). Allowed: rows of one kind in a folder. "
                    "Choose another --out."
                )
            self._take(results.read_table(path, columns=_UNIT))
            self.state |= about["state"]

    def _take(self, rows: pa.Table) -> None:
        for unit in rows.select(_UNIT).group_by([*_UNIT]).aggregate([]).to_pylist():
            key = unit["image"], unit["task"], unit["experiment"]
            self._units[key] = unit["digest"], unit["status"] == "error"

    def beside(self, identity: Identity) -> Store:
        """The same folder for rows of another identity, under this store's lock.

        Raises
        ------
        ResultsError
            As on opening.
        """
        other = Store(self.folder, identity)
        other._found, other._numbers = self._found, self._numbers
        other._resume()
        return other

    def is_done(self, image: str, task: str, experiment: str, digest: str) -> bool:
        """Whether the rows of an experiment on an image for a task are there.

        A case that could not be read is not tried again until its files change; its new rows then
        take the place of the old ones.

        Raises
        ------
        ResultsError
            If there are results, but the image or mask has changed since.
        """
        before, failed = self._units.get((image, task, experiment), ("", True))
        if before == digest:
            return True
        if not failed:
            raise ResultsError(
                f"Image {image!r} or its mask has changed since {self.folder} was written. "
                "Allowed: the files that the rows were computed from. Choose another --out."
            )
        return False

    def write(self, rows: Sequence[Mapping[str, Any]], state: Mapping[str, Any] = {}) -> Path:
        """Write one shard, whole or not at all. It completes each image and task of its rows.

        Parameters
        ----------
        rows : sequence of mappings
            With the keys of the schema.
        state : mapping
            State of the random streams after them.

        Raises
        ------
        ResultsError
            If the disk is full or the folder cannot be written; no part of the shard stays.
        """
        about = {
            "identity": self.identity.as_dict(),
            "versions": results.versions(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "state": {**self.state, **state},
        }
        table = pa.Table.from_pylist([dict(row) for row in rows], schema=results.SCHEMA)
        path = self.folder / f"rows-{next(self._numbers):06d}.parquet"
        results.write(path, table, about)
        self._take(table)
        self.state |= state
        return path
