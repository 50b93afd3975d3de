"""The loop of the study: samples x prompts -> rows, from one embedding an image."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from medsam.datasets.sample import Case, Dataset, Sample
from medsam.datasets.subsets import parts_of
from medsam.errors import DataError, InputError
from medsam.models.contract import Predictor, PromptableModel
from medsam.protocol import EXPERIMENTS, PROTOCOLS, Protocol
from medsam.results.store import Store
from medsam.study.course import Asked, Course, Options, Report, asked, identity, kinds_taken
from medsam.study.evaluate import Asking, Row, Scores, lockstep, prepare
from medsam.study.everything import experiment, grid_of, row_of, sides_of, signature

MEMORY = 2**30
"""Bytes that the predictions of tasks which are asked side by side may take, about."""


@dataclass(frozen=True)
class _Pass:
    """What all images of a dataset have in common."""

    dataset: Dataset
    model: PromptableModel
    courses: Sequence[Course]
    kinds: tuple[str, ...]
    options: Options
    grids: dict[str, Any]


@dataclass
class _Work:
    """What is missing of one image: for each protocol, the experiments of each task.

    The image is read and embedded once, whichever of the protocols are computed when.
    """

    case: Case
    digest: str
    fresh: list[tuple[Course, dict[str, list[str]]]]
    of: _Pass
    reason: str = ""

    def __post_init__(self) -> None:
        self.rows: list[list[Row]] = [[] for _ in self.fresh]

    @cached_property
    def sample(self) -> Sample:
        """The case, read."""
        return self.case.load()

    @cached_property
    def predict(self) -> Predictor:
        """What the model says of prompts on the image."""
        return Predictor(self.of.model, self.sample.image)

    @cached_property
    def scores(self) -> Scores:
        """Metrics of what it said."""
        return Scores(self.sample, self.of.options.masks)

    @property
    def asks(self) -> bool:
        """Whether there is an object to prompt the model for."""
        tasks = {task for _, of in self.fresh for task, names in of.items() if _prompted(names)}
        return any(self.sample.masks[task].any() for task in tasks)

    @property
    def memory(self) -> int:
        """Bytes that a task takes, about: up to eight prompts of three masks with their logits."""
        pixels = math.prod(self.sample.image.shape[:2])
        return len(self.fresh) * 24 * (pixels + 4 * 256**2)

    def succeeds(self, step: Callable[[], None]) -> bool:
        """Whether a step succeeds; else the image has no rows but a reason."""
        try:
            step()
        except DataError as error:
            self.rows, self.reason = [[] for _ in self.fresh], str(error)
        return not self.reason

    def encode(self) -> None:
        """Have the embedding, before anything is drawn."""
        if self.asks:
            _ = self.predict.embedding

    def prepare(self, tasks: Sequence[str]) -> list[tuple[list[Asking], list[list[Row]]]]:
        """Of each protocol the parts of the evaluation of some tasks, and what they fill."""
        return [
            prepare(
                self.scores,
                {task: _prompted(of[task]) for task in tasks if task in of},
                course.asked.protocol,
                course.draws,
                kinds=self.of.kinds,
                surface=course.asked.surface,
            )
            for course, of in self.fresh
        ]

    def add_grids(self) -> None:
        """Rows of grids of points, after those of prompts."""
        for found, (course, of) in zip(self.rows, self.fresh, strict=True):
            found += self._of_grids(course.asked, of)

    def _of_grids(self, asked: Asked, of: dict[str, list[str]]) -> Iterator[Row]:
        for side in sorted(sides_of({name for names in of.values() for name in names})):
            grid = grid_of(self.of.model, self.predict, side, self.case, **self.of.grids)
            for task, names in of.items():
                if experiment(side) in names:
                    yield row_of(self.scores, task, grid, asked.protocol, surface=asked.surface)


def _prompted(names: Iterable[str]) -> list[str]:
    """Experiments that are no grid."""
    return [name for name in names if name in EXPERIMENTS]


def _compute(block: Sequence[_Work]) -> Sequence[_Work]:
    """Fill in the rows of images, which are encoded together and asked side by side."""
    if len(block) > 1:
        together = []
        # What cannot be used is tried again alone, and then told.
        for work in block:
            with suppress(DataError):
                together += [work] if work.asks else []
        with suppress(DataError):
            made = block[0].of.model.embed_many([work.sample.image for work in together])
            for work, embedding in zip(together, made, strict=True):
                work.predict.embedding = embedding
    ready = [work for work in block if work.succeeds(work.encode)]
    if ready:
        _side_by_side(ready)
    for work in ready:
        work.succeeds(work.add_grids)
    return block


def _side_by_side(works: Sequence[_Work]) -> None:
    """Rows of prompts of images under all protocols, some tasks of each at a time."""
    predictors = [work.predict for work in works]
    count = max(1, MEMORY // sum(work.memory for work in works))
    for first in range(0, max(len(work.case.tasks) for work in works), count):
        prepared = [work.prepare(work.case.tasks[first : first + count]) for work in works]
        lockstep(
            [[part for parts, _ in of for part in parts] for of in prepared],
            partial(Predictor.together, predictors),
        )
        for work, of in zip(works, prepared, strict=True):
            work.predict.forget()
            for found, (_, lists) in zip(work.rows, of, strict=True):
                found += chain.from_iterable(lists)


def _ahead(blocks: Iterable[list[_Work]], workers: int) -> Iterator[_Work]:
    """Images with their rows; of several workers each has a block, one more is ahead."""
    if workers == 1:
        # No block draws before the rows of the one before it are taken.
        yield from chain.from_iterable(map(_compute, blocks))
        return
    pool = ThreadPoolExecutor(workers)
    begun = (pool.submit(_compute, block) for block in blocks)
    try:
        ahead = deque(islice(begun, workers))
        while ahead:
            ahead += islice(begun, 1)
            yield from ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def run(
    dataset: Dataset,
    model: PromptableModel,
    out: Path,
    *protocols: Protocol,
    report: Report | None = None,
    **options: Any,
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
    out : Path
        Results folder. Complete (image, task, experiment) units in it are not computed again.
    *protocols : Protocol
        Each with a name of its own; ``paper`` if there is none.
    report : Report, optional
        Where this run is counted as well; a new one by default.
    **options
        Of :class:`medsam.study.course.Options`.

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
    how = Options(**options)
    wanted = asked(protocols or [PROTOCOLS["paper"]], how)
    kinds, left_out = kinds_taken(model, {name for one in wanted for name in one.experiments})
    # What the model takes no prompt for has no rows.
    wanted = [
        one._replace(experiments=tuple(n for n in one.experiments if n not in left_out))
        for one in wanted
    ]
    how = _suited(how, model, any(one.protocol.random == "stream" for one in wanted))
    report = report or Report()
    report.left_out = left_out
    for part in parts_of(dataset):
        first, *others = (identity(one, part, model, how) for one in wanted)
        with Store(Path(out), first) as store:
            stores = [store, *map(store.beside, others)]
            courses = [
                Course(one, rows, part.modality, report)
                for one, rows in zip(wanted, stores, strict=True)
            ]
            grids = {"folder": Path(out), "identity": signature(part, model, how.filters)}
            grids["progress"] = how.progress and len(part) == 1
            _take_all(_Pass(part, model, courses, kinds, how, grids))
    return report


def _suited(options: Options, model: PromptableModel, in_order: bool) -> Options:
    """The same with as many workers and images a block as suit the model and the protocols."""
    workers, batch = options.workers, options.batch
    if min(workers, batch) < 0:
        raise InputError(f"{workers} workers and {batch} images a batch. Allowed: 0 or more each.")
    if workers > 1 and not model.concurrent:
        raise InputError(
            f"{workers} images at a time with {model.name!r}, which takes one. Allowed: --workers "
            "1 for it, or a model that says concurrent = True. Leave --workers out."
        )
    fast = model.provenance().get("device", "cpu") != "cpu" and model.concurrent
    workers, batch = (given or (4 if fast else 1) for given in (workers, batch))
    if in_order:
        # What one stream draws for an image depends on those before it.
        workers = batch = 1
    return replace(options, workers=workers, batch=batch)


def _take_all(of: _Pass) -> None:
    """Take all protocols through all images."""
    words = f"{of.dataset.key} · {of.model.name}"
    bar = tqdm(total=len(of.dataset), desc=words, unit="image", disable=not of.options.progress)

    def due() -> Iterator[_Work]:
        for case in of.dataset.cases():
            digest = case.digest()
            missing = [(course, course.missing(case, digest)) for course in of.courses]
            fresh = [(course, tasks) for course, tasks in missing if tasks]
            if fresh:
                yield _Work(case, digest, fresh, of)
            else:
                bar.update()

    works = due()
    blocks = iter(lambda: list(islice(works, of.options.batch)), [])
    try:
        with bar:
            done = _ahead(blocks, of.options.workers)
            for images, work in enumerate(done, 1):
                for (course, tasks), found in zip(work.fresh, work.rows, strict=True):
                    course.take(work.case, work.digest, tasks, found, work.reason)
                bar.update()
                if images % of.options.shard == 0:
                    _flush(of.courses)
    finally:
        # After Ctrl-C or an unforeseen error as well: what is complete is kept.
        _flush(of.courses)


def _flush(courses: Iterable[Course]) -> None:
    for course in courses:
        course.flush()
