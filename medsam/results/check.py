"""Whether the rows of a results folder can be right, and are all there."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
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
from medsam.results.rows import existing, identity_digest, table, told

__all__ = ["MANIFEST", "Check", "check", "promised"]

MANIFEST = "manifest.json"
"""Name of the file by which a deposit says what it holds."""

_PROMPT = ["task", "image", "experiment", "k"]
_ANEW = "Delete the file and run again; only its rows are computed anew."
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

    A unit that was computed has a row for each prompt and choice that its experiments promise; one
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
    owners: dict[tuple[str, ...], tuple[Path, bool]] = {}
    files = existing(folder)
    for shard in files:
        found.files += 1
        try:
            about, rows = told(shard), table(shard).to_pandas()
        except ResultsError as error:
            found.wrong.append(str(error))
            continue
        found.rows += len(rows)
        found.units += len(about["units"])
        found.wrong += _twice(shard, about, owners)
        found.wrong += [f"{shard}: {words} {_ANEW}" for words in _units(about, rows)]
        found.wrong += [f"{shard}: {words}. Delete it and run again." for words in _numbers(rows)]
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


def _twice(
    shard: Path, about: Mapping[str, Any], owners: dict[tuple[str, ...], tuple[Path, bool]]
) -> Iterator[str]:
    """Units that a shard before had, too; but for those that could not be read there."""
    identity = about["identity"]
    key = (identity["dataset"], identity["model"], identity["protocol"]["name"])
    for image, task, _, failed in about["units"]:
        there, before = owners.get((*key, image, task), (shard, True))
        owners[(*key, image, task)] = shard, failed
        if not before:
            yield (
                f"{shard}: image {image!r}, task {task} is in {there}, too. Each unit counts "
                "once. Merge the folder into a new one with `medsam results merge`."
            )


def _kinds(model: str, rows: pd.DataFrame) -> set[str]:
    """Kinds of prompt that a model takes; of one that is not ours, those that it was asked."""
    known = models().get(model)
    if known is not None:
        return set(known.accepts.split())
    asked = rows[rows.experiment == "mode"].k.dropna().unique()
    clicked = {"points"} if (rows.experiment == "clicks").any() else set()
    return clicked | {KINDS[int(mode)] for mode in asked if int(mode) in KINDS}


def _units(about: Mapping[str, Any], rows: pd.DataFrame) -> Iterator[str]:
    """Whether each unit has the rows that it should have, and no other is there."""
    identity = about["identity"]
    names = (identity["dataset"], identity["model"], identity["protocol"]["name"])
    strange = (rows[["dataset", "model", "protocol"]] != names).any(axis=1)
    if strange.any():
        yield f"{int(strange.sum())} rows of another dataset, model or protocol than it tells."
    wanted = promised(identity["experiments"], _kinds(identity["model"], rows))
    whole = _plainly_whole(rows, wanted)
    of = rows.groupby(["image", "task"]).indices
    for image, task, _, failed in about["units"]:
        places = of.pop((image, task), [])
        if not failed and (image, task) in whole:
            continue
        words = _unit(rows.iloc[places], failed, wanted)
        if words:
            yield f"image {image!r}, task {task} {words}"
    if of:
        yield f"rows of {len(of)} units that it does not name."


def _plainly_whole(rows: pd.DataFrame, wanted: _Prompts) -> set[tuple[str, str]]:
    """Units with all rows, all of them ok: most of them, without a look at each alone."""
    good = rows[(rows.status == "ok") & rows.iou.notna()]
    prompts = pd.MultiIndex.from_frame(good[["experiment", "k", "choice"]])
    good = good[prompts.isin(wanted)].drop_duplicates([*_PROMPT, "choice"])
    counts = good.groupby(["image", "task"]).size()
    counts = counts[counts == len(wanted)]
    every = rows.groupby(["image", "task"]).size().reindex(counts.index)
    return {(str(image), str(task)) for image, task in counts[counts == every].index}


def _unit(rows: pd.DataFrame, failed: bool, wanted: _Prompts) -> str:
    """What is wrong with the rows of a unit; nothing if nothing is."""
    states = set(rows.status)
    allowed = {"error"} if failed else {"ok", "empty"}
    if rows.empty:
        return "has no row."
    if not states <= allowed or len(states) > 1:
        said = "as not read" if failed else "as read"
        return f"is told {said}, but its rows say {', '.join(sorted(states))}."
    if states != {"ok"}:
        if len(rows) > 1:
            return f"has {len(rows)} rows that say {states.pop()}. Allowed: one."
        return "" if rows.reason.iloc[0] else f"says {states.pop()} without a reason."
    if not wanted:
        return ""
    there = rows[rows.k.notna()]
    found = set(zip(there.experiment, there.k.astype(int), there.choice, strict=True))
    missing, more = sorted(wanted - found), sorted(found - wanted)
    if missing:
        return f"lacks {len(missing)} of its {len(wanted)} rows: {_few(missing)}."
    if more:
        return f"has {len(more)} rows beside its {len(wanted)}: {_few(more)}."
    without = int(rows.iou.isna().sum())
    return f"has {without} rows that say ok without an IoU." if without else ""


def _few(prompts: list[tuple[str, int, str]]) -> str:
    words = [f"{name} {k} {choice}" for name, k, choice in prompts]
    return ", ".join(words[:3]) + (", …" if len(words) > 3 else "")


def _numbers(rows: pd.DataFrame) -> list[str]:
    """What no run can have written."""
    scored = rows[rows.iou.notna()]
    wrong = []
    for name in ("iou", "dice", "nsd"):
        out = scored[name].notna() & ~scored[name].between(0, 1)
        if out.any():
            wrong.append(f"{int(out.sum())} rows with {name} outside 0 to 1")
    apart = ~np.isclose(scored.dice, 2 * scored.iou / (1 + scored.iou), atol=1e-9)
    if apart.any():
        wrong.append(f"{int(apart.sum())} rows whose Dice is not 2 IoU / (1 + IoU)")
    twice = rows.duplicated([*_PROMPT, "choice", "model", "protocol", "dataset"])
    if twice.any():
        wrong.append(f"{int(twice.sum())} rows that are there twice")
    return wrong


def _manifest(folder: Path, files: list[Path]) -> Iterator[str]:
    """Whether the files of a deposit are those that its manifest names."""
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
        if identity is not None and identity != identity_digest(told(there[name])):
            yield f"{path}: what the rows of {name} depend on is something else. {_WHOLE}"
