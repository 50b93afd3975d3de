"""Many results folders become one, partitioned by model and task.

The parts of a study that ran beside each other each have a folder of their own. Merged they are
``model=M/task=T/rows-000012.parquet``: a results folder like any other, which notebooks read and
``medsam run`` continues, and which DuckDB, polars or Arrow open as a partitioned dataset.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pandas as pd
import pyarrow as pa

from medsam.errors import ResultsError
from medsam.results import rows as results
from medsam.results.store import differing, locked

LARGEST_DIFFERENCE = 1e-6
"""By which scores of equal rows may differ: the last digits are those of the machine."""

MAX_ROWS = 500_000
"""Rows a file: what is in memory at once (a row takes some hundred bytes)."""

_KIND = ["dataset", "model", "protocol"]
_WORK = ["image", "task", "experiment"]
_UNIT = ", ".join(results.UNIT)
_SCORES = ("iou", "dice", "nsd", "hd95", "score")
_KEYS = (*results.UNIT, "k", "choice")


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


def merge(
    sources: Iterable[Path | str],
    out: Path | str,
    only: Mapping[str, Collection[str]] | None = None,
) -> Merged:
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
    only : mapping of str to collection of str, optional
        Of a column, such as ``task``, the values that are wanted; all where there is none.

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
            # A unit is taken from the first shard that could read it.
            units = rows.execute(
                f"create table units as select {_UNIT}, shard, bool_and(status = 'error') as "
                "failed from every_row group by all; "
                "select *, first_value(shard) over "
                f"(partition by {_UNIT} order by failed, shard) as owner from units order by shard"
            ).df()
            _compare(rows, found)
        for column, wanted in (only or {}).items():
            units = units[units[column].isin(wanted)]
        states = _states(units, found)
        fresh = units[(units["shard"] == units.owner) & (units.owner >= len(present))]
        known = int((units["shard"] >= len(present)).sum()) - len(fresh)
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


def _compare(rows: duckdb.DuckDBPyConnection, found: Sequence[_Shard]) -> None:
    """Raise unless all shards that have a unit have the same rows of it, or could not read it."""
    cases = ["when count(*) <> len(shards) then 'one lacks a row'"]
    for name in (n for n in results.COLUMNS if n not in (*_KEYS, *results.MASKS, "reason")):
        low, high, number = (f'{what}(r."{name}")' for what in ("min", "max", "count"))
        near = f"or {high} - {low} <= {LARGEST_DIFFERENCE}" if name in _SCORES else ""
        same = f"{number} = count(*) and ({low} = {high} {near})"
        cases.append(f"when not ({number} = 0 or {same}) then '{name}'")
    first = rows.execute(
        f"""
        with several as (
            select {_UNIT}, list(shard order by shard) as shards
            from units where not failed group by all having count(*) > 1
        )
        select shards, image, task, case {" ".join(cases)} end as differs
        from every_row r join several using ({_UNIT}) where list_contains(shards, shard)
        group by {", ".join(_KEYS)}, shards having differs is not null order by all limit 1
        """
    ).fetchone()
    if first:
        shards, image, task, differs = first
        raise ResultsError(
            f"{' and '.join(str(found[shard].path) for shard in shards)} have rows of image "
            f"{image!r}, task {task}, but not the same ones ({differs}). Allowed: equal rows, of "
            f"the same files (scores to {LARGEST_DIFFERENCE:g}). Leave one of them out."
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
        if of_kind.empty:  # nothing of it is wanted
            continue
        held = of_kind.drop_duplicates(["folder", *_WORK]).folder.value_counts()
        of = {str(shard.folder): shard.about["state"] for shard in found if shard.kind == kind}
        whole = held.iloc[0] == len(of_kind.drop_duplicates(_WORK))
        if not whole and any(value for state in of.values() for value in state.values()):
            raise ResultsError(
                f"{', '.join(of)} each have rows of {' / '.join(kind)} that go on from those "
                "before them, image by image, and no folder has all of them. Allowed: one that was "
                "computed in one go, and parts of it. Leave the others out."
            )
        states[kind] = of[str(held.index[0])]
    return states


def _files(
    fresh: pd.DataFrame,
    found: Sequence[_Shard],
    states: dict[tuple[str, ...], dict[str, Any]],
) -> Iterator[tuple[Path, pa.Table, dict[str, Any]]]:
    """What is to be written: the rows of one task, as many as fit one file."""
    alike = [json.dumps([s.about["identity"], s.about["versions"]], sort_keys=True) for s in found]
    fresh = fresh.assign(made_of=[alike[shard] for shard in fresh["shard"]])
    for made_of, task in sorted({*zip(fresh.made_of, fresh.task, strict=True)}):
        of_task = fresh[(fresh.made_of == made_of) & (fresh.task == task)]
        first = found[of_task["shard"].iloc[0]]
        # A run continues from the state after its last shard. That shard may be of one task, and
        # its rows not in the last file: so each file has that state.
        about = first.about | {"state": states[first.kind]}
        folder = Path(f"model={quote(first.kind[1], '')}", f"task={quote(task, '')}")
        tables: list[pa.Table] = []
        for number in sorted(set(of_task["shard"])):
            if sum(map(len, tables)) >= MAX_ROWS:
                yield folder, pa.concat_tables(tables), about
                tables = []
            units = of_task.loc[of_task["shard"] == number, _WORK]
            wanted = pa.Table.from_pandas(units, preserve_index=False)
            rows = results.read_table(found[number].path)
            mine = rows.join(wanted, _WORK, join_type="left semi")
            tables.append(mine.select(results.COLUMNS).cast(results.SCHEMA))
        yield folder, pa.concat_tables(tables), about
