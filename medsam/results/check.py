"""Whether the rows of a results folder can be right, and are all there."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from medsam.errors import ResultsError
from medsam.files import sha256
from medsam.models.registry import models
from medsam.prompts import KINDS, MODES
from medsam.protocol import CHOICES, MAX_CLICKS
from medsam.results.rows import UNIT, existing, kind_of, read_metadata, read_table

PACKAGE = "datapackage.json"
"""Name of the file by which a deposit says what it holds."""

FAULTS = {
    "another dataset, model or protocol than the file's": "[dataset, model, protocol] <> $kind",
    "a status that is not ok, empty or error": "status not in ('ok', 'empty', 'error')",
    "status ok without an IoU": "status = 'ok' and iou is null",
    "status empty or error without a reason": "status <> 'ok' and coalesce(reason, '') = ''",
    "iou outside 0 to 1": "not iou between 0 and 1",
    "dice outside 0 to 1": "not dice between 0 and 1",
    "nsd outside 0 to 1": "not nsd between 0 and 1",
    "a Dice that is not 2 IoU / (1 + IoU)": "abs(dice - 2 * iou / (1 + iou)) > 1e-9",
}
"""What no run writes, as a condition on a row."""

_UNITS = f"""
    select {", ".join(UNIT)}, bool_and(status = 'error') as failed,
    count(*) = 1 and bool_and(status <> 'ok') as without,
    string_agg(k || ' ' || choice, ', ' order by k, choice) as prompts
    from rows group by all order by all
"""
_ANEW = "Without the file, the same run computes its rows anew."

_Prompts = frozenset[tuple[str, int, str]]


@dataclass
class Check:
    """What was found.

    Attributes
    ----------
    files, rows, units : int
        What was read.
    wrong : list of str
        A sentence for each fault: where, what, and what to do.
    """

    files: int = 0
    rows: int = 0
    units: int = 0
    wrong: list[str] = field(default_factory=list)


def check(folder: Path | str) -> Check:
    """Read every shard: whole, complete, each unit once, and with numbers that can be.

    A unit that was computed has a row for each prompt and choice that its experiment promises; one
    that was not has one row that says why. Where there is a ``datapackage.json``, as in a deposit,
    its files are those that it names.

    Parameters
    ----------
    folder : path
        Results folder, flat or partitioned.

    Raises
    ------
    ResultsError
        If there are no results.
    """
    folder, found = Path(folder), Check()
    files = existing(folder)
    first: dict[tuple[str, ...], Path] = {}
    for shard in files:
        found.files += 1
        try:
            identity, rows = read_metadata(shard)["identity"], read_table(shard)
        except ResultsError as error:
            found.wrong.append(str(error))
            continue
        with duckdb.connect() as connection:
            connection.register("rows", rows)
            faults = [*_faults(connection, kind_of(identity))]
            kinds = _kinds(connection, identity["model"])
            units = connection.execute(_UNITS).fetchall()
        found.rows += len(rows)
        found.units += len(units)
        wanted = _prompts(promised(identity["experiments"], kinds))
        for *unit, failed, without, prompts in units:
            named = f"image {unit[3]!r}, task {unit[4]}, {unit[5]}"
            # One without a prompt has one row; if not read, it may be in a later shard again.
            if not without and prompts != wanted.get(unit[5], prompts):
                faults.append(f"{named} has rows of {prompts}, not of {wanted[unit[5]]}.")
            before = first.setdefault(tuple(unit), shard) if not failed else shard
            if before != shard:
                faults.append(f"{named} is in {before}, too.")
        found.wrong += [f"{shard}: {words} {_ANEW}" for words in faults]
    found.wrong += _of_package(folder, files)
    return found


def promised(experiments: Collection[str], kinds: Collection[str]) -> _Prompts:
    """What a case has a row for, as ``(experiment, k, choice)``.

    Parameters
    ----------
    experiments : collection of str
        Of :data:`medsam.protocol.EXPERIMENTS`; others promise nothing.
    kinds : collection of str
        Kinds of prompt that the model takes, of ``points`` and ``box``.

    Examples
    --------
    >>> len(promised(("mode", "clicks"), ("points", "box"))), len(promised(("mode",), ("box",)))
    (28, 6)
    """
    of = {
        "mode": [mode for mode in MODES if KINDS[mode] in kinds],
        "clicks": range(1, MAX_CLICKS + 1) if "points" in kinds else (),
    }
    return frozenset(
        (name, k, choice)
        for name in of
        if name in experiments
        for k in of[name]
        for choice in CHOICES
    )


def _prompts(of: _Prompts) -> dict[str, str]:
    """By experiment each prompt and choice in order, as the query of the units has them."""
    return {
        name: ", ".join(f"{k} {choice}" for one, k, choice in sorted(of) if one == name)
        for name, *_ in of
    }


def _faults(connection: duckdb.DuckDBPyConnection, kind: tuple[str, str, str]) -> Iterator[str]:
    """Count rows that no run writes."""
    for words, condition in FAULTS.items():
        given = {"kind": kind} if "$kind" in condition else {}
        count, image = connection.execute(
            f"select count(*), min(image) from rows where {condition}", given
        ).fetchall()[0]
        if count:
            yield f"{count} rows with {words}, such as of image {image!r}."


def _kinds(connection: duckdb.DuckDBPyConnection, model: str) -> set[str]:
    """Kinds of prompt that a model takes; of one that is not ours, those that it was asked."""
    if known := models().get(model):
        return set(known.accepts.split())
    asked = connection.execute("select distinct experiment, k from rows where status = 'ok'")
    return {KINDS.get(k, "points") if name == "mode" else "points" for name, k in asked.fetchall()}


def _of_package(folder: Path, files: list[Path]) -> Iterator[str]:
    """Say which files of a deposit are not those that its data package names."""
    path = folder / PACKAGE
    if not path.exists():
        return
    try:
        package = json.loads(path.read_text(encoding="utf-8"))
        said = {one["path"]: one["hash"] for one in package["resources"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Allowed: what "
            "`medsam results deposit` wrote. Get it anew."
        ) from error
    for name in sorted({*said, *(file.relative_to(folder).as_posix() for file in files)}):
        file = folder / name
        there = f"sha256:{sha256(file)}" if file.is_file() else "not there"
        if there != said.get(name):
            yield (
                f"{file}: {there}, but {PACKAGE} says {said.get(name, 'nothing of it')}. Get the "
                "deposit anew, or make it anew with `medsam results deposit`."
            )
