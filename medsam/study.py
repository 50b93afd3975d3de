"""The loop of the study: samples x prompts -> rows, from one embedding an image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from medsam.choice import CHOICES, Choice, Chosen, choose
from medsam.datasets.sample import Case, Dataset, Sample
from medsam.errors import DataError, ResultsError
from medsam.metrics import dice, iou
from medsam.models.contract import Embedding, Prediction, PromptableModel
from medsam.prompts import MAX_REGIONS, MODES, Draw, Prompt, mode_prompt, next_click, regions
from medsam.protocol import PROTOCOLS, Protocol
from medsam.results import COLUMNS, Identity, Store, Unit

__all__ = ["MAX_CLICKS", "SEED", "Report", "evaluate", "run"]

Mask = NDArray[np.bool_]
Row = dict[str, Any]
Predict = Callable[[Prompt], list[Prediction]]
Answer = tuple[int, Choice, Prompt, Chosen]

MAX_CLICKS = 9
"""Clicks of Algorithm 1 (section 3.3, Fig. 5)."""
SEED = 1
"""The released scripts' seed."""

_STREAMS = ("mode", "clicks/top", "clicks/oracle")


class _Predictor:
    """Predictions for one image, each distinct prompt asked once."""

    def __init__(self, model: PromptableModel, image: NDArray[np.uint8]):
        self._model, self._image = model, image
        self._embedding: Embedding | None = None
        self._known: dict[str, list[Prediction]] = {}

    def __call__(self, prompt: Prompt) -> list[Prediction]:
        key = prompt.to_json()
        if key not in self._known:
            if self._embedding is None:
                self._embedding = self._model.embed(self._image)
            self._known[key] = self._model.predict(self._embedding, prompt.split())
        return self._known[key]


def _streams(protocol: Protocol, seed: int) -> dict[str, Draw]:
    # The released scripts are separate programs, each seeded anew.
    return {name: Draw(protocol, seed) for name in _STREAMS}


def _modes(
    mask: Mask,
    parts: list[Mask],
    predict: Predict,
    protocol: Protocol,
    draw: Draw,
    keys: tuple[str, str],
) -> Iterator[Answer]:
    """The five modes, each with both choices of mask."""
    for mode in MODES:
        prompt = mode_prompt(mask, mode, protocol, draw, keys, parts)
        predictions = predict(prompt)
        for choice in CHOICES:
            yield (
                mode,
                choice,
                prompt,
                choose(predictions, mask, choice, protocol, parts[:MAX_REGIONS]),
            )


def _clicks(
    sample: Sample,
    mask: Mask,
    predict: Predict,
    protocol: Protocol,
    draws: dict[str, Draw],
    keys: tuple[str, str],
) -> Iterator[Answer]:
    """Algorithm 1 twice: the error map of the top mask, and of the oracle's."""
    for choice in CHOICES:
        clicks: Prompt | None = None
        chosen: Chosen | None = None
        for k in range(1, MAX_CLICKS + 1):
            following = next_click(
                mask,
                None if chosen is None else chosen.mask,
                clicks,
                protocol,
                draws[f"clicks/{choice}"],
                keys,
                sample.any_object,
            )
            # No error is left to click on: the last answer stands for the clicks that remain.
            if following is not None:
                clicks = following
                chosen = choose(predict(clicks), mask, choice, protocol)
            assert clicks is not None
            assert chosen is not None
            yield k, choice, clicks, chosen


def evaluate(
    sample: Sample,
    task: str,
    predict: Predict,
    protocol: Protocol = PROTOCOLS["paper"],
    draws: dict[str, Draw] | None = None,
) -> list[Row]:
    """All rows of one image for one task: five modes and nine clicks, top and oracle.

    Parameters
    ----------
    sample : Sample
    task : str
        One of ``sample.masks``.
    predict : callable
        Prompt to predictions (one a box), from one embedding of ``sample.image``.
    protocol : Protocol
    draws : dict of Draw, optional
        Where ties are decided; by default new ones with seed :data:`SEED`.

    Returns
    -------
    list of dict
        Without the columns that name dataset and model. An object without a pixel gives
        one row with ``status="empty"``.
    """
    mask = sample.masks[task]
    height, width = mask.shape
    common: Row = {
        "task": task,
        "image": sample.id,
        "group": sample.group,
        "object_px": int(np.count_nonzero(mask)),
        "height": height,
        "width": width,
        "protocol": protocol.name,
    }
    if not common["object_px"]:
        reason = f"the mask of {task} has no pixel on this image"
        return [common | {"n_regions": 0, "status": "empty", "reason": reason}]
    draws = draws or _streams(protocol, SEED)
    parts = regions(mask, protocol)
    common |= {"n_regions": len(parts), "status": "ok"}
    keys = (task, sample.id)
    experiments = {
        "mode": _modes(mask, parts, predict, protocol, draws["mode"], keys),
        "clicks": _clicks(sample, mask, predict, protocol, draws, keys),
    }
    rows: list[Row] = []
    for experiment, answers in experiments.items():
        for k, choice, prompt, chosen in answers:
            rows.append(
                common
                | {
                    "experiment": experiment,
                    "k": k,
                    "choice": choice,
                    "iou": iou(chosen.mask, mask, empty=protocol.empty_union),
                    "dice": dice(chosen.mask, mask, empty=protocol.empty_union),
                    "score": chosen.score,
                    "prompt": prompt.to_json(),
                }
            )
    return rows


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
    case: Case, tasks: Sequence[str], model: PromptableModel, protocol: Protocol, draws: Any
) -> list[Row]:
    """Rows of one image for the tasks asked; a case that cannot be read is a row each."""
    try:
        sample = case.load()
    except DataError as error:
        blank = {"image": case.id, "group": case.group, "protocol": protocol.name}
        return [blank | {"task": t, "status": "error", "reason": str(error)} for t in tasks]
    predict = _Predictor(model, sample.image)
    rows: list[Row] = []
    for task in tasks:
        rows += evaluate(sample, task, predict, protocol, draws)
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
    draws = _streams(protocol, seed)
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
