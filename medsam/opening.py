"""Which cases a reader can open from the plot of object sizes."""

from __future__ import annotations

import pandas as pd

from medsam.sizes import MODES_SHOWN

__all__ = ["IMAGES", "opening"]

IMAGES = 8
"""At most so many images are shown to the model again; all their objects open a picture."""


def opening(rows: pd.DataFrame, images: int = IMAGES) -> pd.DataFrame:
    """Rows of a few images that have, between them, small, middling and large objects.

    The objects of each task, from the smallest to the largest, fall into three parts of equal
    count. Image after image is taken, each time the one with most parts that no image has yet
    (of equal ones the first by name), until every part has one or there are enough. A model
    reads an image once for all its objects: few images give many pictures.

    Parameters
    ----------
    rows : DataFrame
        Results of one dataset, model and protocol.
    images : int
        At most so many.

    Returns
    -------
    DataFrame
        Rows of modes 2 and 4, both choices of mask, with a column ``percentile`` (0: none), for
        :func:`medsam.examples.predict_again`.
    """
    kept = rows[(rows.experiment == "mode") & rows.k.isin(MODES_SHOWN) & rows.iou.notna()]
    kept = kept[(kept.status == "ok") & (kept.object_px > 0)]
    once = kept.drop_duplicates(["task", "image"]).sort_values(
        ["object_px", "image"], kind="stable"
    )
    of_task = once.groupby("task", sort=False)
    third = (3 * of_task.cumcount()) // of_task["image"].transform("size")
    parts: dict[str, set[tuple[str, int]]] = {}
    for task, image, part in zip(once.task, once.image, third, strict=True):
        parts.setdefault(image, set()).add((task, int(part)))
    missing = set().union(*parts.values())
    taken: list[str] = []
    while missing and len(taken) < images:
        best = max(sorted(parts), key=lambda image: len(parts[image] & missing))
        missing -= parts[best]
        taken.append(best)
    return kept[kept.image.isin(taken)].assign(percentile=0)
