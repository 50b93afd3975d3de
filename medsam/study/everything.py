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

from medsam.datasets.sample import Case, Dataset
from medsam.datasets.subsets import Subset, parts_of
from medsam.errors import DataError, InputError, ResultsError
from medsam.metrics import iou
from medsam.models.automatic import Found, segment_everything
from medsam.models.contract import Predictor, PromptableModel
from medsam.prompts import Prompt
from medsam.protocol import Protocol
from medsam.results.rows import read_metadata, read_schema, read_table, versions, write
from medsam.study.evaluate import Row, Scores, object_columns

# What a grid of points found on an image, on disk: one Parquet file an image and grid.


SCHEMA = read_schema(Path(__file__).with_name("grid_columns.yaml"))
"""Columns of a file, one row a mask, most confident first."""

_FOLDER = "grids"
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
        By the clock, without the embedding of the image; none where it was computed in pieces.
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
    about = {name: value for name, value in vars(grid).items() if name != "found"}
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


def experiment(side: int) -> str:
    """Name in the results of a grid of so many points a side."""
    return f"everything-{side}"


def sides_of(experiments: Iterable[str]) -> list[int]:
    """Points a side of those experiments that are grids.

    Examples
    --------
    >>> sides_of(["mode", "everything-32"])
    [32]
    """
    heads = (name.partition("everything-") for name in experiments)
    return [int(side) for before, found, side in heads if found and not before]


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


def row_of(
    scores: Scores, task: str, grid: Grid, protocol: Protocol, *, surface: bool = True
) -> Row:
    """The row of one object: that of the best mask of a grid.

    Parameters
    ----------
    scores : Scores
        Of the image. All masks of a grid are in its own file as well.
    task : str
        One of its objects.
    grid : Grid
    protocol : Protocol
        Its way to count regions and to score empty masks.
    surface : bool
        Measure NSD and HD95 where the sample has a spacing.

    Returns
    -------
    dict
        Columns of the results without those that are the same for all objects of an image;
        ``prompt`` is the point of the grid that gave the mask. Where no mask touches the object
        the IoU is 0 and there is neither score nor prompt. An object without a pixel has
        ``status="empty"``.
    """
    mask = scores.sample.masks[task]
    common, parts = object_columns(scores.sample, task, protocol)
    common |= {"experiment": experiment(grid.side)}
    if not parts:
        return common
    number = best(grid, mask)
    found = np.zeros_like(mask) if number is None else grid.found[number].mask
    row = common | {"k": grid.side, "choice": "oracle"}
    row |= scores(task, found, surface=surface)
    if number is not None:
        one = grid.found[number]
        point = Prompt(np.array([one.point]), np.ones(1, np.int64))
        row |= {"score": one.score, "prompt": point.to_json()}
    return row


SIDES = (32, 64)
"""Points a side by default. The paper's Fig. 9 also has 128: sixteen times the points of 32."""
MEASURED = Path(__file__).parent / "measured_everything"
"""One grid of 128 points a side on an image of the embedded sample, computed earlier: it takes a
quarter of an hour. A folder as ``medsam everything`` writes it."""

_LOOKED_AT = 50


def busiest(dataset: Dataset) -> list[str]:
    """Id of the image with the most objects, the first of several; of a joined set, by modality.

    Raises
    ------
    InputError
        If there is no image.
    """
    if (parts := parts_of(dataset)) != (dataset,):
        last = {part.modality: part for part in parts}
        return [name for part in parts if last[part.modality] is part for name in busiest(part)]
    cases = list(dataset.cases())
    most = max((len(case.tasks) for case in cases), default=0)
    # A case may count a task whose object has no pixel: only its mask tells.
    several = [case for case in cases if len(case.tasks) == most][:_LOOKED_AT]
    if not several:
        raise InputError(f"{dataset.title} has no image. Allowed: at least one. Check the data.")
    return [max(several, key=_objects).id]


def _objects(case: Case) -> int:
    try:
        return sum(bool(mask.any()) for mask in case.load().masks.values())
    except DataError:
        return -1


def checked_sides(given: Iterable[str | int]) -> list[int]:
    """Points a side of grids, each once, in order.

    Parameters
    ----------
    given : iterable of str or int
        One by one, or joined with commas.

    Raises
    ------
    InputError
        If there is none, or one is not from 1 to 1000.

    Examples
    --------
    >>> checked_sides(["64,32", "128", 32])
    [32, 64, 128]
    """
    words = [word.strip() for one in given for word in str(one).split(",")]
    found = sorted({int(word) for word in words if word.isdecimal()})
    if not found or not all(word.isdecimal() and 1 <= int(word) <= 1000 for word in words):
        raise InputError(
            f"Grids of {', '.join(words) or 'no'} points a side. Allowed: at least one whole "
            "number, each 1 to 1000, such as 32,64."
        )
    return found


def grid_of(
    model: PromptableModel,
    image: Predictor,
    side: int,
    case: Case,
    folder: Path,
    identity: Mapping[str, Any],
    *,
    progress: bool = True,
) -> Grid:
    """The masks of a grid: those on disk, or computed and saved.

    Parameters
    ----------
    model : PromptableModel
        Takes points and gives logits.
    image : Predictor
        Its embedding is that of the other experiments, and is not counted in the seconds.
    side : int
        Points along each side of the grid.
    case : Case
        What the image is of.
    folder : Path
        Results folder.
    identity : mapping
        Of :func:`signature`.
    progress : bool
        A bar on stderr.

    Raises
    ------
    ResultsError
        If those on disk are of another image, or the file cannot be read or written.
    """
    path, digest = place(folder, identity, case.id, side), case.digest()
    if path.exists():
        found = load(path)
        if found.digest != digest:
            raise ResultsError(
                f"Image {case.id!r} or its mask has changed since {path} was written. Allowed: "
                "the files that the masks were computed from. Choose another --out."
            )
        return found
    embedding = image.embedding
    start, cpu = time.perf_counter(), time.process_time()
    filters = identity["filters"]
    masks = segment_everything(model, embedding, side=side, progress=progress, **filters)
    grid = Grid(
        identity=identity,
        image=case.id,
        digest=digest,
        side=side,
        size=embedding.image_size,
        found=masks,
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu,
        versions=versions(),
    )
    save(folder, grid)
    return grid


def only(dataset: Dataset, images: Iterable[str]) -> Dataset:
    """The dataset of some images, in the order of the dataset.

    Raises
    ------
    InputError
        If there is no such image, or none is asked for.
    """
    there, wanted = [case.id for case in dataset.cases()], set(images)
    strange = sorted(wanted - set(there))
    if strange or not wanted:
        raise InputError(
            f"Images {', '.join(strange) or 'none'} of {dataset.title}. Allowed: ids such as "
            f"{', '.join(there[:5])} ({len(there)} in all). `medsam run` lists every id in the "
            "column image."
        )
    return Subset(dataset, lambda cases: (case for case in cases if case.id in wanted))
