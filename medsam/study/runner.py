"""The loop of the study: samples x prompts -> rows, from one embedding an image."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tqdm import tqdm

from medsam.datasets.sample import Case, Dataset, Sample
from medsam.datasets.subsets import parts_of
from medsam.errors import DataError, InputError, ResultsError, UnknownName
from medsam.models.contract import Predictor, PromptableModel
from medsam.prompts import KINDS, MODES, Draw
from medsam.protocol import (
    EXPERIMENTS,
    LEVELS,
    PROTOCOLS,
    SEED,
    MaskPolicy,
    Protocol,
    noise,
    variants,
)
from medsam.results.rows import COLUMNS
from medsam.results.store import Identity, Store
from medsam.study.evaluate import Row, Scores, lockstep, prepare, streams
from medsam.study.everything import (
    SIDES,
    Filters,
    checked_sides,
    experiment,
    grid_of,
    row_of,
    sides_of,
    signature,
)

ALL = (*EXPERIMENTS, "everything", "variants", "noise")
"""Experiments by name. ``everything``: grids of points. ``variants``: modes and clicks under the
other preset, and with one of its choices at a time. ``noise``: modes with noise on the prompts."""


class ProtocolRun(NamedTuple):
    """What is computed of each case under one protocol."""

    protocol: Protocol
    experiments: tuple[str, ...]
    surface: bool


def protocol_runs(
    protocols: Iterable[Protocol],
    experiments: Iterable[str] = EXPERIMENTS,
    *,
    surface: bool = True,
    sides: Iterable[int] = SIDES,
    levels: Sequence[float] = LEVELS,
) -> list[ProtocolRun]:
    """What experiments ask, protocol by protocol.

    Parameters
    ----------
    protocols : iterable of Protocol
        At least one, each with a name of its own; presets where there are ``variants``.
    experiments : iterable of str
        Of :data:`ALL`.
    surface : bool
        Measure NSD and HD95; never of variants and noise.
    sides : iterable of int
        Points a side of each grid of ``everything``.
    levels : sequence of float
        Of ``noise``.

    Raises
    ------
    InputError
        If there is no protocol, no experiment, a name twice, or a side or level is not allowed.
    UnknownName
        If there is no such experiment.

    Examples
    --------
    >>> runs = protocol_runs([PROTOCOLS["paper"]], ["noise"], levels=(0, 0.1))
    >>> [one.protocol.name for one in runs]
    ['paper', 'paper+click_jitter=0.1+box_jitter=0.1']
    """
    protocols, names = list(protocols), _names(experiments)
    of = [protocol.name for protocol in protocols]
    if not of or len(set(of)) < len(of):
        raise InputError(
            f"Protocols {', '.join(of) or 'none'}. Allowed: at least one, each name once. "
            "Name them apart with Protocol.but."
        )
    compared = {"variants": ("mode", "clicks"), "noise": ("mode",)}
    own = {*names, *(one for name in names for one in compared.get(name, ()))}
    grids = [experiment(side) for side in checked_sides(sides)] if "everything" in own else []
    wanted = (*(name for name in EXPERIMENTS if name in own), *grids)
    found = {protocol.name: ProtocolRun(protocol, wanted, surface) for protocol in protocols}
    for protocol in protocols:
        others = {
            "variants": variants(protocol.name) if "variants" in own else [],
            "noise": noise(protocol, levels) if "noise" in own else [],
        }
        for name, those in others.items():
            for one in those:
                found.setdefault(one.name, ProtocolRun(one, compared[name], False))
    return list(found.values())


def _names(experiments: Iterable[str]) -> tuple[str, ...]:
    """The experiments asked for, in their own order."""
    given = (experiments,) if isinstance(experiments, str) else tuple(experiments)
    names = [name.strip() for one in given for name in one.split(",") if name.strip()]
    for name in names:
        if name not in ALL:
            raise UnknownName("experiment", name, ALL)
    if not names:
        raise InputError(f"No experiment. Allowed: at least one of {', '.join(ALL)}. Name one.")
    return tuple(name for name in ALL if name in names)


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

    def add(self, other: Report) -> None:
        """Count what another run of the same experiments did."""
        self.computed += other.computed
        self.resumed += other.resumed
        for name, count in other.status.items():
            self.status[name] += count
        self.reasons |= other.reasons
        self.left_out = other.left_out


@dataclass
class _Course:
    """One protocol on its way through the images: its store, its draws, what is not written yet."""

    asked: ProtocolRun
    store: Store
    draws: dict[str, Draw]
    options: dict[str, Any]
    constant: Row
    report: Report
    state: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    started: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.state = dict(self.store.state)
        for name, state in self.state.items():
            self.draws[name].set_state(state)

    def missing(self, case: Case, digest: str) -> dict[str, list[str]]:
        """Tasks of a case with the experiments that the store lacks."""
        names = self.asked.experiments
        lacking = {
            task: [n for n in names if not self.store.is_done(case.id, task, n, digest)]
            for task in case.tasks
        }
        fresh = {task: those for task, those in lacking.items() if those}
        self.report.resumed += len(lacking) - len(fresh)
        if case.tasks and self.asked.protocol.random == "stream":
            self._in_order(case, {name for those in fresh.values() for name in those})
        return fresh

    def _in_order(self, case: Case, fresh: set[str]) -> None:
        # One stream over all images cannot be continued in the middle. A grid draws nothing.
        names = set(self.asked.experiments) & set(EXPERIMENTS)
        if (self.started & names) - fresh:
            raise ResultsError(
                f"Protocol {self.asked.protocol.name!r} draws from one stream over the images in "
                f"order, but {case.id!r} was computed before an image that sorts ahead of it. "
                "Allowed: new images at the end. Choose another --out."
            )
        self.started |= fresh

    def take(
        self,
        case: Case,
        digest: str,
        fresh: dict[str, list[str]],
        rows: list[Row],
        reason: str,
    ) -> None:
        """Keep the rows of a case, or why it has none, for the next shard."""
        if reason:
            about = {"status": "error", "reason": reason}
            units = [(task, name) for task, names in fresh.items() for name in names]
            rows = [{"task": task, "experiment": name} | about for task, name in units]
            self.report.reasons[case.id] = reason
        constant = self.constant | {"image": case.id, "group": case.group, "digest": digest}
        self.rows += [constant | row for row in rows]
        # After the image, not at the flush: a cut in the next one may have drawn already.
        self.state = {name: draw.get_state() for name, draw in self.draws.items()}
        self.report.computed += len(fresh)
        for row in {row["task"]: row for row in rows}.values():
            self.report.status[row["status"]] += 1

    def flush(self) -> None:
        """Write what is complete."""
        if self.rows:
            self.store.write(self.rows, self.state)
        self.rows = []


_Found = tuple[_Course, dict[str, list[str]], list[Row], str]


MEMORY = 2**30
"""Bytes that the predictions of tasks which are asked side by side may take, about."""


@dataclass
class _Work:
    """What is missing of one image: for each protocol, the experiments of each task.

    The image is read and embedded once, whichever of the protocols are computed when.
    """

    case: Case
    digest: str
    fresh: list[tuple[_Course, dict[str, list[str]]]]
    model: PromptableModel
    grids: dict[str, Any]

    @cached_property
    def sample(self) -> Sample:
        """The case, read."""
        return self.case.load()

    @cached_property
    def predict(self) -> Predictor:
        """What the model says of prompts on the image."""
        return Predictor(self.model, self.sample.image)

    @cached_property
    def scores(self) -> Scores:
        """Metrics of what it said."""
        return Scores(self.sample)

    @property
    def asks(self) -> bool:
        """Whether there is an object to prompt the model for."""
        tasks = {task for _, of in self.fresh for task, names in of.items() if _prompted(names)}
        return any(self.sample.masks[task].any() for task in tasks)

    def compute(self, in_order: bool | None = None) -> list[_Found]:
        """The rows of each protocol, or why there are none.

        Only of protocols that draw from one stream, or only of the others, where it is said.
        """
        those = [
            one
            for one in self.fresh
            if in_order in (None, one[0].asked.protocol.random == "stream")
        ]
        rows: list[list[Row]] = [[] for _ in those]
        reason = ""
        try:
            if those and self.asks:
                _ = self.predict.embedding  # before anything is drawn, should it fail
            height, width = self.sample.image.shape[:2]
            # Up to eight prompts of three masks, with their logits.
            each = max(1, len(those)) * 24 * (height * width + 4 * 256**2)
            count, tasks = max(1, MEMORY // each), list(self.case.tasks)
            for first in range(0, len(tasks), count):
                self._side_by_side(those, rows, tasks[first : first + count])
            for (course, of), found in zip(those, rows, strict=True):
                found += self._of_grids(course, of)
        except DataError as error:
            rows, reason = [[] for _ in those], str(error)
        return [(*one, found, reason) for one, found in zip(those, rows, strict=True)]

    def _side_by_side(
        self,
        those: Sequence[tuple[_Course, dict[str, list[str]]]],
        rows: Sequence[list[Row]],
        tasks: Iterable[str],
    ) -> None:
        """Rows of some tasks under all of these protocols."""
        prepared = [
            prepare(
                self.sample,
                {task: _prompted(of[task]) for task in tasks if task in of},
                course.asked.protocol,
                course.draws,
                scores=self.scores,
                **course.options,
            )
            for course, of in those
        ]
        lockstep([part for parts, _ in prepared for part in parts], self.predict)
        self.predict.forget()
        for found, (_, lists) in zip(rows, prepared, strict=True):
            found += chain.from_iterable(lists)

    def _of_grids(self, course: _Course, of: dict[str, list[str]]) -> Iterator[Row]:
        options = {name: course.options[name] for name in ("surface", "masks")}
        for side in sorted(sides_of({name for names in of.values() for name in names})):
            grid = grid_of(self.model, self.predict, side, self.case, **self.grids)
            for task, names in of.items():
                if experiment(side) in names:
                    protocol = course.asked.protocol
                    yield row_of(self.sample, task, grid, protocol, scores=self.scores, **options)


def _prompted(names: Iterable[str]) -> list[str]:
    """Experiments that are no grid."""
    return [name for name in names if name in EXPERIMENTS]


def _encode(block: Sequence[_Work], model: PromptableModel) -> None:
    """Read the images of a block, and encode those together that are asked something."""
    asked = []
    # What cannot be used is tried again alone, and then told.
    for work in block:
        with suppress(DataError):
            asked += [work] if work.asks else []
    with suppress(DataError):
        made = model.embed_many([work.sample.image for work in asked])
        for work, embedding in zip(asked, made, strict=True):
            work.predict.embedding = embedding


T = TypeVar("T")
R = TypeVar("R")


def _ahead(work: Iterable[T], do: Callable[[T], R], workers: int) -> Iterator[tuple[T, R]]:
    """Do pieces of work in threads, a few ahead of the one that is given; in their order."""
    if workers == 1:
        for one in work:
            yield one, do(one)
        return
    pool = ThreadPoolExecutor(workers)
    ahead: deque[tuple[T, Future[R]]] = deque()
    try:
        for one in work:
            ahead.append((one, pool.submit(do, one)))
            if len(ahead) > workers:
                done, future = ahead.popleft()
                yield done, future.result()
        while ahead:
            done, future = ahead.popleft()
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


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
    experiments: Collection[str] = EXPERIMENTS,
    surface: bool = True,
    masks: MaskPolicy = "chosen",
    sides: Collection[int] = SIDES,
    filters: Filters | None = None,
    levels: Sequence[float] = LEVELS,
    workers: int = 0,
    batch: int = 0,
    shard: int = 8,
    progress: bool = True,
) -> Report:
    """Evaluate a model under several protocols into a results folder; continue what is there.

    An image is embedded once for all protocols and experiments. All tasks and protocols go side by
    side: what they ask next goes to the model in one call, and equal prompts once. The rows are
    those of a run for each alone: more images, and more experiments, can be added to a folder
    later.

    Parameters
    ----------
    dataset : Dataset
        What it tells of its ``settings`` is a part of what the rows depend on. Of a joined one
        each part has rows of its own.
    model : PromptableModel
    protocols : iterable of Protocol
        At least one, each with a name of its own.
    out : Path
        Results folder. Complete (image, task, experiment) units in it are not computed again.
    seed : int
        Ties are drawn from it.
    experiments, sides, levels
        As of :func:`protocol_runs`.
    surface : bool
        Measure NSD and HD95 where the size of a pixel is known; without, their columns are
        empty. Rows with and without are not mixed.
    masks : {"chosen", "all", "none"}
        Keep with each row the mask that it scores; every mask of its prompt as well; or none.
    filters : Filters, optional
        Which masks of a grid are kept; segment-anything's own by default.
    workers : int
        Blocks of images at a time, in threads: one is read and measured while the model has
        another. Protocols that draw from one stream take images one by one, beside them. 0: 1 on
        a CPU, and 4 where the model is on an accelerator.
    batch : int
        Images of a block, which are encoded together; ``workers + 1`` blocks are in memory. 0: as
        for ``workers``.
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
        If the model takes no prompt of the experiments, they cannot be asked, or it takes one
        image at a time and there are several workers; before any compute.
    UnknownName
        If there is no such experiment.
    ResultsError
        If the folder cannot be written or continued. Shards written so far stay.
    """
    protocols = list(protocols)
    wanted = protocol_runs(protocols, experiments, surface=surface, sides=sides, levels=levels)
    if (parts := parts_of(dataset)) != (dataset,):
        whole = Report()
        for part in parts:
            whole.add(
                run_all(
                    part, model, protocols, out, seed=seed, experiments=experiments,
                    surface=surface, masks=masks, sides=sides, filters=filters, levels=levels,
                    workers=workers, batch=batch, shard=shard, progress=progress,
                )
            )  # fmt: skip
        return whole
    if min(workers, batch) < 0:
        raise InputError(f"{workers} workers and {batch} images a batch. Allowed: 0 or more each.")
    fast = model.provenance().get("device", "cpu") != "cpu" and model.concurrent
    workers, batch = (given or (4 if fast else 1) for given in (workers, batch))
    if workers > 1 and not model.concurrent:
        raise InputError(
            f"{workers} images at a time with {model.name!r}, which takes one. Allowed: --workers "
            "1 for it, or a model that says concurrent = True. Leave --workers out."
        )
    kinds, left_out = _kinds(model, {name for one in wanted for name in one.experiments})
    # What the model takes no prompt for has no rows.
    wanted = [
        one._replace(experiments=tuple(n for n in one.experiments if n not in left_out))
        for one in wanted
    ]
    signed = signature(dataset, model, filters or Filters())
    grids = {"folder": Path(out), "identity": signed, "progress": progress and len(dataset) == 1}
    report, weights = Report(left_out=left_out), model.provenance()
    blank = dict.fromkeys(COLUMNS) | {"dataset": dataset.key, "modality": dataset.modality}

    def identity(one: ProtocolRun) -> Identity:
        settings, every = dict(getattr(dataset, "settings", {})), getattr(dataset, "every", 1)
        if one.protocol.random == "stream" and every > 1:
            # What is drawn for an image depends on those before it.
            settings["every"] = every
        of = {n: signed["filters"] if sides_of([n]) else {} for n in one.experiments}
        name, protocol = model.name, one.protocol.as_dict()
        return Identity(dataset.key, name, protocol, weights, seed, of, one.surface, settings)

    def course(one: ProtocolRun, store: Store) -> _Course:
        constant = blank | {"model": model.name, "protocol": one.protocol.name}
        options = {"kinds": kinds, "surface": one.surface, "masks": masks}
        return _Course(one, store, streams(one.protocol, seed), options, constant, report)

    with Store(Path(out), identity(wanted[0])) as first:
        stores = [first, *(first.beside(identity(one)) for one in wanted[1:])]
        courses = [course(one, store) for one, store in zip(wanted, stores, strict=True)]
        _take_all(dataset, model, courses, grids, workers, batch, shard, progress)
    return report


def _take_all(
    dataset: Dataset,
    model: PromptableModel,
    courses: Sequence[_Course],
    grids: dict[str, Any],
    workers: int,
    batch: int,
    shard: int,
    progress: bool,
) -> None:
    """Take all protocols through all images."""
    names = [course.asked.protocol.name for course in courses]
    words = names[0] if len(names) == 1 else f"{len(names)} protocols"
    bar = tqdm(
        total=len(dataset),
        desc=f"{dataset.key} · {model.name} · {words}",
        unit="image",
        disable=not progress,
    )

    def compute(block: list[_Work]) -> list[list[_Found]]:
        if len(block) > 1:
            _encode(block, model)
        return [work.compute(ahead) for work in block]

    def due() -> Iterator[_Work]:
        for case in dataset.cases():
            digest = case.digest()
            missing = [(course, course.missing(case, digest)) for course in courses]
            fresh = [(course, tasks) for course, tasks in missing if tasks]
            if fresh:
                yield _Work(case, digest, fresh, model, grids)
            else:
                bar.update()

    # In threads the protocols whose draws do not depend on the order; the others one by one, here.
    ahead = None if workers == 1 else False
    try:
        with bar:
            works = due()
            blocks = iter(lambda: list(islice(works, batch)), [])
            done = (
                pair
                for each in _ahead(blocks, compute, workers)
                for pair in zip(*each, strict=True)
            )
            for images, (work, found) in enumerate(done, 1):
                rest = [] if ahead is None else work.compute(True)
                for course, tasks, rows, reason in (*found, *rest):
                    course.take(work.case, work.digest, tasks, rows, reason)
                bar.update()
                if images % shard == 0:
                    _flush(courses)
    except ResultsError:
        raise
    except BaseException:
        # Ctrl-C or an unforeseen error: what is complete is kept.
        _flush(courses)
        raise
    _flush(courses)


def _flush(courses: Sequence[_Course]) -> None:
    for course in courses:
        course.flush()


def _kinds(model: PromptableModel, wanted: Collection[str]) -> tuple[tuple[str, ...], list[str]]:
    """Kinds of prompt that are asked, and in words what the model is not asked."""
    kinds = tuple(kind for kind in ("points", "box") if kind in model.accepts)
    modes = [f"mode {mode} ({words})" for mode, words in MODES.items() if KINDS[mode] not in kinds]
    lost = modes if "mode" in wanted else []
    if "points" not in kinds:
        lost = lost + [name for name in ("clicks", "ambiguity") if name in wanted]
    if not kinds or ("points" not in kinds and ("mode" not in wanted or sides_of(wanted))):
        raise InputError(
            f"Model {model.name!r} takes {', '.join(sorted(model.accepts)) or 'nothing'}, which is "
            f"no prompt of {' and '.join(sorted(wanted))}. Allowed: a model that takes points, or "
            "box and --experiments mode. Choose another model."
        )
    return kinds, lost
