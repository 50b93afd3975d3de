"""What a model makes of an ambiguous prompt: every mask of mode 1, measured (section 3.4, Fig. 7).

The table is kept as a Parquet file, image by image, so that neither a second run nor a run that
was cut off computes again what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from medsam.analysis.examples import at_percentile, replay
from medsam.analysis.statistics import FEWEST, Interval, check_columns, interval
from medsam.datasets.sample import Dataset
from medsam.errors import InputError
from medsam.metrics import iou
from medsam.models.contract import Prediction, PromptableModel
from medsam.prompts import Prompt
from medsam.protocol import Protocol
from medsam.regions import regions
from medsam.results.store import Identity, Store

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
        From :func:`medsam.analysis.ambiguity.measure`.
    by_task : bool
        A mean for each task, without interval.

    Returns
    -------
    DataFrame
        Columns (``task``,) ``measure, rank, mean, low, high, n, groups, over``. ``n``: cases for
        which it is defined. ``low`` and ``high``: 95 % bootstrap interval of the mean over cases,
        in which whole groups are drawn; ``over`` says of what: ``group`` (patients or volumes),
        or ``image`` where there are fewer than :data:`~medsam.analysis.statistics.FEWEST` of these
        (the interval is then for slices of the same scans). Null where images are too few, too.

    Raises
    ------
    InputError
        If a column is missing or there is no row.
    """
    check_columns(table, ("task", "image", "group", "rank", *MEASURES), "Table of masks")
    larger = (table.doublings > 0).astype(float).where(table.doublings.notna())
    table = table.assign(larger=larger)
    over = "group" if table["group"].nunique() >= FEWEST else "image"
    keys = ["task", "rank"] if by_task else ["rank"]
    found = []
    for key, part in table.groupby(keys, sort=False):
        for measure in (*MEASURES, "larger"):
            known = part[part[measure].notna()]
            if known.empty:
                continue
            if by_task:
                n, groups = len(known), known[over].nunique()
                told = Interval(float(known[measure].mean()), np.nan, np.nan, n, groups)
            else:
                told = interval(known[measure], known[over])
            found.append((*key, measure, *told, over))
    table = pd.DataFrame(found, columns=[*keys, "measure", *Interval._fields, "over"])
    return table[[*keys, "measure", "mean", "low", "high", "n", "groups", "over"]]


def findings(table: pd.DataFrame) -> dict[str, int | str]:
    """What the text quotes, in words with the interval.

    Parameters
    ----------
    table : DataFrame
        From :func:`measure`.

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
    means = summary(table)
    first = table[table["rank"] == 1]
    numbers = means.set_index(["measure", "rank"])[["mean", "low", "high"]].astype(float)
    of = {key: row.tolist() for key, row in numbers.iterrows()}
    best = max(ORDINALS, key=lambda rank: of.get(("best", rank), [-1.0])[0])
    found: dict[str, int | str] = {
        "cases": len(first),
        "images": int(table.image.nunique()),
        "over": {"group": "patients or volumes", "image": "images"}[str(means.over.iloc[0])],
        "first-times-object": f"{(first.area / first.object_px).median():.1f}",
        "best-by-iou": ORDINALS[best],
    }
    for measure in (*MEASURES, "larger"):
        for rank in ORDINALS:
            values = of.get((measure, rank))
            found[f"{measure}-{rank}"] = _words(values, percent=measure in SHARES)
            if measure == "doublings":
                factors = values and [2**value for value in values]
                found[f"times-{rank}"] = _words(factors, percent=False)
            if measure in SHARES:
                found[f"{measure}-{rank}-says"] = _says(values)
    return found


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


_VERSION = 1
_EVERY = 64  # objects a file: what a kill can cost
_WORDS = ("dataset", "task", "image", "group", "modality", "model", "protocol")

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in _WORDS),
        pa.field("rank", pa.int16(), metadata={"meaning": "1 is the most confident mask"}),
        pa.field("index", pa.int16(), metadata={"meaning": "place in the model's own order"}),
        pa.field("score", pa.float64(), metadata={"meaning": "the model's estimate of the IoU"}),
        pa.field("area", pa.int64(), metadata={"meaning": "pixels of the mask"}),
        pa.field("object_px", pa.int64(), metadata={"meaning": "pixels of the object"}),
        *(pa.field(name, pa.float64(), metadata={"meaning": MEASURES[name]}) for name in MEASURES),
        pa.field("prompt", pa.string(), metadata={"meaning": "compact JSON; points xy, pixels"}),
        pa.field("digest", pa.string(), metadata={"meaning": "of what the case is made of"}),
    ]
)
"""Columns, one row a mask, with their meaning."""


@dataclass(frozen=True, eq=False)
class Ambiguous:
    """One case of Fig. 7.

    Attributes
    ----------
    task, image_id : str
    image : (H, W, 3) uint8
    mask : (H, W) bool
        The object.
    prompt : Prompt
        One point.
    masks : (K, H, W) bool
        Most confident first.
    scores, ious : sequence of float
        The model's own estimate, and the IoU with the object.
    """

    task: str
    image_id: str
    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    prompt: Prompt
    masks: NDArray[np.bool_]
    scores: Sequence[float]
    ious: Sequence[float]


def measure(
    rows: pd.DataFrame,
    dataset: Dataset,
    model: PromptableModel,
    protocol: Protocol,
    folder: Path,
    *,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure every mask of mode 1, one prediction a case; continue what is there.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol: they tell the prompts.
    dataset, model, protocol
        Those that the rows came from.
    folder : Path
        Results folder. The table is kept in ``ambiguity`` below it.
    progress : bool
        A bar on stderr.

    Returns
    -------
    DataFrame
        One row a case and rank: the columns of :data:`SCHEMA`, see
        :data:`medsam.analysis.ambiguity.MEASURES`.

    Raises
    ------
    InputError
        If the rows have no case of mode 1.
    ResultsError
        If the table cannot be read or written, an image is gone, or the masks are not those of
        the rows.
    """
    chosen = _oracle_rows(rows)
    digests = {case.id: case.digest() for case in dataset.cases() if case.id in {*chosen.image}}
    identity = Identity(
        dataset.key,
        model.name,
        protocol.as_dict(),
        model.provenance(),
        seed=0,
        experiments=("ambiguity",),
        surface=False,
        data={**getattr(dataset, "settings", {}), "ambiguity": _VERSION},
    )
    constant = {"dataset": dataset.key, "modality": dataset.modality, "model": model.name}
    constant["protocol"] = protocol.name
    with Store(Path(folder) / "ambiguity", identity, SCHEMA) as store:
        due = [
            image not in digests or not store.is_done(image, task, digests[image])
            for image, task in zip(chosen.image, chosen.task, strict=True)
        ]
        again = replay(chosen[due], dataset, model, protocol, progress=progress)
        found: list[dict[str, Any]] = []
        try:
            for number, (row, sample, (prediction,), _) in enumerate(again, 1):
                about = {"task": row.task, "image": row.image, "group": row.group}
                about |= {"object_px": int(row.object_px), "prompt": row.prompt}
                about |= {"digest": digests[row.image]}
                prompt = Prompt.from_json(row.prompt)
                measures = of_case(sample.image, sample.masks[row.task], prediction, prompt)
                found += [constant | about | one for one in measures]
                if number % _EVERY == 0:
                    store.write(found)
                    found = []
        finally:
            # Ctrl-C as well: what is complete is kept.
            if found:
                store.write(found)
        table = store.read().astype({"rank": int, "index": int})
    table = table[table.image.isin(chosen.image)].sort_values(["task", "image", "rank"])
    return table.reset_index(drop=True)


def examples(
    rows: pd.DataFrame,
    dataset: Dataset,
    model: PromptableModel,
    protocol: Protocol,
    percentile: float = 50,
) -> list[Ambiguous]:
    """A case of each task with all its masks: the one whose top IoU stands at a percentile.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol.
    dataset, model, protocol
        Those that the rows came from. Of the tasks, the first five that have a case are shown.
    percentile : float
        Of the IoU of the most confident mask in mode 1: nobody has chosen the case by eye.

    Raises
    ------
    InputError, ResultsError
        As :func:`measure`.
    """
    oracle, top = _oracle_rows(rows), rows[_mode1(rows, "top")]
    chosen = []
    for task in [task for task in dataset.tasks if (oracle.task == task).any()][:5]:
        image = at_percentile(top[top.task == task], percentile).image
        chosen.append(oracle[(oracle.task == task) & (oracle.image == image)])
    found = {}
    answers = replay(pd.concat(chosen), dataset, model, protocol, progress=False)
    for row, sample, (prediction,), _ in answers:
        order, mask = prediction.ranking, sample.masks[row.task]
        found[row.task] = Ambiguous(
            task=row.task,
            image_id=sample.id,
            image=sample.image,
            mask=mask,
            prompt=Prompt.from_json(row.prompt),
            masks=prediction.masks[order],
            scores=[float(score) for score in prediction.scores[order]],
            ious=[iou(one, mask) for one in prediction.masks[order]],
        )
    return [found[task] for task in dataset.tasks if task in found]


def _mode1(rows: pd.DataFrame, choice: str) -> pd.Series:
    of_mode1 = (rows.experiment == "mode") & (rows.k == 1) & (rows.status == "ok")
    return (of_mode1 & (rows.choice == choice)).fillna(False)


def _oracle_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The oracle's rows of mode 1: a prompt, and the best IoU of its masks."""
    found = rows[_mode1(rows, "oracle")]
    if found.empty:
        raise InputError(
            f"{len(rows)} rows, none of mode 1. Allowed: at least one case of one point. Take "
            "a model that takes points, and data with an object."
        )
    return found
