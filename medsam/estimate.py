"""What a study comes to before it is run: counts, bytes, and time from a short probe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from medsam.checking import promised
from medsam.done import marker, merged, stale
from medsam.evaluation import EXPERIMENTS
from medsam.plan import PROMPTS

if TYPE_CHECKING:
    from medsam.plan import Plan
    from medsam.scaling import Stages

__all__ = ["ROW_BYTES", "Asked", "Probe", "asked", "due", "probe", "totals"]

ROW_BYTES = 73
"""Bytes a row in a file, as measured on the 9,054 rows of the embedded sample's study."""


@dataclass(frozen=True)
class Asked:
    """What one model is asked in a study, at most: an image may lack an object of a task.

    Attributes
    ----------
    reads : int
        How often an image is read: once for each task and protocol, and once to encode it where
        embeddings are kept.
    encoded, kept : int
        Images that are encoded, and of those that are kept.
    objects : int
        Times protocols.
    prompts, rows : int
    processes : int
        That load the model.
    """

    reads: int
    encoded: int
    kept: int
    objects: int
    prompts: int
    rows: int
    processes: int


def asked(plan: Plan) -> dict[str, Asked]:
    """What each model is asked, by name."""
    return {model: _asked(plan, model) for model in plan.models}


def _asked(plan: Plan, model: str) -> Asked:
    from medsam.models.registry import models

    reads = encoded = kept = objects = 0
    for source, (images, own) in plan.sizes.items():
        objects += own * len(plan.protocols)
        shared = {
            plan.images(source, name) for name in plan.protocols if plan.shares(source, model, name)
        }
        alone = sum(plan.images(source, name) not in shared for name in plan.protocols)
        kept += images * len(shared)
        encoded += images * len(shared) + own * alone
        reads += images * len(shared) + own * len(plan.protocols)
    kinds = models()[model].accepts.split()
    rows = promised(EXPERIMENTS, kinds)
    # One answer to a mode serves both choices of mask; clicks go their own way after each.
    prompts = {row if row[0] == "clicks" else row[:2] for row in rows}
    jobs = plan.jobs
    processes = sum(job.model == model for job in jobs.embed.values())
    processes += sum(job.model == model for job in jobs.evaluate.values())
    return Asked(
        reads, encoded, kept, objects, objects * len(prompts), objects * len(rows), processes
    )


def due(plan: Plan) -> dict[str, int]:
    """Processes that are still to run, by kind, as Snakemake will count them."""
    jobs = plan.jobs
    gone = set(stale(plan.out, jobs))

    def missing(file: Path) -> bool:
        return file in gone or not file.is_file()

    def count(kind: str, names: Iterable[str]) -> list[str]:
        return [name for name in names if missing(marker(plan.out, kind, name))]

    merge = missing(merged(plan.out, jobs))
    # What is merged is there, whatever the processes were that it came from.
    ran = count("evaluate", jobs.evaluate) if merge else []
    needs = count("encoded", {jobs.evaluate[name].needs for name in ran} - {""})
    return {
        "embed": len(count("embed", (name for whole in needs for name in jobs.encoded[whole]))),
        "evaluate": len(ran),
        "merge": int(merge),
        "page": len(count("page", jobs.pages)),
        "book": len(count("book", [jobs.site.name] if jobs.site else [])),
    }


@dataclass(frozen=True)
class Probe:
    """A model on two images of the first source.

    Attributes
    ----------
    stages : Stages
        Seconds.
    embedding : int
        Bytes of a kept embedding.
    """

    stages: Stages
    embedding: int


def probe(plan: Plan, model: str) -> Probe:
    """Ask a model a little of what the study asks it, as a process of the study would.

    Raises
    ------
    MedsamError
        If the model cannot be loaded, or the images that were tried cannot be used.
    """
    from medsam.models import load
    from medsam.models.cache import CachedModel
    from medsam.models.registry import models
    from medsam.protocol import Protocol
    from medsam.scaling import probe as measure

    dataset = plan.datasets[plan.sources[0]]
    stages = measure(dataset, model, Protocol.get(plan.protocols[0]))
    if not models()[model].encodes:
        return Probe(stages, 0)
    with TemporaryDirectory() as folder:
        CachedModel(load(model), Path(folder)).keep(next(dataset.cases()).load().image)
        (kept,) = Path(folder).glob("*.emb")
        return Probe(stages, kept.stat().st_size)


def totals(plan: Plan, probes: dict[str, Probe], workers: int) -> float:
    """Seconds that the study takes from its start to the merge on so many processes at a time."""
    return sum(
        probes[model].stages.total(
            one.reads, one.encoded, one.objects * PROMPTS, workers, one.processes
        )
        for model, one in asked(plan).items()
        if model in probes
    )
