"""Masks that rows score, as text: COCO's run-length code, which many tools read.

A row holds the ``counts`` of the code; its size stands in the columns ``height`` and ``width``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

from medsam.datasets.sample import Dataset
from medsam.errors import InputError, ResultsError
from medsam.files import atomic
from medsam.regions import Mask
from medsam.results.rows import ORDER, existing, query


def encode(mask: Mask) -> str:
    """Code a (H, W) bool mask.

    Examples
    --------
    >>> encode(np.eye(3, dtype=bool))
    '013000'
    """
    # Column by column, as the code goes; NumPy's own way there takes ten times as long.
    turned = cv2.transpose(np.ascontiguousarray(mask, np.uint8)).T
    found: str = coco.encode(turned)["counts"].decode()
    return found


def decode(counts: str, height: int, width: int) -> Mask:
    """The (H, W) bool mask of a code.

    Examples
    --------
    >>> decode("013000", 3, 3).astype(int).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    size = [int(height), int(width)]
    return np.asarray(coco.decode({"size": size, "counts": counts.encode()}), bool)


def attach(folder: Path | str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the column ``mask``, read from a results folder; others stay on the disk.

    Parameters
    ----------
    folder : path
        Results folder.
    rows : DataFrame
        Some of its rows, with the columns of :data:`medsam.results.rows.ORDER`.

    Raises
    ------
    ResultsError
        If there are no results, or one cannot be read.
    """
    same = " and ".join(f"r.{name} is not distinct from w.{name}" for name in ORDER)
    with query(existing(Path(folder))) as connection:
        connection.register("wanted", rows[[*ORDER]].assign(place=range(len(rows))))
        found = connection.execute(
            f"select w.place, r.mask from wanted w left join rows r on {same} order by w.place"
        ).df()
    return rows.assign(mask=found["mask"].to_list())


def rows_of_prompt(
    folder: Path | str,
    image: str,
    task: str,
    experiment: str,
    k: int,
    choice: str,
    model: str = "",
    protocol: str = "",
) -> pd.DataFrame:
    """The rows of one prompt on an image, or on all images of a patient or volume, with masks.

    Parameters
    ----------
    folder : path
        Results folder.
    image : str
        Id of an image, or of a group.
    task, experiment, k, choice
        As in the columns of the rows; ``choice`` counts where rows have one.
    model, protocol : str
        Needed where there are several.

    Raises
    ------
    InputError
        If there is no such row, or those of several models or protocols.
    ResultsError
        If there are no results, or a row has no mask.
    """
    asked = {"image": image, "task": task, "experiment": experiment, "k": k, "choice": choice}
    with query(existing(Path(folder))) as connection:
        found = connection.execute(
            "select * from rows where status = 'ok' and $image in (image, \"group\") "
            "and task = $task and experiment = $experiment and k = $k "
            "and coalesce(choice, $choice) = $choice "
            "and $model in ('', model) and $protocol in ('', protocol) order by image",
            asked | {"model": model, "protocol": protocol},
        ).df()
        there = connection.execute(
            "select distinct image from rows where status = 'ok' and task = ? order by all", [task]
        )
        images = [name for (name,) in there.fetchall()]
    if found.empty:
        few = ", ".join(images[:8]) + (", …" if len(images) > 8 else "")
        said = ", ".join(f"{name} {value}" for name, value in asked.items())
        raise InputError(f"No row of {said}. Allowed: images of that task: {few or 'none'}.")
    for name in ("model", "protocol"):
        several = sorted(found[name].unique())
        if len(several) > 1:
            raise InputError(f"Rows of several: {', '.join(several)}. Name one with --{name}.")
    of_rows(found)
    return found


def write_png(rows: pd.DataFrame, out: Path) -> None:
    """Write the mask of one row as a picture, 0 and 255.

    Raises
    ------
    InputError
        If there are several rows, or the file does not end in .png.
    """
    if len(rows) != 1 or out.suffix != ".png":
        raise InputError(
            f"{len(rows)} masks into {out.name}. Allowed: one mask into a .png, or the slices of "
            "a volume into a .nii.gz. Name one image, or a NIfTI file."
        )
    (mask,) = of_rows(rows)
    with atomic(out) as temporary:
        Image.fromarray(np.uint8(255) * mask).save(temporary, format="PNG")


def write_nifti(rows: pd.DataFrame, dataset: Dataset, out: Path) -> None:
    """Write masks of slices as one volume with the grid of their image; other slices are 0.

    Parameters
    ----------
    rows : DataFrame
        With masks, of slices of one volume.
    dataset : Dataset
        That which the rows came from.
    out : Path
        Ends in .nii or .nii.gz.

    Raises
    ------
    InputError
        If an image is not in the dataset, or they are not slices of one volume.
    """
    import nibabel

    places = {case.id: case.place for case in dataset.cases()}
    volume: NDArray[np.uint8] | None = None
    for name, mask in zip(rows.image, of_rows(rows), strict=True):
        place = places.get(name)
        if place is None:
            raise InputError(
                f"{name} is no slice of a volume of {dataset.title}. Allowed: slices of the data "
                "that the rows are of. Name it as `medsam run` was told, or write a .png."
            )
        affine, shape, voxels = place()
        if volume is None:
            volume, first = np.zeros(shape, np.uint8), affine
        if volume.shape != shape or not np.allclose(affine, first) or voxels.shape != mask.shape:
            raise InputError(
                f"{name} is a slice of another volume than those before it. Allowed: slices of "
                "one volume. Name its group with --image."
            )
        volume.ravel()[voxels[mask]] = 1
    with atomic(out) as temporary:
        written = temporary.with_name(f"{temporary.name}{''.join(out.suffixes[-2:])}")
        image: Any = nibabel.Nifti1Image  # its functions carry no types
        nibabel.save(image(volume, first), written)
        written.replace(temporary)


def of_rows(rows: pd.DataFrame) -> list[NDArray[np.bool_]]:
    """The masks that rows score, in their order.

    Parameters
    ----------
    rows : DataFrame
        With the column ``mask``; see :func:`attach`.

    Raises
    ------
    ResultsError
        If a row has none; says what to run.
    """
    lacking = rows[rows["mask"].isna()]
    if len(lacking):
        first = lacking.iloc[0]
        raise ResultsError(
            f"{len(lacking)} rows of {first['model']} have no mask, such as {first['task']} on "
            f"{first['image']}. Allowed: rows of `medsam run --keep-masks chosen`. Run it into "
            "a new folder."
        )
    columns = (rows["mask"], rows["height"], rows["width"])
    return [decode(*one) for one in zip(*columns, strict=True)]
