"""What a model makes of an ambiguous prompt: every mask of mode 1, measured (section 3.4, Fig. 7).

The masks are those that the rows of the experiment ``ambiguity`` hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.analysis.examples import Example, at_percentile, load, masks_of, of_rows
from medsam.analysis.statistics import Interval, check_columns, interval
from medsam.datasets.sample import Dataset, Sample
from medsam.errors import InputError
from medsam.metrics import iou
from medsam.models.contract import ranking
from medsam.prompts import Prompt
from medsam.regions import regions

# Region growing from a point, which the masks of a model are compared with (section 3.4).


def grow(
    grey: NDArray[np.uint8], point: tuple[int, int], tolerances: Sequence[int]
) -> list[NDArray[np.bool_]]:
    """Regions grown from a point: what is connected to it and differs from it by at most so much.

    Parameters
    ----------
    grey : (H, W) uint8
    point : (x, y) int
    tolerances : sequence of int
        Grey levels.

    Returns
    -------
    list of (H, W) bool
        One a tolerance (8-connectivity; the difference is to the point itself).

    Examples
    --------
    >>> grey = np.array([[9, 9, 5, 9]], np.uint8)
    >>> [region.tolist() for region in grow(grey, (0, 0), (0, 4))]
    [[[True, True, False, False]], [[True, True, True, True]]]
    """
    flags = 8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    out = []
    for tolerance in tolerances:
        frame = np.zeros((grey.shape[0] + 2, grey.shape[1] + 2), np.uint8)
        cv2.floodFill(grey.copy(), frame, point, 0, (tolerance,), (tolerance,), flags)
        out.append(frame[1:-1, 1:-1].astype(bool))
    return out


# The masks that one prompt gives, by rank of confidence: what section 3.4 says, as numbers.


EXPANDS = 0.95
"""A mask expands the first if it is larger and holds at least this fraction of its pixels."""
BAND = 2
"""Width in pixels of the bands inside and outside of a border."""
_STEPS = 64

OF_FIRST = ("doublings", "larger", "contains", "expands", "varied")
MEASURES = ("best", "iou", "spread", "contrast", "connected", "grown", *OF_FIRST)
"""What is told of each rank:

best : whether no other mask has a higher IoU; ``iou``: with the object
spread : standard deviation of intensity within, of the image's range
contrast : difference of mean intensity across the border, of the image's range
connected : fraction of its pixels in its largest region
grown : IoU with the most similar region grown from the point

and, in comparison with the first mask and null for it (:data:`OF_FIRST`):

doublings : area against its own, in doublings (log2); ``larger``: whether that is above 0
contains : fraction of its pixels that the mask holds; ``expands``: whether it is larger, too
varied : whether the spread is larger
"""
SHARES = ("best", "larger", "expands", "varied")
"""Measures that are yes or no for each case."""
ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


def of_case(
    image: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    masks: NDArray[np.bool_],
    scores: NDArray[np.float64],
    prompt: Prompt,
) -> list[dict[str, Any]]:
    """Measure the masks of one prompt of one point, most confident first.

    Parameters
    ----------
    image : (H, W, 3) uint8
        Its intensity is the mean of the channels, and its range that of the whole image.
    mask : (H, W) bool
        The object.
    masks : (K, H, W) bool
        In the model's own order.
    scores : (K,) float
        The model's own estimate of the IoU of each.
    prompt : Prompt
        Of one point.

    Returns
    -------
    list of dict
        ``rank`` (1 is the most confident), ``index`` (the model's own order), ``score``, ``area``
        (pixels) and the keys of :data:`MEASURES`. What is not defined is ``None``: of an empty
        mask, or an image of one intensity.

    Raises
    ------
    InputError
        If the prompt is not one point.
    """
    if len(prompt.points) != 1 or len(prompt.boxes):
        raise InputError(
            f"A prompt of {len(prompt.points)} points and {len(prompt.boxes)} boxes. Allowed: one "
            "point. Take mode 1."
        )
    grey = image.mean(axis=2)
    low, high = float(grey.min()), float(grey.max())
    span = high - low
    x, y = (int(value) for value in np.floor(prompt.points[0]))
    steps = sorted({round(span * step / _STEPS) for step in range(_STEPS + 1)})
    regions_grown = grow(np.rint(grey).astype(np.uint8), (x, y), steps)
    ranked = [int(index) for index in ranking(scores)]
    overlaps = [iou(masks[index], mask) for index in ranked]
    winner = int(np.argmax(overlaps)) if max(overlaps) > 0 else None
    first = masks[ranked[0]]
    spread_of_first = _spread(grey, first, span)
    rows = []
    for place, index in enumerate(ranked):
        one = masks[index]
        area, spread = int(np.count_nonzero(one)), _spread(grey, one, span)
        row: dict[str, Any] = {
            "rank": place + 1,
            "index": index,
            "score": float(scores[index]),
            "area": area,
            "best": float(winner == place),
            "iou": overlaps[place],
            "spread": spread,
            "contrast": _contrast(grey, one, span),
            "connected": np.count_nonzero(regions(one)[0]) / area if area else None,
            "grown": max(iou(one, region) for region in regions_grown) if area else None,
        }
        row |= dict.fromkeys(OF_FIRST)
        if place and first.any():
            row["contains"] = float(np.count_nonzero(one & first) / np.count_nonzero(first))
            larger = area > np.count_nonzero(first)
            row["expands"] = float(larger and row["contains"] >= EXPANDS)
            if area:
                row["doublings"] = float(np.log2(area / np.count_nonzero(first)))
                row["larger"] = float(larger)
            if spread is not None and spread_of_first is not None:
                row["varied"] = float(spread > spread_of_first)
        rows.append(row)
    return rows


def _spread(grey: NDArray[np.float64], mask: NDArray[np.bool_], span: float) -> float | None:
    return float(grey[mask].std() / span) if span and mask.any() else None


def _contrast(grey: NDArray[np.float64], mask: NDArray[np.bool_], span: float) -> float | None:
    """Mean intensity of a band within the border and of one outside: how far apart they are."""
    bits, around = mask.astype(np.uint8), np.ones((3, 3), np.uint8)
    inner = mask & (cv2.erode(bits, around, iterations=BAND) == 0)
    outer = ~mask & (cv2.dilate(bits, around, iterations=BAND) > 0)
    if not span or not inner.any() or not outer.any():
        return None
    return float(abs(grey[inner].mean() - grey[outer].mean()) / span)


def _long(table: pd.DataFrame) -> pd.DataFrame:
    """One row a case, rank and measure that is defined, with its ``value``."""
    check_columns(table, ("task", "image", "group", "rank", *MEASURES), "Table of masks")
    long = table.melt(["task", "group", "rank"], MEASURES, "measure")
    return long.dropna(subset="value").astype({"value": float})


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of each measure for each rank, with an interval.

    Parameters
    ----------
    table : DataFrame
        From :func:`medsam.analysis.ambiguity.measure`.

    Returns
    -------
    DataFrame
        Columns ``rank, measure, mean, low, high, n, groups``. ``n``: cases for which it is
        defined. ``low`` and ``high``: 95 % bootstrap interval of the mean over cases, in which
        whole patients or volumes (``groups``) are drawn; null of fewer than
        :data:`~medsam.analysis.statistics.FEWEST`.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    parts = _long(table).groupby(["rank", "measure"], sort=False)
    found = [(*key, *interval(part.value, part.group)) for key, part in parts]
    return pd.DataFrame(found, columns=["rank", "measure", *Interval._fields])


def by_task(table: pd.DataFrame) -> pd.DataFrame:
    """As :func:`summary`, for each ``task`` and without interval."""
    parts = _long(table).groupby(["task", "rank", "measure"], sort=False)
    how = {"mean": ("value", "mean"), "n": ("value", "size"), "groups": ("group", "nunique")}
    return parts.agg(**how).reset_index()


def findings(table: pd.DataFrame) -> dict[str, int | str]:
    """What the text quotes, in words with the interval.

    Parameters
    ----------
    table : DataFrame
        From :func:`measure`.

    Returns
    -------
    dict
        ``cases, images, groups``; ``best-by-iou`` (the rank that is best most often),
        ``first-times-object`` (median of the first mask's area over the object's);
        ``<measure>-<rank>`` such as ``"21 % (15 to 30)"``; ``times-<rank>``: the area against the
        1st as a factor, geometric mean. A rank that the model does not give is ``"undefined"``.
    """
    means = summary(table).set_index(["measure", "rank"])[["mean", "low", "high"]]
    first, of = table[table["rank"] == 1], means.T.to_dict("list")
    found: dict[str, int | str] = {
        "cases": len(first),
        "images": int(table.image.nunique()),
        "groups": int(first["group"].nunique()),
        "first-times-object": f"{(first.area / first.object_px).median():.1f}",
        "best-by-iou": ORDINALS[int(means["mean"]["best"].idxmax())],
    }
    for measure in MEASURES:
        for rank in ORDINALS:
            values = of.get((measure, rank))
            found[f"{measure}-{rank}"] = _words(values, percent=measure in SHARES)
            if measure == "doublings":
                factors = values and [2**value for value in values]
                found[f"times-{rank}"] = _words(factors, percent=False)
    return found


def _words(values: Sequence[float] | None, *, percent: bool) -> str:
    """A mean, and its interval where there is one.

    Examples
    --------
    >>> _words([0.2125, 0.149, 0.3], percent=True), _words([0.9, np.nan, np.nan], percent=False)
    ('21 % (15 to 30)', '0.90')
    """
    if values is None:
        return "undefined"
    mean, low, high = (f"{value:.0%}"[:-1] if percent else f"{value:.2f}" for value in values)
    return f"{mean}{' %' * percent}" + ("" if low == "nan" else f" ({low} to {high})")


def _of_one_point(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the masks of one point."""
    found = rows[(rows.experiment == "ambiguity") & (rows.status == "ok")]
    if found.empty:
        raise InputError(
            f"{len(rows)} rows, none of the masks of one point. Allowed: at least one case. Take "
            "a model that takes points, and data with an object: `medsam run --experiments "
            "ambiguity`."
        )
    return found


def _cases(
    rows: pd.DataFrame, dataset: Dataset
) -> Iterator[tuple[pd.DataFrame, Sample, NDArray[np.bool_]]]:
    """Each case: its rows in the model's own order, its image, and its (K, H, W) bool masks."""
    found = _of_one_point(rows)
    samples = load(dataset, found.image)
    for _, case in found.sort_values(["task", "image", "k"]).groupby(["task", "image"]):
        masks = np.stack([mask for _, mask in masks_of(case, samples)])
        yield case, samples[str(case.image.iloc[0])], masks


def measure(rows: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Measure every mask of one point (mode 1).

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol, with the column ``mask``.
    dataset : Dataset
        That which the rows came from.

    Returns
    -------
    DataFrame
        One row a case and rank: ``dataset, task, image, group, modality, model, protocol, rank,
        index, score, area, object_px, prompt`` and the keys of
        :data:`~medsam.analysis.ambiguity.MEASURES`; see :func:`of_case`.

    Raises
    ------
    InputError
        If the rows have no such case.
    ResultsError
        If an image is gone, or the masks are not those of the rows.
    """
    about = ["dataset", "task", "image", "group", "modality", "model", "protocol"]
    about += ["object_px", "prompt"]
    return pd.DataFrame(
        case.iloc[0][about].to_dict() | one
        for case, sample, masks in _cases(rows, dataset)
        for one in of_case(
            sample.image,
            sample.masks[str(case.task.iloc[0])],
            masks,
            case.score.to_numpy(float),
            Prompt.from_json(case.prompt.iloc[0]),
        )
    )


def examples(rows: pd.DataFrame, dataset: Dataset) -> list[Example]:
    """All masks of a case of each task, most confident first; nobody has chosen it by eye.

    Of a task it is the case whose most confident mask has the median IoU.

    Parameters
    ----------
    rows : DataFrame
        As of :func:`measure`.
    dataset : Dataset
        That which the rows came from. Of its tasks, the first five that have a case are shown.

    Raises
    ------
    InputError, ResultsError
        As :func:`measure`.
    """
    ranked = _of_one_point(rows).sort_values(["score", "k"], ascending=[False, True])
    chosen = []
    for task in [task for task in dataset.tasks if (ranked.task == task).any()][:5]:
        of_task = ranked[ranked.task == task]
        image = at_percentile(of_task.drop_duplicates("image"), 50).image
        chosen.append(of_task[of_task.image == image])
    return of_rows(pd.concat(chosen).assign(percentile=50), dataset)
