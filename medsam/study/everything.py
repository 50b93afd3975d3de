"""Segment everything as an experiment: how well a grid of points finds each object (section 3.6).

A grid is no prompt for an object, so the model does not say which of its masks is meant: there is
no ``top`` row, as "most confident" would be the same mask for every object of an image. What can
be said is how good the best of them is: ``oracle``. Rows are made from masks that stay on disk
(:mod:`medsam.study.everything`), so that neither rows nor figures need the model again.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from medsam.datasets.sample import Case, Dataset, Sample
from medsam.errors import DataError, InputError, ResultsError
from medsam.metrics import iou
from medsam.models.automatic import Found, segment_everything
from medsam.models.contract import PromptableModel
from medsam.prompts import Prompt
from medsam.protocol import PROTOCOLS, Protocol
from medsam.results.rows import COLUMNS, read_metadata, read_table, versions, write
from medsam.results.store import Identity, Store
from medsam.study.evaluate import Row, object_columns, scorer

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
    return write(path, pa.Table.from_pylist(rows, schema=SCHEMA), about)


def load(path: Path) -> Grid:
    """Read the masks of a grid.

    Raises
    ------
    ResultsError
        If the file is torn or not one of ours.
    """
    about, rows = read_metadata(path, SCHEMA), read_table(path, SCHEMA).to_pylist()
    height, width = about.pop("size")
    found = [_found(row, (height, width)) for row in rows]
    return Grid(found=found, size=(height, width), **about)


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
    common, parts = object_columns(sample, task, protocol)
    if not parts:
        yield common
        return
    score = scorer(sample, task, protocol)
    for side, grid in of.items():
        number = best(grid, mask)
        row = common | {"experiment": EXPERIMENT, "k": side, "choice": "oracle"}
        if number is None:
            yield row | score(np.zeros_like(mask))
        else:
            one = grid.found[number]
            point = Prompt(np.array([one.point]), np.ones(1, np.int64))
            yield row | score(one.mask) | {"score": one.score, "prompt": point.to_json()}


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
        Results folder of its own: rows see :mod:`medsam.results.rows`, and the masks.
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
    # The number of points is told by each row; how they are filtered decides what rows say.
    identity = Identity(
        dataset.key,
        model.name,
        protocol.as_dict(),
        model.provenance(),
        seed=0,
        experiments=(EXPERIMENT,),
        data={**getattr(dataset, "settings", {}), "filters": asdict(filters)},
    )
    signed = signature(dataset, model, filters)
    blank: Row = dict.fromkeys(COLUMNS) | {"dataset": dataset.key, "modality": dataset.modality}
    blank |= {"model": model.name, "protocol": protocol.name}
    report = Report()
    few = not progress or len(cases) == 1
    words = f"{dataset.key} · {model.name} · {EXPERIMENT}"
    with Store(Path(out), identity) as store:
        # A unit is an image and a task at all its sides: rows of a new side come with the old
        # ones, because the last rows of a unit are those that count.
        there = store.read()
        known = there.dropna(subset="k").groupby("image").k.unique().to_dict()
        failed = {*there.image[there.status == "error"]}
        for case in tqdm(cases, desc=words, unit="image", disable=few):
            digest, before = case.digest(), {*map(int, known.get(case.id, ()))}
            done = [store.is_done(case.id, task, digest) for task in case.tasks]
            places = [place(store.folder, signed, case.id, side) for side in wanted]
            on_disk = all(path.exists() for path in places)
            complete = on_disk and (not before or {*wanted} <= before)
            if all(done) and (complete or not case.tasks or case.id in failed):
                report.resumed += len(wanted)
                continue
            own = blank | {"image": case.id, "group": case.group, "digest": digest}
            try:
                sample = case.load()
            except DataError as error:
                report.reasons[case.id] = str(error)
                wrong = {"status": "error", "reason": str(error)}
                store.write([own | {"task": task} | wrong for task in case.tasks])
                continue
            of: dict[int, Grid] = {}
            for side in sorted({*wanted, *before}):
                path = place(store.folder, signed, case.id, side)
                if path.exists():
                    of[side] = load(path)
                    if of[side].digest != digest:
                        raise ResultsError(
                            f"Image {case.id!r} or its mask has changed since {path} was written. "
                            "Allowed: the files that the masks were computed from. Choose another "
                            "--out."
                        )
                    report.resumed += side in wanted
                    continue
                of[side] = _grid(model, sample.image, side, case, signed, filters, progress)
                save(store.folder, of[side])
                report.computed += 1
                report.masks += len(of[side].found)
            rows = [row for task in case.tasks for row in rows_of(sample, task, of, protocol)]
            store.write([own | row for row in rows])
    return report


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
