"""Many results folders become one, partitioned by model and task.

The parts of a study that ran beside each other each have a folder of their own. Merged they are
``model=M/task=T/rows-000012.parquet``: a results folder like any other, which notebooks read and
``medsam run`` continues, and which DuckDB, polars or Arrow open as a partitioned dataset.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from medsam.errors import ResultsError
from medsam.results import rows as results
from medsam.results.store import differing, locked

LARGEST_DIFFERENCE = 1e-6
"""By which scores of equal rows may differ: the last digits are those of the machine."""

MAX_ROWS = 500_000
"""Rows a file: what is in memory at once (a row takes some hundred bytes)."""

_KIND = ["dataset", "model", "protocol"]
_PROMPT = ("k", "choice")
_WORK = ["image", "task", "experiment"]
_SCORES = ("iou", "dice", "nsd", "hd95", "score")


@dataclass(frozen=True)
class Merged:
    """What a merge did.

    Attributes
    ----------
    units, rows, files : int
        (image, task, experiment) units, rows and files that were added.
    known : int
        Units of the sources that were there already, or came twice.
    """

    units: int
    rows: int
    files: int
    known: int


@dataclass(frozen=True)
class _Shard:
    """A file, the folder that it is of, and what it says of itself."""

    path: Path
    folder: Path
    about: dict[str, Any]

    @property
    def kind(self) -> tuple[str, str, str]:
        """Dataset, model and protocol."""
        return results.kind_of(self.about["identity"])


def merge(sources: Iterable[Path | str], out: Path | str) -> Merged:
    """Add the rows of results folders to a partitioned one; each unit once.

    Files appear whole or not at all, so that a merge that was killed goes on when it is run
    again; what ``out`` holds already is not added again. The sources stay as they are. Of a unit
    that several of them have, the rows are compared.

    Rows of a protocol whose draws are one stream over the images (``random="stream"``) go on from
    a state that the ones before them left. Those of several folders are merged only if one of the
    folders has the units of all the others: its state is the one that is kept.

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
    of_sources = [(path, folder) for folder in folders for path in results.existing(folder)]
    with locked(out):
        present = results.shards(out)
        places = [*((path, out) for path in present), *of_sources]
        found = [_Shard(path, folder, results.read_metadata(path)) for path, folder in places]
        _same_identities(found)
        with results.query([shard.path for shard in found]) as rows:
            units = rows.execute(
                f"select {', '.join(results.UNIT)}, shard, any_value(digest) as digest, "
                "bool_and(status = 'error') as failed from every_row group by all order by shard"
            ).df()
            units = _with_owner(units, found)
            _compare(rows, units, found)
        states = _states(units, found)
        fresh = units[(units.shard == units.owner) & (units.owner >= len(present))]
        known = int((units.shard >= len(present)).sum()) - len(fresh)
        added = files = 0
        number = count(results.next_number(present))
        for folder, table, about in _files(fresh, found, states):
            path = out / folder / f"rows-{next(number):06d}.parquet"
            results.write(path, table, about)
            added, files = added + table.num_rows, files + 1
    return Merged(len(fresh), added, files, known)


def _same_identities(found: Sequence[_Shard]) -> None:
    """Raise unless rows of one dataset, model and protocol depend on the same."""
    first: dict[tuple[str, str, str], _Shard] = {}
    for shard in found:
        before = first.setdefault(shard.kind, shard)
        one, other = before.about["identity"], shard.about["identity"]
        if one.get("version", 0) < results.RESULTS_VERSION:
            raise ResultsError(
                f"{before.path} is of an older medsam (rows of version {one.get('version')}). "
                f"Allowed to merge: version {results.RESULTS_VERSION}. Compute the rows again."
            )
        differs = differing(one, other)
        if differs:
            raise ResultsError(
                f"{before.path} and {shard.path} both have rows of {' / '.join(shard.kind)}, but "
                f"differ in {', '.join(differs)}. Allowed: rows of one kind. Merge them into two "
                "folders."
            )


def _with_owner(units: pd.DataFrame, found: Sequence[_Shard]) -> pd.DataFrame:
    """Units with the number of the shard whose rows are taken: the first that could read them."""
    best = units.sort_values(["failed", "shard"], kind="stable").drop_duplicates([*results.UNIT])
    best = best[[*results.UNIT, "shard", "digest"]].rename(
        columns={"shard": "owner", "digest": "as_read"}
    )
    units = units.merge(best, on=[*results.UNIT])
    other = units[~units.failed & (units.digest != units.as_read)]
    for image, owner, shard in zip(other.image, other.owner, other["shard"], strict=True):
        raise ResultsError(
            f"{found[owner].path} and {found[shard].path} both have rows of image "
            f"{image!r}, but its files were not the same. Allowed: rows of the same files. "
            "Leave one of them out."
        )
    return units


def _compare(rows: duckdb.DuckDBPyConnection, units: pd.DataFrame, found: Sequence[_Shard]) -> None:
    """Raise unless the rows of units that two shards have are the same."""
    twice = units[~units.failed & (units.shard != units.owner)]
    if twice.empty:
        return
    rows.register("twice", twice[[*results.UNIT, "shard", "owner"]])
    keys, unit = [*results.UNIT, *_PROMPT], ", ".join(results.UNIT)
    cases = ["when a.image is null or b.image is null then 'one lacks a row'"]
    for name in (name for name in results.COLUMNS if name not in (*keys, *results.MASKS, "reason")):
        differs = f"a.{name} is distinct from b.{name}"
        if name in _SCORES:
            differs += f" and coalesce(abs(a.{name} - b.{name}) > {LARGEST_DIFFERENCE}, true)"
        one, other = (f"coalesce({side}.{name}::varchar, 'none')" for side in "ab")
        cases.append(f"when {differs} then concat('{name} ', {one}, ' and ', {other})")
    found_first = rows.execute(
        f"""
        with one as (
            select r.*, twice.shard as beside from every_row r join twice using ({unit})
            where r.shard = twice.owner
        ), two as (
            select r.*, twice.owner from every_row r join twice using ({unit})
            where r.shard = twice.shard
        )
        select
            coalesce(a.shard, b.owner), coalesce(a.beside, b.shard),
            coalesce(a.image, b.image), coalesce(a.task, b.task),
            case {" ".join(cases)} end as words
        from one a full join two b on a.beside = b.shard and
            {" and ".join(f"a.{name} is not distinct from b.{name}" for name in keys)}
        where words is not null order by all limit 1
        """
    ).fetchone()
    if found_first:
        owner, shard, image, task, words = found_first
        raise ResultsError(
            f"{found[owner].path} and {found[shard].path} both have rows of image {image!r}, task "
            f"{task}, from the same files, but not the same ones: {words}. Allowed: equal rows "
            f"(scores to {LARGEST_DIFFERENCE:g}). Leave one of them out."
        )


def _states(units: pd.DataFrame, found: Sequence[_Shard]) -> dict[tuple[str, ...], dict[str, Any]]:
    """The state from which a run of each kind goes on: after the last of all units.

    Raises
    ------
    ResultsError
        If there is one, but the units before it are in no folder together.
    """
    states: dict[tuple[str, ...], dict[str, Any]] = {}
    folders = units.assign(folder=[str(found[shard].folder) for shard in units["shard"]])
    for kind in {shard.kind for shard in found}:
        of_kind = folders[(folders[_KIND] == kind).all(axis=1)]
        counted = of_kind.groupby("folder")[_WORK].apply(lambda part: len(part.drop_duplicates()))
        of = {str(shard.folder): shard.about["state"] for shard in found if shard.kind == kind}
        whole = counted.max() == len(of_kind[_WORK].drop_duplicates())
        if not whole and any(value for state in of.values() for value in state.values()):
            raise ResultsError(
                f"{', '.join(of)} each have rows of {' / '.join(kind)} that go on from those "
                "before them, image by image, and no folder has all of them. Allowed: one that was "
                "computed in one go, and parts of it. Leave the others out."
            )
        states[kind] = of[str(counted.idxmax())]
    return states


def _files(
    fresh: pd.DataFrame,
    found: Sequence[_Shard],
    states: dict[tuple[str, ...], dict[str, Any]],
) -> Iterator[tuple[Path, pa.Table, dict[str, Any]]]:
    """What is to be written: the rows of one task, as many as fit one file."""
    # Reading a shard gives it today's schema; its rows keep the tolerance that they have.
    schema = results.schema_at(results.one_tolerance(shard.about for shard in found))
    alike = [json.dumps([s.about["identity"], s.about["versions"]], sort_keys=True) for s in found]
    fresh = fresh.assign(made_of=[alike[shard] for shard in fresh["shard"]])
    for made_of, task in sorted({*zip(fresh.made_of, fresh.task, strict=True)}):
        of_task = fresh[(fresh.made_of == made_of) & (fresh.task == task)]
        tables: list[pa.Table] = []
        numbers = sorted(set(of_task["shard"]))
        about = found[numbers[0]].about | {"state": states[found[numbers[0]].kind]}
        folder = Path(f"model={quote(about['identity']['model'], '')}", f"task={quote(task, '')}")
        for number in numbers:
            units = of_task[of_task["shard"] == number]
            wanted = pa.array(units["experiment"] + "\n" + units["image"], pa.string())
            table = results.read_table(found[number].path)
            there = pc.binary_join_element_wise(table["experiment"], table["image"], "\n")
            mine = pc.and_(pc.equal(table["task"], task), pc.is_in(there, wanted))
            tables.append(table.filter(mine).cast(schema))
            if number == numbers[-1] or sum(map(len, tables)) >= MAX_ROWS:
                # A run continues from the state after its last shard. That shard may be of one
                # task, and its rows not in the last file: so each file has that state.
                yield folder, pa.concat_tables(tables), about
                tables = []
