"""Whether the rows of a results folder can be right, and are all there."""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medsam.errors import ResultsError
from medsam.files import sha256
from medsam.models.registry import models
from medsam.prompts import KINDS, MODES
from medsam.protocol import CHOICES, MAX_CLICKS
from medsam.results.rows import UNIT, existing, identity_digest, kind_of, read_metadata, read_table

MANIFEST = "manifest.json"
"""Name of the file by which a deposit says what it holds."""

_CASE = ["image", "task", "experiment"]
_PROMPT = ["k", "choice"]
_ANEW = "Without the file, the same run computes its rows anew."
_WHOLE = "Get the deposit anew, or make it anew with `medsam results deposit`."

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
    that was not has one row that says why. Where there is a ``manifest.json``, as in a deposit,
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
    units: list[pd.DataFrame] = []
    for shard in files:
        found.files += 1
        try:
            about, rows = read_metadata(shard), read_table(shard).to_pandas()
        except ResultsError as error:
            found.wrong.append(str(error))
            continue
        found.rows += len(rows)
        units.append(rows[[*UNIT, "status"]].drop_duplicates([*UNIT]).assign(shard=str(shard)))
        found.units += len(units[-1])
        faults = [*_of_others(about, rows), *_incomplete(about, rows), *_numbers(rows)]
        found.wrong += [f"{shard}: {words} {_ANEW}" for words in faults]
    found.wrong += _twice(units)
    found.wrong += _manifest(folder, files)
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


def _twice(units: list[pd.DataFrame]) -> Iterator[str]:
    """Find units that several shards have, but for those that could not be read at first."""
    if not units:
        return
    every = pd.concat(units)
    every = every[every.status != "error"]
    first = every.drop_duplicates([*UNIT])
    again = every[every.duplicated([*UNIT])].merge(first, on=[*UNIT], suffixes=("", "_first"))
    for unit in again.itertuples():
        yield (
            f"{unit.shard}: image {unit.image!r}, task {unit.task} is in {unit.shard_first}, too. "
            "Allowed: each unit once. Merge the folder into a new one with `medsam results merge`."
        )


def _kinds(model: str, rows: pd.DataFrame) -> set[str]:
    """Kinds of prompt that a model takes; of one that is not ours, those that it was asked."""
    known = models().get(model)
    if known is not None:
        return set(known.accepts.split())
    asked = rows[rows.experiment == "mode"].k.dropna().unique()
    clicked = {"points"} if (rows.experiment == "clicks").any() else set()
    return clicked | {KINDS[int(mode)] for mode in asked if int(mode) in KINDS}


def _of_others(about: Mapping[str, Any], rows: pd.DataFrame) -> Iterator[str]:
    """Count rows that are not of what the file says of itself."""
    strange = (rows[["dataset", "model", "protocol"]] != kind_of(about["identity"])).any(axis=1)
    if strange.any():
        yield f"{int(strange.sum())} rows of another dataset, model or protocol than it says."


def _incomplete(about: Mapping[str, Any], rows: pd.DataFrame) -> Iterator[str]:
    """Find units that have not the rows that they should have."""
    identity = about["identity"]
    wanted = promised(list(identity["experiments"]), _kinds(identity["model"], rows))
    odd = rows.loc[rows.status != "ok", _CASE].drop_duplicates()
    for case, part in rows.merge(odd, on=_CASE).groupby(_CASE):
        words = _without_prompt(part)
        if words:
            yield f"{_named(case)} {words}"
    scored = rows[rows.status == "ok"]
    for case, part in scored[scored.iou.isna()].groupby(_CASE):
        yield f"{_named(case)} has {len(part)} rows that say ok without an IoU."
    table = pd.DataFrame(sorted(wanted), columns=["experiment", *_PROMPT])
    there = scored[[*_CASE, *_PROMPT]].dropna(subset="k").astype({"k": int}).drop_duplicates()
    there = there[there.experiment.isin(table.experiment)]
    needed = there[_CASE].drop_duplicates().merge(table, on="experiment")
    both = needed.merge(there, how="outer", indicator=True).sort_values([*_CASE, *_PROMPT])
    said = {"left_only": "lacks {} of its {} rows", "right_only": "has {} rows beside its {}"}
    for side, words in said.items():
        for case, part in both[both._merge == side].groupby(_CASE):
            prompts = [f"{k} {choice}" for k, choice in part[_PROMPT].itertuples(index=False)]
            few = ", ".join(prompts[:3]) + (", …" if len(prompts) > 3 else "")
            promise = int((table.experiment == case[-1]).sum())
            yield f"{_named(case)} {words.format(len(prompts), promise)}: {few}."


def _named(case: tuple[Hashable, ...]) -> str:
    """A case in words."""
    image, task, experiment = case
    return f"image {image!r}, task {task}, {experiment}"


def _without_prompt(rows: pd.DataFrame) -> str:
    """Say what is wrong with a unit that has no prompt, as its object is empty or was not read."""
    states = sorted(set(rows.status))
    if len(states) > 1 or not set(states) <= {"empty", "error"}:
        return f"says {', '.join(states)}. Allowed: one of ok, empty and error."
    if len(rows) > 1:
        return f"has {len(rows)} rows that say {states[0]}. Allowed: one."
    return "" if rows.reason.iloc[0] else f"says {states[0]} without a reason."


def _numbers(rows: pd.DataFrame) -> Iterator[str]:
    """Count what no run can have written."""
    scored = rows[rows.iou.notna()]
    for name in ("iou", "dice", "nsd"):
        out = scored[name].notna() & ~scored[name].between(0, 1)
        if out.any():
            yield f"{int(out.sum())} rows with {name} outside 0 to 1."
    apart = ~np.isclose(scored.dice, 2 * scored.iou / (1 + scored.iou), atol=1e-9)
    if apart.any():
        yield f"{int(apart.sum())} rows whose Dice is not 2 IoU / (1 + IoU)."
    twice = rows.duplicated([*UNIT, *_PROMPT])
    if twice.any():
        yield f"{int(twice.sum())} rows that are there twice."


def _manifest(folder: Path, files: list[Path]) -> Iterator[str]:
    """Say which files of a deposit are not those that its manifest names."""
    path = folder / MANIFEST
    if not path.exists():
        return
    try:
        said = {one["file"]: one for one in json.loads(path.read_text(encoding="utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{path} cannot be read ({type(error).__name__}: {error}). {_WHOLE}"
        return
    there = {file.relative_to(folder).as_posix(): file for file in files}
    for name in sorted(said.keys() - there.keys()):
        yield f"{path} names {name}, which is not there. {_WHOLE}"
    for name in sorted(there.keys() - said.keys()):
        yield f"{path} does not name {name}. {_WHOLE}"
    for name in sorted(there.keys() & said.keys()):
        if sha256(there[name]) != said[name].get("sha256"):
            yield f"{path}: the sha256 of {name} is another one. {_WHOLE}"
            continue
        identity = said[name].get("identity")
        if identity is not None and identity != identity_digest(read_metadata(there[name])):
            yield f"{path}: what the rows of {name} depend on is something else. {_WHOLE}"
