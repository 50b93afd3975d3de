"""What a study comes to before it is run: counts, bytes, and time from two images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from medsam.errors import InputError
from medsam.models import load
from medsam.models.cache import CachedModel
from medsam.models.registry import entry
from medsam.protocol import EXPERIMENTS
from medsam.results.check import promised
from medsam.study.everything import only
from medsam.study.plan import Plan
from medsam.study.runner import run

MASKS = 3
"""Rows of `ambiguity`: as many masks as SAM gives for a point."""

ROW_BYTES = 73
"""Bytes a row in a file, as measured on the 9,054 rows of the embedded sample's study."""


@dataclass(frozen=True)
class Counts:
    """What one model is asked in a study, at most: an image may lack an object of a task.

    Attributes
    ----------
    encoded : int
        Images that are read and encoded: each once for all tasks and protocols that read it alike.
    objects : int
        Times protocols.
    prompts, rows : int
    processes : int
        That load the model.
    """

    encoded: int
    objects: int
    prompts: int
    rows: int
    processes: int


def counts(plan: Plan) -> dict[str, Counts]:
    """What each model is asked, by its name."""
    jobs = plan.jobs().evaluate.values()
    images, objects = (sum(each) for each in zip(*plan.sizes.values(), strict=True))
    objects *= len(plan.protocols)
    found = {}
    for model in plan.models:
        kinds = entry(model).accepts.split()
        rows = promised(EXPERIMENTS, kinds)
        # One answer to a mode serves both choices of mask; clicks go their own way after each.
        prompts = {row if row[0] == "clicks" else row[:2] for row in rows}
        found[model] = Counts(
            encoded=images * len(plan.together),
            objects=objects,
            prompts=objects * len(prompts),
            rows=objects * (len(rows) + (MASKS if "points" in kinds else 0)),
            processes=sum(some[0].model == model for some in jobs),
        )
    return found


@dataclass(frozen=True)
class Probe:
    """A model on two images of the first source, in seconds on the wall.

    Attributes
    ----------
    load : float
        Until the model has its weights.
    encode : float
        An image, where the model encodes images.
    object : float
        All prompts and metrics of an object under one of the protocols that are computed side by
        side, and its share of reading and writing.
    embedding : int
        Bytes of a kept embedding.
    """

    load: float
    encode: float
    object: float
    embedding: int = 0


def probe(plan: Plan, model: str, images: int = 2) -> Probe:
    """Run a model on a few images of the first source as the study does.

    Raises
    ------
    MedsamError
        If the model cannot be loaded, or none of the images could be used.
    """
    dataset = plan.datasets[plan.sources[0]]
    every = max(1, len(dataset) // images)
    cases = list(islice(dataset.cases(), every // 2, None, every))[:images]
    few, protocols = only(dataset, [case.id for case in cases]), plan.together[0]
    with TemporaryDirectory() as folder:
        begun = perf_counter()
        network = load(model)
        loaded = perf_counter()
        if entry(model).encodes:
            network = CachedModel(network, Path(folder) / "embeddings")
            network.keep([case.load().image for case in cases])
        encoded = perf_counter()
        report = run(few, network, Path(folder) / "rows", *protocols, progress=False)
        done = perf_counter()
        kept = [file.stat().st_size for file in Path(folder).glob("embeddings/*.npz")]
    if not report.status["ok"]:
        raise InputError(
            f"None of the {len(cases)} images that were tried could be used "
            f"({'; '.join(report.reasons.values()) or 'empty masks'}). Allowed: at least one with "
            "an object. Check the data."
        )
    each = (done - encoded) / report.status["ok"]
    return Probe(loaded - begun, (encoded - loaded) / len(cases), each, max(kept, default=0))


def seconds(plan: Plan, probes: dict[str, Probe], workers: int) -> float:
    """How long the study takes with so many processes at a time that share the work evenly."""
    return sum(
        probes[model].load * max(1.0, one.processes / workers)
        + (one.encoded * probes[model].encode + one.objects * probes[model].object) / workers
        for model, one in counts(plan).items()
        if model in probes
    )
