"""Many results folders become one, partitioned by model and task.

The parts of a study that ran beside each other each have a folder of their own. Merged they are
``model=M/task=T/rows-000012.parquet``: a results folder like any other, which notebooks read and
``medsam run`` continues, and which DuckDB, polars or Arrow open as a partitioned dataset.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from medsam.errors import ResultsError
from medsam.kept import write
from medsam.results import (
    existing,
    numbers,
    one_tolerance,
    shards,
    table,
    told,
    told_at,
)
from medsam.store import held

__all__ = ["Merged", "merge"]

MAX_ROWS = 500_000
"""Rows a file: what is in memory at once (a row takes some hundred bytes)."""

_Key = tuple[str, str, str]
_Unit = tuple[str, str, str, str, str]  # dataset, model, protocol, image, task


@dataclass(frozen=True)
class Merged:
    """What a merge did.

    Attributes
    ----------
    units, rows, files : int
        (image, task) units, rows and files that were added.
    known : int
        Units of the sources that were there already, or came twice.
    """

    units: int
    rows: int
    files: int
    known: int


@dataclass
class _Plan:
    """Which units are taken from which shard."""

    identities: dict[_Key, tuple[dict[str, Any], Path]] = field(default_factory=dict)
    owners: dict[_Unit, tuple[Path, str, bool]] = field(default_factory=dict)
    abouts: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def see(self, shard: Path) -> list[_Unit]:
        """Take up a shard; returns its units."""
        about = told(shard)
        self.abouts[shard] = about
        identity = about["identity"]
        key = (identity["dataset"], identity["model"], identity["protocol"]["name"])
        there, first = self.identities.setdefault(key, (identity, shard))
        if there != identity:
            other = sorted(n for n in {*there, *identity} if there.get(n) != identity.get(n))
            raise ResultsError(
                f"{first} and {shard} both have rows of {' / '.join(key)}, but differ in "
                f"{', '.join(other)}. Allowed: rows of one kind. Merge them into two folders."
            )
        found: list[_Unit] = []
        for image, task, digest, failed in about["units"]:
            unit = (*key, image, task)
            before = self.owners.get(unit)
            found.append(unit)
            if before is None or (before[2] and not failed):
                self.owners[unit] = shard, digest, failed
            elif before[1] != digest and not failed and not before[2]:
                raise ResultsError(
                    f"{before[0]} and {shard} both have rows of image {image!r}, but its files "
                    "were not the same. Allowed: rows of the same files. Leave one of them out."
                )
        return found


def merge(sources: Iterable[Path | str], out: Path | str) -> Merged:
    """Add the rows of results folders to a partitioned one; each unit once.

    Files appear whole or not at all, so that a merge that was killed goes on when it is run
    again; what ``out`` holds already is not added again. The sources stay as they are.

    Parameters
    ----------
    sources : iterable of path
        Results folders, flat or partitioned.
    out : path
        Made if it is not there. It may not be one of the sources.

    Raises
    ------
    ResultsError
        If a source holds no results or a torn shard, two hold rows of the same dataset, model and
        protocol that depend on something else or on other files, another run writes to ``out``,
        or it cannot be written.
    """
    out = Path(out)
    folders = [Path(source) for source in sources]
    if not folders or out.resolve() in {folder.resolve() for folder in folders}:
        raise ResultsError(
            f"Cannot merge {len(folders)} folders into {out}. Allowed: at least one folder, and "
            "another one to merge into. Check the paths."
        )
    lists = [existing(folder) for folder in folders]
    with held(out):
        return _merge([shard for found in lists for shard in found], out)


def _merge(found: list[Path], out: Path) -> Merged:
    plan = _Plan()
    present = shards(out)
    schema = told_at(one_tolerance([*present, *found]))
    for shard in present:
        plan.see(shard)
    seen = [unit for shard in found for unit in plan.see(shard)]
    there = set(present)
    fresh = {unit: owner[0] for unit, owner in plan.owners.items() if owner[0] not in there}
    rows = files = 0
    for path, rowset, about in _files(fresh, plan.abouts, out, numbers(present)):
        # Reading a shard gives it today's schema; its rows keep the tolerance that they have.
        rowset = pa.Table.from_arrays(rowset.columns, schema=schema)
        write(path, rowset, about, make=True)
        rows, files = rows + rowset.num_rows, files + 1
    return Merged(len(fresh), rows, files, len(seen) - len(fresh))


def _files(
    fresh: dict[_Unit, Path],
    abouts: dict[Path, dict[str, Any]],
    out: Path,
    places: Iterator[int],
) -> Iterator[tuple[Path, pa.Table, dict[str, Any]]]:
    """What is to be written: the rows of one task, as many as fit one file."""
    by_shard: dict[Path, list[_Unit]] = {}
    for unit, shard in fresh.items():
        by_shard.setdefault(shard, []).append(unit)
    groups: dict[str, list[tuple[Path, list[_Unit]]]] = {}
    # A run continues from the state after its last shard. That shard may be of one task, and its
    # rows not in the last file: so each file tells the state after the last shard of its kind.
    states: dict[str, dict[str, Any]] = {}
    for shard, about in abouts.items():
        states[json.dumps(about["identity"], sort_keys=True)] = about["state"]
        same = {name: about[name] for name in ("identity", "versions")}
        for task in sorted({unit[4] for unit in by_shard.get(shard, [])}):
            units = [unit for unit in by_shard[shard] if unit[4] == task]
            key = json.dumps([same, task], sort_keys=True)
            groups.setdefault(key, []).append((shard, units))
    for key in sorted(groups):
        task = json.loads(key)[1]
        tables: list[pa.Table] = []
        kept: list[list[Any]] = []
        for i, (shard, units) in enumerate(groups[key]):
            about = abouts[shard]
            images = {unit[3] for unit in units}
            whole = table(shard)
            mine = pc.and_(
                pc.equal(whole["task"], task),
                pc.is_in(whole["image"], pa.array(sorted(images), pa.string())),
            )
            tables.append(whole.filter(mine))
            kept += [u for u in about["units"] if u[1] == task and u[0] in images]
            last = i == len(groups[key]) - 1
            if last or sum(t.num_rows for t in tables) >= MAX_ROWS:
                model = about["identity"]["model"]
                folder = out / f"model={quote(model, '')}" / f"task={quote(task, '')}"
                path = folder / f"rows-{next(places):06d}.parquet"
                state = states[json.dumps(about["identity"], sort_keys=True)]
                yield path, pa.concat_tables(tables), about | {"units": kept, "state": state}
                tables, kept = [], []
