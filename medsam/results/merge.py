"""Many results folders become one, partitioned by model and task.

The parts of a study that ran beside each other each have a folder of their own. Merged they are
``model=M/task=T/rows-000012.parquet``: a results folder like any other, which notebooks read and
``medsam run`` continues, and which DuckDB, polars or Arrow open as a partitioned dataset.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from medsam.errors import ResultsError
from medsam.results.rows import (
    ORDER,
    existing,
    numbers,
    one_tolerance,
    shards,
    table,
    told,
    told_at,
    write,
)
from medsam.results.store import held

__all__ = ["TOLERANCE", "Merged", "agree", "merge"]


# Whether two shards say the same of the units that both have.


TOLERANCE = 1e-6
"""By which scores may differ: the last digits are those of the machine."""

_SCORES = ("iou", "dice", "nsd", "hd95", "score")
# What a run may write otherwise without another result.
_WORDS = ("reason",)


def agree(one: Path, other: Path, units: Collection[tuple[str, str]]) -> None:
    """Raise unless the rows of units are the same in two shards of one identity.

    Parameters
    ----------
    one, other : Path
    units : collection of (image, task)

    Raises
    ------
    ResultsError
        If a row is in one of them only, or differs; scores by more than :data:`TOLERANCE`.
    """
    left, right = (_rows(shard, units) for shard in (one, other))
    if len(left) != len(right):
        raise _error(one, other, left, f"{len(left)} and {len(right)} rows of it")
    for name in (name for name in left if name not in _WORDS):
        a, b = left[name], right[name]
        if name in _SCORES:
            same = np.isclose(a, b, rtol=0, atol=TOLERANCE, equal_nan=True)
        else:
            same = ((a == b) | (a.isna() & b.isna())).to_numpy(bool)
        if not same.all():
            first = left[~same].iloc[:1]
            values = [side[name][~same].iloc[0] for side in (left, right)]
            raise _error(one, other, first, f"{name} {values[0]} and {values[1]}")


def _rows(shard: Path, units: Collection[tuple[str, str]]) -> pd.DataFrame:
    rows = table(shard).to_pandas()
    kept = rows[pd.MultiIndex.from_frame(rows[["image", "task"]]).isin(units)]
    ordered: pd.DataFrame = kept.sort_values([*ORDER], ignore_index=True)
    return ordered


def _error(one: Path, other: Path, rows: pd.DataFrame, words: str) -> ResultsError:
    row = rows.iloc[0]
    return ResultsError(
        f"{one} and {other} both have rows of image {row.image!r}, task {row.task}, from the same "
        f"files, but not the same ones: {words}. Allowed: equal rows (scores to {TOLERANCE:g}), or "
        "those of one of them. Find out which is right and leave the other out."
    )


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


def _key(identity: Mapping[str, Any]) -> _Key:
    return identity["dataset"], identity["model"], identity["protocol"]["name"]


@dataclass
class _Share:
    """What a folder has of one kind: units, and the state after the last of them."""

    units: set[_Unit] = field(default_factory=set)
    state: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Plan:
    """Which units are taken from which shard."""

    identities: dict[_Key, tuple[dict[str, Any], Path]] = field(default_factory=dict)
    owners: dict[_Unit, tuple[Path, str, bool]] = field(default_factory=dict)
    abouts: dict[Path, dict[str, Any]] = field(default_factory=dict)
    shares: dict[_Key, dict[Path, _Share]] = field(default_factory=dict)
    """What each folder has of a kind."""
    twice: dict[tuple[Path, Path], list[tuple[str, str]]] = field(default_factory=dict)
    """Each (image, task) that two shards have."""

    def see(self, shard: Path, folder: Path) -> list[_Unit]:
        """Take up a shard of a folder; returns its units."""
        about = told(shard)
        self.abouts[shard] = about
        identity = about["identity"]
        key = _key(identity)
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
            elif before[0] != shard and not failed and not before[2]:
                self.twice.setdefault((before[0], shard), []).append((image, task))
        share = self.shares.setdefault(key, {}).setdefault(folder, _Share())
        share.units.update(found)
        share.state = about["state"]
        return found

    def states(self) -> dict[_Key, dict[str, Any]]:
        """The state from which a run of each kind goes on: after the last of all units.

        Raises
        ------
        ResultsError
            If there is one, but the units before it are in no folder together.
        """
        found = {}
        for key, shares in self.shares.items():
            longest = max(shares.values(), key=lambda share: len(share.units))
            goes_on = any(value for share in shares.values() for value in share.state.values())
            if goes_on and not all(share.units <= longest.units for share in shares.values()):
                raise ResultsError(
                    f"{', '.join(map(str, shares))} each have rows of {' / '.join(key)} that go on "
                    "from those before them, image by image, and no folder has all of them. "
                    "Allowed: one that was computed in one go, and parts of it. Leave the others "
                    "out."
                )
            found[key] = longest.state
        return found


def merge(sources: Iterable[Path | str], out: Path | str) -> Merged:
    """Add the rows of results folders to a partitioned one; each unit once.

    Files appear whole or not at all, so that a merge that was killed goes on when it is run
    again; what ``out`` holds already is not added again. The sources stay as they are. Of a unit
    that several of them have, the rows are compared.

    Rows of a protocol whose draws are one stream over the images (``random="stream"``), and those
    of segmenting everything, go on from a state that the ones before them left. Those of several
    folders are merged only if one of the folders has the units of all the others: its state is the
    one that is kept.

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
        protocol that depend on something else or on other files, or that differ though they
        depend on the same, rows of several folders go on from different states, another run
        writes to ``out``, or it cannot be written.
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
        return _merge(list(zip(folders, lists, strict=True)), out)


def _merge(sources: list[tuple[Path, list[Path]]], out: Path) -> Merged:
    plan = _Plan()
    present = shards(out)
    schema = told_at(one_tolerance([*present, *(s for _, found in sources for s in found)]))
    for shard in present:
        plan.see(shard, out)
    seen = [u for folder, found in sources for s in found for u in plan.see(s, folder)]
    states = plan.states()
    for (one, other), units in plan.twice.items():
        agree(one, other, units)
    there = set(present)
    fresh = {unit: owner[0] for unit, owner in plan.owners.items() if owner[0] not in there}
    rows = files = 0
    for path, rowset, about in _files(fresh, plan.abouts, states, out, numbers(present)):
        # Reading a shard gives it today's schema; its rows keep the tolerance that they have.
        rowset = pa.Table.from_arrays(rowset.columns, schema=schema)
        write(path, rowset, about, make=True)
        rows, files = rows + rowset.num_rows, files + 1
    return Merged(len(fresh), rows, files, len(seen) - len(fresh))


def _files(
    fresh: dict[_Unit, Path],
    abouts: dict[Path, dict[str, Any]],
    states: dict[_Key, dict[str, Any]],
    out: Path,
    places: Iterator[int],
) -> Iterator[tuple[Path, pa.Table, dict[str, Any]]]:
    """What is to be written: the rows of one task, as many as fit one file."""
    by_shard: dict[Path, list[_Unit]] = {}
    for unit, shard in fresh.items():
        by_shard.setdefault(shard, []).append(unit)
    groups: dict[str, list[tuple[Path, list[_Unit]]]] = {}
    for shard, about in abouts.items():
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
                # A run continues from the state after its last shard. That shard may be of one
                # task, and its rows not in the last file: so each file tells that state.
                state = states[_key(about["identity"])]
                yield path, pa.concat_tables(tables), about | {"units": kept, "state": state}
                tables, kept = [], []
