"""The masks that one prompt gives, by rank of confidence: what section 3.4 says, as numbers.

The text: masks of the highest confidence look like those of region growing, a connected region of
similar intensity bounded by others; masks of lower confidence may expand them and have more
variety in intensity. Each of these words is a measure here, of each mask against the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.bootstrap import FEWEST, interval
from medsam.errors import InputError
from medsam.growing import grow
from medsam.metrics import iou
from medsam.models.contract import Prediction
from medsam.prompts import Prompt
from medsam.regions import regions

__all__ = ["EXPANDS", "MEASURES", "ORDINALS", "SHARES", "findings", "of_case", "summary"]

EXPANDS = 0.95
"""A mask expands the first if it is larger and holds at least this fraction of its pixels."""
BAND = 2
"""Width in pixels of the bands inside and outside of a border."""
_STEPS = 64

MEASURES = {
    "best": "share of cases where no other mask has a higher IoU",
    "iou": "IoU with the object",
    "doublings": "area against the 1st, in doublings (log2)",
    "contains": "fraction of the 1st's pixels that it holds",
    "expands": "share of cases where it expands the 1st",
    "spread": "standard deviation of intensity within, of the image's range",
    "varied": "share of cases where the spread is larger than the 1st's",
    "contrast": "difference of mean intensity across the border, of the image's range",
    "connected": "fraction of its pixels in its largest region",
    "grown": "IoU with the most similar region grown from the point",
}
"""What is told of each rank. ``doublings``, ``contains``, ``expands`` and ``varied`` compare with
the first mask and are null for it."""
SHARES = ("best", "expands", "varied", "larger")
"""Measures that are yes or no for each case; ``larger``: whether the area is above the 1st's."""
ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


def of_case(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], prediction: Prediction, prompt: Prompt
) -> list[dict[str, Any]]:
    """Measure the masks of one prompt of one point, most confident first.

    Parameters
    ----------
    image : (H, W, 3) uint8
        Its intensity is the mean of the channels, and its range that of the whole image.
    mask : (H, W) bool
        The object.
    prediction : Prediction
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
    ranked = [int(index) for index in prediction.ranking]
    overlaps = [iou(prediction.masks[index], mask) for index in ranked]
    winner = int(np.argmax(overlaps)) if max(overlaps) > 0 else None
    first = prediction.masks[ranked[0]]
    spread_of_first = _spread(grey, first, span)
    rows = []
    for place, index in enumerate(ranked):
        one = prediction.masks[index]
        area, spread = int(np.count_nonzero(one)), _spread(grey, one, span)
        row: dict[str, Any] = {
            "rank": place + 1,
            "index": index,
            "score": float(prediction.scores[index]),
            "area": area,
            "best": float(winner == place),
            "iou": overlaps[place],
            "spread": spread,
            "contrast": _contrast(grey, one, span),
            "connected": np.count_nonzero(regions(one)[0]) / area if area else None,
            "grown": max(iou(one, region) for region in regions_grown) if area else None,
        }
        row |= dict.fromkeys(("doublings", "contains", "expands", "varied"))
        if place and first.any():
            row["contains"] = float(np.count_nonzero(one & first) / np.count_nonzero(first))
            larger = area > np.count_nonzero(first)
            row["expands"] = float(larger and row["contains"] >= EXPANDS)
            if area:
                row["doublings"] = float(np.log2(area / np.count_nonzero(first)))
            if spread is not None and spread_of_first is not None:
                row["varied"] = float(spread > spread_of_first)
        rows.append(row)
    return rows


def _spread(grey: NDArray[np.float64], mask: NDArray[np.bool_], span: float) -> float | None:
    return float(grey[mask].std() / span) if span and mask.any() else None


def _contrast(grey: NDArray[np.float64], mask: NDArray[np.bool_], span: float) -> float | None:
    """Mean intensity of a band within the border and of one outside: how far apart they are."""
    import cv2

    bits, around = mask.astype(np.uint8), np.ones((3, 3), np.uint8)
    inner = mask & (cv2.erode(bits, around, iterations=BAND) == 0)
    outer = ~mask & (cv2.dilate(bits, around, iterations=BAND) > 0)
    if not span or not inner.any() or not outer.any():
        return None
    return float(abs(grey[inner].mean() - grey[outer].mean()) / span)


def summary(table: pd.DataFrame, *, by_task: bool = False) -> pd.DataFrame:
    """Mean of each measure for each rank, with an interval.

    Parameters
    ----------
    table : DataFrame
        From :func:`medsam.ambiguity.measure`.
    by_task : bool
        A mean for each task, without interval.

    Returns
    -------
    DataFrame
        Columns (``task``,) ``measure, rank, mean, low, high, n, groups, over``. ``n``: cases for
        which it is defined. ``low`` and ``high``: 95 % bootstrap interval of the mean over cases,
        in which whole groups are drawn; ``over`` says of what: ``group`` (patients or volumes),
        or ``image`` where there are fewer than :data:`~medsam.bootstrap.FEWEST` of these (the
        interval is then for slices of the same scans). Null where there are too few images, too.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    missing = [name for name in ("task", "image", "group", "rank", *MEASURES) if name not in table]
    if missing or table.empty:
        raise InputError(
            f"A table of {len(table)} rows without {', '.join(missing) or 'a row'}. Allowed: the "
            "table of medsam.ambiguity.measure. Take it."
        )
    larger = (table.doublings > 0).astype(float).where(table.doublings.notna())
    table = table.assign(larger=larger)
    over = "group" if table["group"].nunique() >= FEWEST else "image"
    found = []
    keys = ["task", "rank"] if by_task else ["rank"]
    for key, part in table.groupby(keys, sort=False):
        named = dict(zip(keys, key, strict=True))
        for measure in (*MEASURES, "larger"):
            known = part[part[measure].notna()]
            if known.empty:
                continue
            values, groups = known[measure].to_numpy(float), known[over].to_numpy()
            mean, low, high = float(values.mean()), np.nan, np.nan
            if not by_task and known[over].nunique() >= FEWEST:
                mean, low, high, *_ = interval(values, groups)
            told = {"measure": measure, "mean": mean, "low": low, "high": high}
            counts = {"n": len(known), "groups": known[over].nunique(), "over": over}
            found.append(named | told | counts)
    return pd.DataFrame(found)


def findings(table: pd.DataFrame) -> dict[str, int | str]:
    """What the text quotes, in words with the interval.

    Parameters
    ----------
    table : DataFrame
        From :func:`medsam.ambiguity.measure`.

    Returns
    -------
    dict
        ``cases``, ``images``, ``over`` (what intervals are drawn over), ``best-by-iou`` (the rank
        that is best most often), ``first-times-object`` (median of the first mask's area over the
        object's); ``<measure>-<rank>`` such as ``"21 % (15 to 30)"``;
        ``times-<rank>``: the area against the 1st as a factor, geometric mean;
        ``<share>-<rank>-says``: whether that is so more often than not. A rank that the model
        does not give is ``"undefined"``.
    """
    told = summary(table)
    found: dict[str, int | str] = {
        "cases": len(table[table["rank"] == 1]),
        "images": int(table.image.nunique()),
        "over": {"group": "patients or volumes", "image": "images"}[str(told.over.iloc[0])],
    }
    first = table[table["rank"] == 1]
    found["first-times-object"] = f"{(first.area / first.object_px).median():.1f}"
    ends = _ends(told)
    best = max(ORDINALS, key=lambda rank: ends.get(("best", rank), [-1.0])[0])
    found["best-by-iou"] = ORDINALS[best]
    for measure in (*MEASURES, "larger"):
        for rank in ORDINALS:
            values = ends.get((measure, rank))
            found[f"{measure}-{rank}"] = _words(values, percent=measure in SHARES)
            if measure == "doublings":
                factors = values and [2**value for value in values]
                found[f"times-{rank}"] = _words(factors, percent=False)
            if measure in SHARES:
                found[f"{measure}-{rank}-says"] = _says(values)
    return found


def _ends(told: pd.DataFrame) -> dict[tuple[str, int], list[float]]:
    """Mean, low and high by measure and rank."""
    names, ranks = told.measure.to_list(), told["rank"].to_list()
    numbers = told[["mean", "low", "high"]].to_numpy(float).tolist()
    return {(m, int(r)): three for m, r, three in zip(names, ranks, numbers, strict=True)}


def _words(values: Sequence[float] | None, *, percent: bool) -> str:
    """A mean and its interval.

    Examples
    --------
    >>> _words([0.2125, 0.149, 0.3], percent=True), _words([0.9, np.nan, np.nan], percent=False)
    ('21 % (15 to 30)', '0.90 (too few images for an interval)')
    """
    if values is None:
        return "undefined"
    mean, low, high = values
    if percent:
        words = f"{100 * mean:.0f} %", f"{100 * low:.0f} to {100 * high:.0f}"
    else:
        words = f"{mean:.2f}", f"{low:.2f} to {high:.2f}"
    return f"{words[0]} ({words[1] if low == low else 'too few images for an interval'})"


def _says(values: Sequence[float] | None) -> str:
    """Whether a share is more than half.

    Examples
    --------
    >>> _says([0.76, 0.64, 0.85]), _says([0.2, 0.1, 0.4]), _says([0.5, 0.4, 0.6])
    ('more often than not', 'less often than not', 'neither more often nor less often than not')
    """
    if values is None or values[1] != values[1]:
        return "not decided by so few images"
    if values[1] > 0.5:
        return "more often than not"
    return (
        "less often than not" if values[2] < 0.5 else "neither more often nor less often than not"
    )
