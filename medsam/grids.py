"""What a grid of points found on an image, on disk: one Parquet file an image and grid.

A file is written whole or not at all. Its name and its metadata say what its masks depend on, so
that masks of another model, other weights, data or filters are never taken for these. A mask is
kept as the bits within its box: some hundred masks of an image are a few kilobytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from medsam.datasets.sample import Dataset
from medsam.errors import ResultsError
from medsam.kept import told, write
from medsam.models.automatic import Found
from medsam.models.contract import PromptableModel

__all__ = ["SCHEMA", "Filters", "Grid", "load", "place", "save", "signature", "stored"]

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
        See :func:`medsam.kept.versions`.
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
