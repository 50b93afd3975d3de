"""Segment everything as an experiment: how well a grid of points finds each object (section 3.6).

A grid is no prompt for an object, so the model does not say which of its masks is meant: there is
no ``top`` row, as "most confident" would be the same mask for every object of an image. What can
be said is how good the best of them is: ``oracle``. Rows are made from masks that stay on disk
(:mod:`medsam.study.everything`), so that neither rows nor figures need the model again.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from medsam.datasets.sample import Case, Dataset, Sample
from medsam.errors import DataError, InputError, ResultsError
from medsam.metrics import dice, iou, surface_metrics
from medsam.models.automatic import Found, segment_everything
from medsam.models.contract import PromptableModel
from medsam.prompts import Prompt
from medsam.protocol import PROTOCOLS, Protocol
from medsam.regions import regions
from medsam.results.rows import COLUMNS, versions, write
from medsam.results.rows import file_metadata as told
from medsam.results.store import Identity, Store, Unit
from medsam.study.evaluate import Row

__all__ = [
    "EXPERIMENT",
    "MEASURED",
    "SCHEMA",
    "SIDES",
    "Filters",
    "Grid",
    "Report",
    "best",
    "busiest",
    "cases_of",
    "load",
    "numbers",
    "place",
    "rows_of",
    "run",
    "save",
    "signature",
    "stored",
]


# What a grid of points found on an image, on disk: one Parquet file an image and grid.


SCHEMA = pa.schema(
    [
        pa.field("x", pa.float64(), metadata={"meaning": "point of the grid, pixels"}),
        pa.field("y", pa.float64(), metadata={"meaning": "point of the grid, pixels"}),
        pa.field("x0", pa.int32(), metadata={"meaning": "box, pixels, inside"}),
        pa.field("y0", pa.int32(), metadata={"meaning": "box, pixels, inside"}),
        pa.field("x1", pa.int32(), metadata={"meaning": "box, pixels, inside"}),
        pa.field("y1", pa.int32(), metadata={"meaning": "box, pixels, inside"}),
        pa.field("area", pa.int64(), metadata={"meaning": "pixels of the mask"}),
        pa.field("score", pa.float64(), metadata={"meaning": "the model's own estimate of IoU"}),
        pa.field("stability", pa.float64(), metadata={"meaning": "IoU above +offset and -offset"}),
        pa.field("bits", pa.binary(), metadata={"meaning": "mask within its box, row by row"}),
    ]
)
"""Columns of a file, one row a mask, most confident first."""

_FOLDER = "masks"
_VERSION = 1


@dataclass(frozen=True)
class Filters:
    """Which masks are kept; the values are segment-anything's own.

    Attributes
    ----------
    min_score, min_stability, offset, max_overlap : float
        See :func:`medsam.models.automatic.segment_everything`.
    """

    min_score: float = 0.88
    min_stability: float = 0.95
    offset: float = 1.0
    max_overlap: float = 0.7


@dataclass(frozen=True, eq=False)
class Grid:
    """The masks that a grid of points gave on one image.

    Attributes
    ----------
    identity : mapping
        What they depend on: ``dataset, model, weights, data, filters, version``. JSON values.
    image, digest : str
        Id of the image, and digest of what the case is made of.
    side : int
        Points along each side of the grid.
    size : (H, W) int
        Pixels.
    found : sequence of Found
        Most confident first.
    seconds : float or None
        By the clock, with the embedding of the image; none where it was computed in pieces.
    cpu_seconds : float
        Of all cores together.
    versions : mapping of str to str
        See :func:`medsam.results.rows.versions`.
    created : str
        When it was computed, ISO 8601, UTC.
    """

    identity: Mapping[str, Any]
    image: str
    digest: str
    side: int
    size: tuple[int, int]
    found: Sequence[Found] = field(repr=False)
    seconds: float | None
    cpu_seconds: float
    versions: Mapping[str, str] = field(repr=False)
    created: str = field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"), repr=False
    )

    @property
    def points(self) -> int:
        """Points of the grid."""
        return self.side**2


def signature(
    dataset: Dataset, model: PromptableModel, filters: Filters | None = None
) -> dict[str, Any]:
    """What the masks of a grid depend on, besides the image and the grid. JSON values."""
    told = {
        "dataset": dataset.key,
        "model": model.name,
        "weights": dict(model.provenance()),
        "data": dict(getattr(dataset, "settings", {})),
        "filters": asdict(filters or Filters()),
        "version": _VERSION,
    }
    # As it comes back from a file: tuples are lists.
    found: dict[str, Any] = json.loads(json.dumps(told))
    return found


def place(folder: Path, identity: Mapping[str, Any], image: str, side: int) -> Path:
    """The file of an image and a grid; another identity has another file."""
    signed = json.dumps([dict(identity), image, side], sort_keys=True)
    digest = hashlib.sha256(signed.encode()).hexdigest()
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", image)[-80:]
    return folder / _FOLDER / f"{name}-{side:03d}-{digest[:12]}.parquet"


def save(folder: Path, grid: Grid) -> Path:
    """Write the masks of a grid, whole or not at all.

    Raises
    ------
    ResultsError
        If the disk is full or the folder cannot be written; no part of the file stays.
    """
    rows = []
    for one in grid.found:
        x0, y0, x1, y1 = one.box
        bits = np.packbits(one.mask[y0 : y1 + 1, x0 : x1 + 1]).tobytes()
        values = (*one.point, *one.box, one.area, one.score, one.stability, bits)
        rows.append(dict(zip(SCHEMA.names, values, strict=True)))
    names = ("image", "digest", "side", "size", "seconds", "cpu_seconds", "created")
    about = {name: getattr(grid, name) for name in names}
    about |= {"identity": dict(grid.identity), "versions": dict(grid.versions)}
    path = place(folder, grid.identity, grid.image, grid.side)
    return write(path, pa.Table.from_pylist(rows, schema=SCHEMA), about, make=True)


def load(path: Path) -> Grid:
    """Read the masks of a grid.

    Raises
    ------
    ResultsError
        If the file is torn or not one of ours.
    """
    try:
        table = pq.read_table(path, schema=SCHEMA)
        about = told(path)
        height, width = (int(length) for length in about.pop("size"))
        found = [_found(row, (height, width)) for row in table.to_pylist()]
        return Grid(found=found, size=(height, width), **about)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ResultsError(
            f"Masks {path} cannot be read ({type(error).__name__}: {error}). Allowed: Parquet "
            "files that `medsam everything` wrote. Delete it and run again; only its masks are "
            "computed anew."
        ) from error


def _found(row: Mapping[str, Any], size: tuple[int, int]) -> Found:
    box = (row["x0"], row["y0"], row["x1"], row["y1"])
    bits = np.frombuffer(row["bits"], np.uint8)
    return Found((row["x"], row["y"]), box, row["area"], row["score"], row["stability"], bits, size)


def stored(folder: Path) -> Iterator[Grid]:
    """Every grid of a folder, by image and side."""
    grids = [load(path) for path in sorted((folder / _FOLDER).glob("*.parquet"))]
    yield from sorted(grids, key=lambda grid: (grid.image, grid.side))


# How well the masks of a grid find each object: rows in the schema of the results.


EXPERIMENT = "everything"
"""Name of the experiment in the results; ``k`` is the number of points a side."""


def best(grid: Grid, mask: NDArray[np.bool_]) -> int | None:
    """Number of the mask of a grid that has the best IoU with an object.

    Parameters
    ----------
    grid : Grid
    mask : (H, W) bool

    Returns
    -------
    int or None
        Of several the most confident; ``None`` where no mask touches the object.
    """
    overlaps = [iou(one.mask, mask) for one in grid.found]
    if not overlaps or not max(overlaps) > 0:
        return None
    return int(np.argmax(overlaps))


def rows_of(sample: Sample, task: str, of: Mapping[int, Grid], protocol: Protocol) -> Iterator[Row]:
    """Rows of one object, one a grid: that of its best mask.

    Parameters
    ----------
    sample : Sample
    task : str
        One of ``sample.masks``.
    of : mapping of int to Grid
        Points a side to what the grid found.
    protocol : Protocol
        Its way to count regions and to score empty masks.

    Yields
    ------
    dict
        Columns of the results without those that are the same for all objects of an image;
        ``prompt`` is the point of the grid that gave the mask. Where no mask touches the object
        the IoU is 0 and there is neither score nor prompt. An object without a pixel gives one
        row with ``status="empty"``.
    """
    mask = sample.masks[task]
    pixels = int(np.count_nonzero(mask))
    height, width = mask.shape
    common: Row = {"task": task, "object_px": pixels, "height": height, "width": width}
    if not pixels:
        reason = f"the mask of {task} has no pixel on this image"
        yield common | {"n_regions": 0, "status": "empty", "reason": reason}
        return
    common |= {"n_regions": len(regions(mask, protocol)), "status": "ok"}
    for side, grid in of.items():
        number = best(grid, mask)
        one = None if number is None else grid.found[number]
        chosen = np.zeros_like(mask) if one is None else one.mask
        row: Row = common | {"experiment": EXPERIMENT, "k": side, "choice": "oracle"}
        row |= {
            "iou": iou(chosen, mask, empty=protocol.empty_union),
            "dice": dice(chosen, mask, empty=protocol.empty_union),
        }
        if one is not None:
            # The point of the grid that gave the mask.
            point = Prompt(np.array([one.point]), np.ones(1, np.int64))
            row |= {"score": one.score, "prompt": point.to_json()}
        if sample.spacing is not None:
            found = surface_metrics(chosen, mask, sample.spacing)
            row |= {"nsd": found.nsd, "hd95": None if math.isnan(found.hd95) else found.hd95}
        yield row


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
        Results folder of its own: rows as :func:`medsam.results.rows.read` reads them, and the masks.
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
        path = place(store.folder, signed, case.id, side)
        if path.exists():
            of[side] = load(path)
            if of[side].digest != digest:
                raise ResultsError(
                    f"Image {case.id!r} or its mask has changed since {path} was written. Allowed: "
                    "the files that the masks were computed from. Choose another --out."
                )
            report.resumed += side in wanted
            continue
        of[side] = grid_of(sample.image, side)
        save(store.folder, of[side])
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
