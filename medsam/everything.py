"""Segment everything as an experiment: how well a grid of points finds each object (section 3.6).

A grid is no prompt for an object, so the model does not say which of its masks is meant: there is
no ``top`` row, as "most confident" would be the same mask for every object of an image. What can
be said is how good the best of them is: ``oracle``. Rows are made from masks that stay on disk
(:mod:`medsam.grids`), so that neither rows nor figures need the model again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from medsam import grids
from medsam.datasets.sample import Case, Dataset
from medsam.errors import DataError, InputError, ResultsError
from medsam.evaluation import Row
from medsam.grids import Filters, Grid, signature
from medsam.kept import versions
from medsam.models.automatic import segment_everything
from medsam.models.contract import PromptableModel
from medsam.objects import EXPERIMENT, rows_of
from medsam.prompts import Prompt
from medsam.protocol import PROTOCOLS, Protocol
from medsam.results import COLUMNS
from medsam.store import Identity, Store, Unit

__all__ = ["MEASURED", "SIDES", "Report", "busiest", "cases_of", "numbers", "run"]

SIDES = (32, 64)
"""Points a side by default. The paper's Fig. 9 also has 128: sixteen times the points of 32."""
MEASURED = Path(__file__).parent / "measured_everything"
"""One grid of 128 points a side on an image of the embedded sample, computed earlier: it takes a
quarter of an hour. A folder as ``medsam everything`` writes it."""

_LOOKED_AT = 50


@dataclass
class Report:
    """What a run did.

    Attributes
    ----------
    computed, resumed : int
        Grids (one image, one side) computed now, and found complete.
    masks : int
        Masks of the grids computed now.
    reasons : dict of str to str
        Image to reason, for those that could not be read.
    """

    computed: int = 0
    resumed: int = 0
    masks: int = 0
    reasons: dict[str, str] = field(default_factory=dict)


def busiest(dataset: Dataset) -> str:
    """Id of the image with the most objects; the first of several.

    Raises
    ------
    InputError
        If there is no image.
    """
    cases = list(dataset.cases())
    most = max((len(case.tasks) for case in cases), default=0)
    # A case may count a task whose object has no pixel: only its mask tells.
    several = [case for case in cases if len(case.tasks) == most][:_LOOKED_AT]
    if not several:
        raise InputError(f"{dataset.title} has no image. Allowed: at least one. Check the data.")
    return max(several, key=_objects).id


def _objects(case: Case) -> int:
    try:
        return sum(bool(mask.any()) for mask in case.load().masks.values())
    except DataError:
        return -1


def numbers(given: Sequence[str]) -> list[int]:
    """Whole numbers, one by one or joined with commas.

    Raises
    ------
    InputError
        If a word is none.

    Examples
    --------
    >>> numbers(["32,64", "128"])
    [32, 64, 128]
    """
    words = [word.strip() for one in given for word in one.split(",") if word.strip()]
    for word in words:
        if not word.isdecimal():
            raise InputError(
                f"sides {word}. Allowed: whole numbers of points along a side, such as 32,64."
            )
    return [int(word) for word in words]


def run(
    dataset: Dataset,
    model: PromptableModel,
    out: Path,
    *,
    sides: Iterable[int] = SIDES,
    images: Iterable[str] | None = None,
    filters: Filters | None = None,
    protocol: Protocol = PROTOCOLS["paper"],
    progress: bool = True,
) -> Report:
    """Segment everything on images of a dataset; continue what is there.

    Parameters
    ----------
    dataset : Dataset
    model : PromptableModel
        Takes points and gives logits.
    out : Path
        Results folder of its own: rows as :func:`medsam.results.read` reads them, and the masks.
    sides : iterable of int
        Points along each side of the grid, 1 to 1000.
    images : iterable of str, optional
        Ids of images; all by default.
    filters : Filters, optional
        Segment-anything's own by default.
    protocol : Protocol
        Its way to count regions and to score empty masks; a grid has no choice of prompts.
    progress : bool
        A bar on stderr.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        If there is no side, a side is out of range, there is no such image, or the model takes
        no points or gives no logits.
    ResultsError
        If the folder cannot be written or continued. Masks and rows written so far stay.
    """
    model.check(Prompt(np.zeros((1, 2)), np.ones(1, np.int64)))
    wanted = _sides(sides)
    cases = cases_of(dataset, images)
    filters = filters or Filters()
    data = {**getattr(dataset, "settings", {}), "filters": asdict(filters)}
    # The number of points is told by each row; how they are filtered decides what rows say.
    identity = Identity(
        dataset.key,
        model.name,
        protocol.as_dict(),
        model.provenance(),
        seed=0,
        experiments=(EXPERIMENT,),
        data=data,
    )
    signed = signature(dataset, model, filters)
    constant = {"dataset": dataset.key, "modality": dataset.modality, "model": model.name}
    report = Report()
    few = not progress or len(cases) == 1
    words = f"{dataset.key} · {model.name} · {EXPERIMENT}"
    with Store(Path(out), identity) as store:
        for case in tqdm(cases, desc=words, unit="image", disable=few):

            def grid_of(image: NDArray[np.uint8], side: int, case: Case = case) -> Grid:
                return _grid(model, image, side, case, signed, filters, progress)

            rows = _take(case, wanted, store, signed, grid_of, protocol, report)
            if rows is None:
                continue
            found, state, failed = rows
            blank: Row = dict.fromkeys(COLUMNS) | constant | {"protocol": protocol.name}
            blank |= {"image": case.id, "group": case.group}
            units = [Unit(case.id, task, case.digest(), failed) for task in case.tasks]
            store.write([blank | row for row in found], units, state)
    return report


def _take(
    case: Case,
    wanted: Sequence[int],
    store: Store,
    signed: Mapping[str, Any],
    grid_of: Callable[[NDArray[np.uint8], int], Grid],
    protocol: Protocol,
    report: Report,
) -> tuple[list[Row], dict[str, Any], bool] | None:
    """Rows of one image at every side that it has by now; ``None`` where nothing is missing."""
    digest = case.digest()
    # A unit is an image and a task at all its sides: rows of a new side come with the old ones,
    # because the last rows of a unit are those that count.
    known: dict[str, dict[str, list[int]]] = store.state.get("sides", {})
    of_task = known.get(case.id, {})
    units = [(task, store.done.get((case.id, task))) for task in case.tasks]
    if all(store.is_done(Unit(case.id, task, digest)) for task in case.tasks) and all(
        (unit and unit.failed) or set(wanted) <= set(of_task.get(task, ())) for task, unit in units
    ):
        report.resumed += len(wanted)
        return None
    sides = sorted({*wanted, *(side for task in case.tasks for side in of_task.get(task, ()))})
    try:
        sample = case.load()
    except DataError as error:
        report.reasons[case.id] = str(error)
        wrong: Row = {"status": "error", "reason": str(error)}
        return [{"task": task} | wrong for task in case.tasks], dict(store.state), True
    of: dict[int, Grid] = {}
    for side in sides:
        path = grids.place(store.folder, signed, case.id, side)
        if path.exists():
            of[side] = grids.load(path)
            if of[side].digest != digest:
                raise ResultsError(
                    f"Image {case.id!r} or its mask has changed since {path} was written. Allowed: "
                    "the files that the masks were computed from. Choose another --out."
                )
            report.resumed += side in wanted
            continue
        of[side] = grid_of(sample.image, side)
        grids.save(store.folder, of[side])
        report.computed += 1
        report.masks += len(of[side].found)
    rows = [row for task in case.tasks for row in rows_of(sample, task, of, protocol)]
    told = of_task | dict.fromkeys(case.tasks, sides)
    return rows, {"sides": known | {case.id: told}}, False


def _grid(
    model: PromptableModel,
    image: NDArray[np.uint8],
    side: int,
    case: Case,
    signed: Mapping[str, Any],
    filters: Filters,
    progress: bool,
) -> Grid:
    start, cpu = time.perf_counter(), time.process_time()
    found = segment_everything(model, image, side=side, progress=progress, **asdict(filters))
    return Grid(
        identity=signed,
        image=case.id,
        digest=case.digest(),
        side=side,
        size=(image.shape[0], image.shape[1]),
        found=found,
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu,
        versions=versions(),
    )


def _sides(sides: Iterable[int]) -> list[int]:
    found = sorted(set(sides))
    if not found or not all(1 <= side <= 1000 for side in found):
        raise InputError(
            f"Grids of {', '.join(map(str, found)) or 'no'} points a side. Allowed: at least one, "
            "each 1 to 1000, such as 32, 64, 128."
        )
    return found


def cases_of(dataset: Dataset, images: Iterable[str] | None = None) -> list[Case]:
    """The cases of some images, in that order; all by default.

    Raises
    ------
    InputError
        If there is no such image, or none is asked for.
    """
    cases = list(dataset.cases())
    if images is None:
        return cases
    of = {case.id: case for case in cases}
    wanted = list(dict.fromkeys(images))
    strange = [name for name in wanted if name not in of]
    if strange or not wanted:
        few = ", ".join(list(of)[:5])
        raise InputError(
            f"Images {', '.join(strange) or 'none'} of {dataset.title}. Allowed: ids such as "
            f"{few} ({len(of)} in all). `medsam run` lists every id in the column image."
        )
    return [of[name] for name in wanted]
