"""The loop of the study: samples x prompts -> rows, from one embedding an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from medsam.datasets.sample import Case, Dataset
from medsam.errors import DataError, InputError, ResultsError, UnknownName
from medsam.models.contract import Predictor, PromptableModel
from medsam.prompts import KINDS, MODES, Draw
from medsam.protocol import EXPERIMENTS, PROTOCOLS, SEED, Protocol
from medsam.results.rows import COLUMNS
from medsam.results.store import Identity, Store
from medsam.study.evaluate import Row, evaluate, streams

__all__ = ["Report", "run", "run_all"]


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
    left_out : list of str
        Modes and experiments for which the model takes no prompt.
    """

    computed: int = 0
    resumed: int = 0
    status: dict[str, int] = field(default_factory=lambda: {"ok": 0, "empty": 0, "error": 0})
    reasons: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


@dataclass
class _Course:
    """One protocol on its way through the images: its store, its draws, what is not written yet."""

    protocol: Protocol
    store: Store
    draws: dict[str, Draw]
    options: dict[str, Any]
    constant: Row
    report: Report
    state: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    started: bool = False

    def __post_init__(self) -> None:
        self.state = self.store.state
        for name, state in self.state.items():
            self.draws[name].set_state(state)

    def missing(self, case: Case, digest: str) -> list[str]:
        """Tasks of a case that the store lacks."""
        fresh = [task for task in case.tasks if not self.store.is_done(case.id, task, digest)]
        self.report.resumed += len(case.tasks) - len(fresh)
        if case.tasks and not fresh and self.started and self.protocol.random == "stream":
            # One stream over all images cannot be continued in the middle.
            raise ResultsError(
                f"Protocol {self.protocol.name!r} draws from one stream over the images in order, "
                f"but {case.id!r} was computed before an image that sorts ahead of it. "
                "Allowed: new images at the end. Choose another --out."
            )
        self.started |= bool(fresh)
        return fresh

    def take(self, case: Case, digest: str, tasks: list[str], rows: list[Row], reason: str) -> None:
        """Keep the rows of a case, or why it has none, for the next shard."""
        if reason:
            rows = [{"task": task, "status": "error", "reason": reason} for task in tasks]
            self.report.reasons[case.id] = reason
        constant = self.constant | {"image": case.id, "group": case.group, "digest": digest}
        self.rows += [constant | row for row in rows]
        # After the image, not at the flush: a cut in the next one may have drawn already.
        self.state = {name: draw.get_state() for name, draw in self.draws.items()}
        self.report.computed += len(tasks)
        for row in {row["task"]: row for row in rows}.values():
            self.report.status[row["status"]] += 1

    def flush(self) -> None:
        """Write what is complete."""
        if self.rows:
            self.store.write(self.rows, self.state)
        self.rows = []


def _compute(
    case: Case, digest: str, model: PromptableModel, fresh: list[tuple[_Course, list[str]]]
) -> None:
    """All that is missing of one image: task by task, and for each task every protocol."""
    rows: list[list[Row]] = [[] for _ in fresh]
    reason = ""
    try:
        sample = case.load()
        predict = Predictor(model, sample.image)
        for task in case.tasks:
            for (course, tasks), found in zip(fresh, rows, strict=True):
                if task in tasks:
                    found += evaluate(
                        sample, task, predict, course.protocol, course.draws, **course.options
                    )
            predict.forget()
    except DataError as error:
        reason = str(error)
    for (course, tasks), found in zip(fresh, rows, strict=True):
        course.take(case, digest, tasks, found, reason)


def run(
    dataset: Dataset,
    model: PromptableModel,
    out: Path,
    protocol: Protocol = PROTOCOLS["paper"],
    **options: Any,
) -> Report:
    """Evaluate a model on a dataset under one protocol; see :func:`run_all`."""
    return run_all(dataset, model, [protocol], out, **options)


def run_all(
    dataset: Dataset,
    model: PromptableModel,
    protocols: Iterable[Protocol],
    out: Path,
    *,
    seed: int = SEED,
    experiments: Iterable[str] = EXPERIMENTS,
    surface: bool = True,
    shard: int = 8,
    progress: bool = True,
) -> Report:
    """Evaluate a model under several protocols into a results folder; continue what is there.

    An image is embedded once for all protocols, and a prompt that several of them ask of a task
    is predicted once. The rows are those of a run for each protocol alone.

    Parameters
    ----------
    dataset : Dataset
        What it tells of its ``settings`` is a part of what the rows depend on.
    model : PromptableModel
    protocols : iterable of Protocol
        At least one, each with a name of its own.
    out : Path
        Results folder. Complete (image, task) units in it are not computed again.
    seed : int
        Ties are drawn from it.
    experiments : iterable of str
        Only these, of :data:`medsam.protocol.EXPERIMENTS`.
    surface : bool
        Measure NSD and HD95 where the size of a pixel is known; without, their columns are
        empty. Rows with and without are not mixed.
    shard : int
        Images a shard: what a kill can cost.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Report
        Of all protocols together.

    Raises
    ------
    InputError
        If the model takes no prompt of the experiments, or there is no protocol, no experiment,
        or a name twice; before any compute.
    UnknownName
        If there is no such experiment.
    ResultsError
        If the folder cannot be written or continued. Shards written so far stay.
    """
    protocols = list(protocols)
    names = [protocol.name for protocol in protocols]
    if not names or len(set(names)) < len(names):
        raise InputError(
            f"Protocols {', '.join(names) or 'none'}. Allowed: at least one, each name once. "
            "Name them apart with Protocol.but."
        )
    wanted = _experiments(experiments)
    kinds, left_out = _kinds(model, wanted)
    settings: Mapping[str, Any] = getattr(dataset, "settings", {})
    blank = dict.fromkeys(COLUMNS) | {"dataset": dataset.key, "modality": dataset.modality}
    weights = model.provenance()
    identities = [
        Identity(dataset.key, model.name, p.as_dict(), weights, seed, wanted, surface, settings)
        for p in protocols
    ]
    report = Report(left_out=left_out)
    options = {"experiments": wanted, "kinds": kinds, "surface": surface}
    with Store(Path(out), identities[0]) as first:
        stores = [first, *(first.beside(identity) for identity in identities[1:])]
        courses = [
            _Course(
                protocol,
                store,
                streams(protocol, seed),
                options,
                blank | {"model": model.name, "protocol": protocol.name},
                report,
            )
            for protocol, store in zip(protocols, stores, strict=True)
        ]
        words = names[0] if len(names) == 1 else f"{len(names)} protocols"
        bar = tqdm(
            dataset.cases(),
            total=len(dataset),
            desc=f"{dataset.key} · {model.name} · {words}",
            unit="image",
            disable=not progress,
        )
        images = 0
        try:
            for case in bar:
                digest = case.digest()
                missing = [(course, course.missing(case, digest)) for course in courses]
                fresh = [(course, tasks) for course, tasks in missing if tasks]
                if not fresh:
                    continue
                _compute(case, digest, model, fresh)
                images += 1
                if images % shard == 0:
                    _flush(courses)
        except ResultsError:
            raise
        except BaseException:
            # Ctrl-C or an unforeseen error: what is complete is kept.
            _flush(courses)
            raise
        _flush(courses)
    return report


def _flush(courses: Sequence[_Course]) -> None:
    for course in courses:
        course.flush()


def _kinds(model: PromptableModel, wanted: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Kinds of prompt that are asked, and in words what the model is not asked."""
    kinds = tuple(kind for kind in ("points", "box") if kind in model.accepts)
    out = [f"mode {mode} ({words})" for mode, words in MODES.items() if KINDS[mode] not in kinds]
    lost = out if "mode" in wanted else []
    if "clicks" in wanted and "points" not in kinds:
        lost = [*lost, "clicks"]
    if not kinds or ("mode" not in wanted and lost):
        raise InputError(
            f"Model {model.name!r} takes {', '.join(sorted(model.accepts)) or 'nothing'}, which is "
            f"no prompt of {' and '.join(wanted)}. Allowed: a model that takes points (for clicks) "
            "or box. Choose another model, or --experiments mode."
        )
    return kinds, lost


def _experiments(names: Iterable[str]) -> tuple[str, ...]:
    """The experiments asked for, in their own order."""
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in EXPERIMENTS:
            raise UnknownName("experiment", name, EXPERIMENTS)
    if not names:
        raise InputError(
            f"No experiment. Allowed: at least one of {', '.join(EXPERIMENTS)}. Name one."
        )
    return tuple(name for name in EXPERIMENTS if name in names)
