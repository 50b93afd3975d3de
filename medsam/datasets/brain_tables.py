"""What the embedded sample is made of, in two tables. Both are measured, none is typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.brain import FIRST, MIN_PX, STEP, TASKS, BrainSample
from medsam.regions import regions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["neighbour_table", "sample_table"]


def sample_table() -> pd.DataFrame:
    """One row a task: its labels, slices, regions and areas.

    Returns
    -------
    DataFrame
        Index ``task``; ``title``, ``labels`` (text), slices per orientation (``axial``,
        ``coronal``, ``sagittal``), ``cases`` (their sum), ``median_regions`` and
        ``most_regions`` on a slice (8-connectivity), ``median_px``, ``least_px`` and
        ``most_px`` (area, 1 px = 1 mm²).
    """
    import pandas as pd

    found: dict[str, list[tuple[str, int, int]]] = {task: [] for task in TASKS}
    for case in BrainSample().cases():
        for task, mask in case.load().masks.items():
            found[task].append((case.id.split("-")[0], len(regions(mask)), int(mask.sum())))
    rows = []
    for task, cases in found.items():
        where, count, area = (list(column) for column in zip(*cases, strict=True))
        rows.append(
            {
                "task": task,
                "title": TASKS[task].title,
                "labels": ", ".join(map(str, TASKS[task].labels)),
                **{orientation: where.count(orientation) for orientation in FIRST},
                "cases": len(cases),
                "median_regions": float(np.median(count)),
                "most_regions": max(count),
                "median_px": float(np.median(area)),
                "least_px": min(area),
                "most_px": max(area),
            }
        )
    return pd.DataFrame(rows).set_index("task")


def neighbour_table() -> pd.DataFrame:
    """How alike neighbouring slices are.

    Returns
    -------
    DataFrame
        Three rows: each chosen slice against the slice 1 mm on, against the next chosen
        slice, and each sagittal slice against the nearest chosen one of the other half,
        mirrored. Columns: ``pairs``; ``image``, the median correlation of the intensities
        where either slice shows brain; and for each task the median Dice of its masks, over
        pairs where both have at least :data:`~medsam.datasets.brain.MIN_PX` pixels.
    """
    import pandas as pd

    kinds = {
        "1 mm on": list(_pairs(1)),
        f"next chosen slice ({STEP} mm)": list(_pairs(STEP)),
        "other half, mirrored": list(_mirrored()),
    }
    sample = BrainSample()
    volume, rows = sample.volume, []
    for kind, pairs in kinds.items():
        images: list[float] = []
        dice: dict[str, list[float]] = {task: [] for task in TASKS}
        for orientation, one, other in pairs:
            planes = [volume.slice(volume.image, orientation, i) for i in (one, other)]
            images.append(_correlation(planes[0], planes[1]))
            labels = [volume.slice(volume.labels, orientation, i) for i in (one, other)]
            for task, values in dice.items():
                a, b = (np.isin(plane, TASKS[task].labels) for plane in labels)
                if min(a.sum(), b.sum()) >= MIN_PX:
                    values.append(float(2 * (a & b).sum() / (a.sum() + b.sum())))
        medians = {task: float(np.median(values)) for task, values in dice.items()}
        row = {"against": kind, "pairs": len(pairs), "image": float(np.median(images)), **medians}
        rows.append(row)
    return pd.DataFrame(rows).set_index("against")


def _chosen() -> list[tuple[str, int]]:
    return [(o, int(i)) for o, i in (case.id.split("-") for case in BrainSample().cases())]


def _pairs(gap: int) -> Iterator[tuple[str, int, int]]:
    chosen = set(_chosen())
    for orientation, index in sorted(chosen):
        if gap == 1 or (orientation, index + gap) in chosen:
            yield orientation, index, index + gap


def _mirrored() -> Iterator[tuple[str, int, int]]:
    # The midline is at index 91 (x = 0 mm): i and 182 - i are mirror images.
    sagittal = [index for orientation, index in _chosen() if orientation == "sagittal"]
    for index in (i for i in sagittal if i < 91):
        yield "sagittal", index, min(sagittal, key=lambda other: abs(182 - index - other))


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    brain = (one > 0) | (other > 0)
    return float(np.corrcoef(one[brain], other[brain])[0, 1])
