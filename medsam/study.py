"""The loop of the study: samples x prompts -> rows, from one embedding an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from medsam.datasets.sample import Case, Dataset
from medsam.draws import Draw
from medsam.errors import DataError, ResultsError
from medsam.evaluation import MAX_CLICKS, SEED, Predictor, Row, evaluate, streams
from medsam.models.contract import PromptableModel
from medsam.prompts import Prompt
from medsam.protocol import PROTOCOLS, Protocol
from medsam.results import COLUMNS
from medsam.store import Identity, Store, Unit

__all__ = ["MAX_CLICKS", "SEED", "Report", "evaluate", "run"]


@dataclass
class Report:
    """What a run did.

    Attributes
    ----------
    computed, resumed : int
        (image, task) units computed now, and found complete.
    status : dict of str to int
        Units computed now by status: ``ok``, ``empty``, ``error``.
    reasons : dict of str to str
        Image to reason, for those that could not be read.
    """

    computed: int = 0
    resumed: int = 0
    status: dict[str, int] = field(default_factory=lambda: {"ok": 0, "empty": 0, "error": 0})
    reasons: dict[str, str] = field(default_factory=dict)


def _case_rows(
    case: Case,
    tasks: Sequence[str],
    model: PromptableModel,
    protocol: Protocol,
    draws: dict[str, Draw],
) -> list[Row]:
    """Rows of one image for the tasks asked; a case that cannot be used is a row each."""
    rows: list[Row] = []
    try:
        sample = case.load()
        predict = Predictor(model, sample.image)
        for task in tasks:
            rows += evaluate(sample, task, predict, protocol, draws)
    except DataError as error:
        blank = {"image": case.id, "group": case.group, "protocol": protocol.name}
        return [blank | {"task": t, "status": "error", "reason": str(error)} for t in tasks]
    return rows


def run(
    dataset: Dataset,
    model: PromptableModel,
    out: Path,
    protocol: Protocol = PROTOCOLS["paper"],
    *,
    seed: int = SEED,
    shard: int = 8,
    progress: bool = True,
) -> Report:
    """Evaluate a model on a dataset into a results folder; continue what is there.

    Parameters
    ----------
    dataset : Dataset
    model : PromptableModel
    out : Path
        Results folder. Complete (image, task) units in it are not computed again.
    protocol : Protocol
    seed : int
        Ties are drawn from it.
    shard : int
        Images a shard: what a kill can cost.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        If the model does not take points and boxes; before any compute.
    ResultsError
        If the folder cannot be written or continued. Shards written so far stay.
    """
    for prompt in (Prompt(np.zeros((1, 2)), np.ones(1, np.int64)), Prompt(boxes=np.zeros((1, 4)))):
        model.check(prompt)
    identity = Identity(dataset.key, model.name, protocol.as_dict(), model.provenance(), seed)
    constant = {"dataset": dataset.key, "modality": dataset.modality, "model": model.name}
    report = Report()
    draws = streams(protocol, seed)
    rows: list[Row] = []
    units: list[Unit] = []
    images = 0

    with Store(Path(out), identity) as store:
        for name, state in store.state.items():
            draws[name].set_state(state)

        state = store.state

        def flush() -> None:
            nonlocal images
            if units:
                store.write([dict.fromkeys(COLUMNS) | constant | row for row in rows], units, state)
            rows.clear()
            units.clear()
            images = 0

        bar = tqdm(
            dataset.cases(),
            total=len(dataset),
            desc=f"{dataset.key} · {model.name} · {protocol.name}",
            unit="image",
            disable=not progress,
        )
        try:
            for case in bar:
                digest = case.digest()
                todo = [Unit(case.id, task, digest) for task in case.tasks]
                fresh = [unit for unit in todo if not store.is_done(unit)]
                report.resumed += len(todo) - len(fresh)
                if not fresh:
                    _stay_in_order(protocol, report, case)
                    continue
                new = _case_rows(case, [u.task for u in fresh], model, protocol, draws)
                failed = {row["task"] for row in new if row["status"] == "error"}
                rows += new
                units += [replace(unit, failed=unit.task in failed) for unit in fresh]
                # After the image, not at the flush: a cut in the next one may have drawn already.
                state = {name: draw.get_state() for name, draw in draws.items()}
                report.computed += len(fresh)
                for task_rows in {row["task"]: row for row in new}.values():
                    report.status[task_rows["status"]] += 1
                    if task_rows["status"] == "error":
                        report.reasons[case.id] = task_rows["reason"]
                images += 1
                if images >= shard:
                    flush()
        except ResultsError:
            raise
        except BaseException:
            # Ctrl-C or an unforeseen error: what is complete is kept.
            flush()
            raise
        flush()
    return report


def _stay_in_order(protocol: Protocol, report: Report, case: Case) -> None:
    """One stream over all images cannot be continued in the middle."""
    if protocol.random == "stream" and report.computed:
        raise ResultsError(
            f"Protocol {protocol.name!r} draws from one stream over the images in order, but "
            f"{case.id!r} was computed before an image that sorts ahead of it. "
            "Allowed: new images at the end. Choose another --out."
        )
