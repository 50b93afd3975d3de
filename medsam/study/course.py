"""What protocols ask of a model, and what of it a results folder lacks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from medsam.datasets.sample import Case, Dataset
from medsam.errors import InputError, ResultsError, UnknownName
from medsam.models.contract import PromptableModel
from medsam.prompts import KINDS, MODES
from medsam.protocol import EXPERIMENTS, LEVELS, SEED, MaskPolicy, Protocol, noise, variants
from medsam.results.rows import COLUMNS
from medsam.results.store import Identity, Store
from medsam.study.evaluate import Row, streams
from medsam.study.everything import SIDES, Filters, checked_sides, experiment, sides_of

ALL = (*EXPERIMENTS, "everything", "variants", "noise")
"""Experiments by name. ``everything``: grids of points. ``variants``: modes and clicks under the
other preset, and with one of its choices at a time. ``noise``: modes with noise on the prompts."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run asks under each protocol, and how it goes about it.

    Attributes
    ----------
    seed : int
        Ties are drawn from it.
    experiments : collection of str
        Of :data:`ALL`.
    surface : bool
        Measure NSD and HD95 where the size of a pixel is known; without, their columns are
        empty. Rows with and without are not mixed. Never of variants and noise.
    masks : {"chosen", "all", "none"}
        Keep with each row the mask that it scores; every mask of its prompt as well; or none.
    sides : collection of int
        Points a side of each grid of ``everything``.
    filters : Filters
        Which masks of a grid are kept; segment-anything's own by default.
    levels : sequence of float
        Of ``noise``.
    workers : int
        Blocks of images at a time, in threads: one is read and measured while the model has
        another. 0: 1 on a CPU, and 4 where the model is on an accelerator.
    batch : int
        Images of a block, which are encoded together and prompted side by side; ``workers + 1``
        blocks are in memory. 0: as for ``workers``. Where a protocol draws from one stream, images
        go one after the other, whatever is said here.
    shard : int
        Images a shard: what a kill can cost.
    progress : bool
        Show a progress bar on standard error.
    """

    seed: int = SEED
    experiments: Collection[str] = EXPERIMENTS
    surface: bool = True
    masks: MaskPolicy = "chosen"
    sides: Collection[int] = SIDES
    filters: Filters = field(default_factory=Filters)
    levels: Sequence[float] = LEVELS
    workers: int = 0
    batch: int = 0
    shard: int = 8
    progress: bool = True


class Asked(NamedTuple):
    """What is computed of each case under one protocol."""

    protocol: Protocol
    experiments: tuple[str, ...]
    surface: bool


def asked(protocols: Iterable[Protocol], options: Options) -> list[Asked]:
    """What experiments ask, protocol by protocol.

    Parameters
    ----------
    protocols : iterable of Protocol
        At least one, each with a name of its own; presets where there are ``variants``.
    options : Options

    Raises
    ------
    InputError
        If there is no protocol, no experiment, a name twice, or a side or level is not allowed.
    UnknownName
        If there is no such experiment.

    Examples
    --------
    >>> from medsam.protocol import PROTOCOLS
    >>> found = asked([PROTOCOLS["paper"]], Options(experiments=["noise"], levels=(0, 0.1)))
    >>> [one.protocol.name for one in found]
    ['paper', 'paper+click_jitter=0.1+box_jitter=0.1']
    """
    protocols, names = list(protocols), _names(options.experiments)
    of = [protocol.name for protocol in protocols]
    if not of or len(set(of)) < len(of):
        raise InputError(
            f"Protocols {', '.join(of) or 'none'}. Allowed: at least one, each name once. "
            "Name them apart with Protocol.but."
        )
    compared = {"variants": ("mode", "clicks"), "noise": ("mode",)}
    own = {*names, *(one for name in names for one in compared.get(name, ()))}
    sides = checked_sides(options.sides) if "everything" in own else []
    wanted = (*(name for name in EXPERIMENTS if name in own), *map(experiment, sides))
    found = {protocol.name: Asked(protocol, wanted, options.surface) for protocol in protocols}
    for protocol in protocols:
        others = {
            "variants": variants(protocol.name) if "variants" in own else [],
            "noise": noise(protocol, options.levels) if "noise" in own else [],
        }
        for name, those in others.items():
            for one in those:
                found.setdefault(one.name, Asked(one, compared[name], False))
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


def kinds_taken(
    model: PromptableModel, wanted: Collection[str]
) -> tuple[tuple[str, ...], list[str]]:
    """Kinds of prompt that are asked, and in words what the model is not asked.

    Raises
    ------
    InputError
        If the model takes no prompt of the experiments.
    """
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


class Course:
    """One protocol on its way through the images: its draws, and what is not written yet.

    Parameters
    ----------
    asked : Asked
    store : Store
        Of this protocol's rows.
    modality : str
        Of the dataset.
    report : Report
        Where it is counted.
    """

    def __init__(self, asked: Asked, store: Store, modality: str, report: Report):
        self.asked, self._store, self._report = asked, store, report
        of = store.identity
        self._constant = dict.fromkeys(COLUMNS) | {"dataset": of.dataset, "modality": modality}
        self._constant |= {"model": of.model, "protocol": asked.protocol.name}
        self._state, self._rows, self._started = dict(store.state), list[Row](), set[str]()
        self.draws = streams(asked.protocol, of.seed)
        for name, state in self._state.items():
            self.draws[name].set_state(state)

    def missing(self, case: Case, digest: str) -> dict[str, list[str]]:
        """Tasks of a case with the experiments that the store lacks.

        Raises
        ------
        ResultsError
            If an image has changed, or comes before one that a stream has gone through.
        """
        names = self.asked.experiments
        lacking = {
            task: [n for n in names if not self._store.is_done(case.id, task, n, digest)]
            for task in case.tasks
        }
        fresh = {task: those for task, those in lacking.items() if those}
        self._report.resumed += len(lacking) - len(fresh)
        if case.tasks and self.asked.protocol.random == "stream":
            self._in_order(case, {name for those in fresh.values() for name in those})
        return fresh

    def _in_order(self, case: Case, fresh: set[str]) -> None:
        # One stream over all images cannot be continued in the middle. A grid draws nothing.
        names = set(self.asked.experiments) & set(EXPERIMENTS)
        if (self._started & names) - fresh:
            raise ResultsError(
                f"Protocol {self.asked.protocol.name!r} draws from one stream over the images in "
                f"order, but {case.id!r} was computed before an image that sorts ahead of it. "
                "Allowed: new images at the end. Choose another --out."
            )
        self._started |= fresh

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
            self._report.reasons[case.id] = reason
        constant = self._constant | {"image": case.id, "group": case.group, "digest": digest}
        self._rows += [constant | row for row in rows]
        # After the image, not at the flush: a cut in the next one may have drawn already.
        self._state = {name: draw.get_state() for name, draw in self.draws.items()}
        self._report.computed += len(fresh)
        for row in {row["task"]: row for row in rows}.values():
            self._report.status[row["status"]] += 1

    def flush(self) -> None:
        """Write what is complete."""
        if self._rows:
            self._store.write(self._rows, self._state)
        self._rows = []


def identity(asked: Asked, dataset: Dataset, model: PromptableModel, options: Options) -> Identity:
    """What rows of a protocol on a dataset depend on."""
    settings, every = dict(getattr(dataset, "settings", {})), getattr(dataset, "every", 1)
    if asked.protocol.random == "stream" and every > 1:
        # What is drawn for an image depends on those before it.
        settings["every"] = every
    filters = asdict(options.filters)
    return Identity(
        dataset.key,
        model.name,
        asked.protocol.as_dict(),
        model.provenance(),
        options.seed,
        {name: filters if sides_of([name]) else {} for name in asked.experiments},
        asked.surface,
        settings,
    )
