"""What kills of a run cost: this project's own measurement, as data.

``benchmarks/faults.py`` kills a run of ``minisam`` on the sample with SIGKILL at random moments
and at each step of the writing of each shard, and a merge of results at random moments; it gives
the same command again and compares the rows with those of an undisturbed run. It writes a line
only where they are equal, and stops otherwise.

Examples
--------
>>> from benchmarks.report import faults
>>> faults.kills().columns.tolist()[:5]
['command', 'aim', 'seconds', 'whole', 'phase']
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from medsam.errors import InputError

__all__ = [
    "COLUMNS",
    "DATA",
    "FOLDER",
    "PHASES",
    "STEPS",
    "findings",
    "kills",
    "provenance",
    "summary",
]

FOLDER = Path(__file__).parent / "data" / "faults"
DATA = ("kills.csv", "provenance.json")
"""Names of the files: a line for each kill, and what they depend on."""

PHASES = ("starting", "reading", "encoding", "prompting", "writing")
"""What a process was at: its start and all that is not named, an image or a shard to merge, an
embedding, prompts and masks, a shard."""

STEPS = ("empty file", "half a file", "before sync", "before rename", "after rename")
"""Where the writing of a shard was cut off, of those kills that were aimed there."""

COLUMNS = (
    "command", "aim", "seconds", "whole", "phase", "shards", "images", "kept", "lost", "again",
)  # fmt: skip


def kills(folder: Path | str = FOLDER) -> pd.DataFrame:
    """One row for each kill.

    Parameters
    ----------
    folder : path
        That ``benchmarks/faults.py`` has written; those that come with medsam by default.

    Returns
    -------
    DataFrame
        ``command`` (``run`` | ``merge``); ``aim`` (``moment`` or one of :data:`STEPS`);
        ``seconds`` of CPU time up to the kill, ``whole`` those of the undisturbed command;
        ``phase`` (one of :data:`PHASES`); ``shards`` that were there after the kill; ``images``
        of the whole (of a merge: units), ``kept`` those in the shards, ``lost`` those begun and
        not kept, to be computed again; ``again``, seconds of the command that finished it.

    Raises
    ------
    InputError
        If there is no such table, or it is not as above.
    """
    path = Path(folder) / DATA[0]
    try:
        found = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"Cannot read {path} ({type(error).__name__}: {error}). Allowed: a folder that "
            "benchmarks/faults.py has written. Check the path."
        ) from error
    wrong = [name for name in COLUMNS if name not in found.columns]
    known = {"command": ("run", "merge"), "aim": ("moment", *STEPS), "phase": PHASES}
    wrong += [
        f"{name} {value!r}"
        for name, allowed in known.items()
        if name in found.columns
        for value in sorted(set(found[name]) - set(allowed))
    ]
    if wrong:
        raise InputError(
            f"{path}: {'; '.join(wrong)}. Allowed: columns {', '.join(COLUMNS)}, with the words "
            "that benchmarks.report.faults names. Make it anew with benchmarks/faults.py."
        )
    return found


def provenance(folder: Path | str = FOLDER) -> dict[str, Any]:
    """What they depend on: commands, seed, images a shard, model, versions, date."""
    told: dict[str, Any] = json.loads((Path(folder) / DATA[1]).read_text(encoding="utf-8"))
    return told


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Kills by command and phase: ``kills``, and images to be computed again.

    Parameters
    ----------
    found : DataFrame
        As :func:`kills` gives it.

    Returns
    -------
    DataFrame
        ``command, phase, kills, lost_mean, lost_most``, in the order of :data:`PHASES`.
    """
    order = {name: place for place, name in enumerate(("run", "merge", *PHASES))}
    lost = found.groupby(["command", "phase"]).lost
    table = lost.agg(kills="size", lost_mean="mean", lost_most="max").reset_index()
    return table.sort_values(
        ["command", "phase"], key=lambda words: words.map(order), ignore_index=True
    )


def findings(found: pd.DataFrame, about: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers for the text of a page.

    Parameters
    ----------
    found : DataFrame
        As :func:`kills` gives it.
    about : mapping
        As :func:`provenance` gives it.

    Returns
    -------
    dict
        ``random, aimed, merges`` (kills of each sort), ``most, mean`` (images again, of those at
        random), ``images, shard`` (of the run, a shard) and ``made`` (a date).
    """
    run = found[found.command == "run"]
    chance = run[run.aim == "moment"]
    return {
        "random": len(chance),
        "aimed": len(run) - len(chance),
        "merges": int((found.command == "merge").sum()),
        "most": int(chance.lost.max()),
        "mean": float(chance.lost.mean()),
        "images": about["images"],
        "shard": about["images_a_shard"],
        "made": about["made"],
    }
