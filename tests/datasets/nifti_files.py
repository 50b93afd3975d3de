"""A small asymmetric body with two objects, written as NIfTI in whatever way a scanner might."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff

SHAPE = (7, 6, 5)
"""Of the body, right to left by posterior to anterior by inferior to superior."""

SPACING = (0.5, 0.75, 3.0)

ORIENTATIONS = [
    np.array(list(zip(axes, flips, strict=True)))
    for axes in permutations(range(3))
    for flips in product((1, -1), repeat=3)
]
"""The 48 ways to store one volume: axis and direction of each axis of the body."""


def body() -> np.ndarray:
    """(7, 6, 5) int16 from left, posterior, inferior on (RAS+); no two slices are alike."""
    return np.random.default_rng(3).integers(1, 1000, SHAPE).astype(np.int16)


def objects() -> np.ndarray:
    """(7, 6, 5) uint8: 1 is an L of 4 x 3 columns, 2 a bar; they differ in every plane."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:5, 1, 1:4] = 1
    labels[1, 1:4, 1:4] = 1
    labels[6, 0:5, 2:] = 2
    return labels


def affine(spacing: tuple[float, ...] = SPACING, turn: float = 0.1) -> np.ndarray:
    """Of the body: anisotropic, turned a little about two axes, away from the origin."""
    c, s = np.cos(turn), np.sin(turn)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    out = np.eye(4)
    out[:3, :3] = about_z @ about_x @ np.diag(spacing)
    out[:3, 3] = (-20, 30, -7)
    return out


def stored(array: np.ndarray, grid: np.ndarray, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same anatomy in another order of axes and directions, and its affine."""
    return apply_orientation(array, way), grid @ inv_ornt_aff(way, array.shape)


def write(
    path: Path, array: np.ndarray, grid: np.ndarray | None = None, *, slope=None, inter=None
) -> Path:
    """A NIfTI-1 file, its dtype and byte order those of the array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.asarray(array)
    header = nibabel.Nifti1Header(endianness=">" if array.dtype.str[0] == ">" else "<")
    header.set_data_dtype(array.dtype)
    image = nibabel.Nifti1Image(array, affine() if grid is None else grid, header)
    if slope is None:
        nibabel.save(image, path)
        return path
    # Stored numbers as they are, with a scale beside them.
    image.header.set_slope_inter(slope, inter)
    image.header["magic"], image.header["vox_offset"] = b"n+1", 352
    path.write_bytes(image.header.binaryblock + bytes(4) + array.tobytes("F"))
    return path


def write_pair(folder: Path, stem: str, image=None, labels=None) -> None:
    """``imagesTr/<stem>`` and ``labelsTr/<stem>``, as the Decathlon has them."""
    write(folder / f"imagesTr/{stem}.nii.gz", body() if image is None else image)
    write(folder / f"labelsTr/{stem}.nii.gz", objects() if labels is None else labels)
