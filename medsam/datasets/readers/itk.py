"""NRRD and MetaImage files (.nrrd, .nhdr, .mha, .mhd), and the segments of 3D Slicer.

SimpleITK reads them. The header is read when a file is opened, the pixels with the first slice:
all at once, since a packed file knows no other way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers.dicom import LPS_TO_RAS
from medsam.datasets.readers.volume import Volume, lay_onto
from medsam.errors import DataError

__all__ = ["SUFFIXES", "Segment", "lay_onto", "open_itk", "segments_of"]

SUFFIXES = (".mha", ".mhd", ".nhdr", ".nrrd")
"""Endings of these files, in any case of letters."""

_DETACHED = re.compile(rb"^(?:ElementDataFile\s*=|data ?file\s*:)[ \t]*([^\r\n]+)", re.M | re.I)


@dataclass(frozen=True)
class Segment:
    """One structure of a 3D Slicer segmentation.

    Attributes
    ----------
    name : str
        As its author wrote it.
    value : int
        Its label value within the layer.
    layer : int
        Which layer of the file holds it, from 0; structures of one layer do not overlap.
    """

    name: str
    value: int
    layer: int


def open_itk(path: Path, *, layer: int | None = None) -> Volume:
    """Open a NRRD or MetaImage file.

    Parameters
    ----------
    path : Path
    layer : int, optional
        Which image of a file of several (layers of a segmentation, channels, time points),
        from 0.

    Returns
    -------
    Volume
        A 2D image is a volume of one slice.

    Raises
    ------
    DataError
        If the file is missing, unreadable, of another kind, its data lie in a file that is not
        there, or it holds several images and no layer is named. Torn data are an error of the
        first slice that is asked for.
    """
    name = f"{_kind(path)} {path.name!r}"
    reader = _header(path, name)
    size = tuple(int(n) for n in reader.GetSize())
    dimensions, parts = len(size), int(reader.GetNumberOfComponents())
    if dimensions not in (2, 3, 4) or (dimensions == 4 and parts > 1):
        raise DataError(
            f"{name}: size {size} with {parts} values a pixel. Allowed: two or three dimensions, "
            "or four with the images along one of them. Save each image as a file of its own."
        )
    count = size[3] if dimensions == 4 else parts
    if layer is None and count == 1:
        layer = 0
    if layer is None or not 0 <= layer < count:
        raise DataError(
            f"{name}: {count} images in one file, asked for number {layer}. Allowed: one of 0 to "
            f"{count - 1}. Name one (layer), or save it as a file of its own."
        )
    affine = np.eye(4)
    within = min(dimensions, 3)  # a 2D image lies on the plane through 0
    direction = np.reshape(reader.GetDirection(), (dimensions, dimensions))
    affine[:within, :within] = (direction * reader.GetSpacing())[:within, :within]
    affine[:within, 3] = reader.GetOrigin()[:within]
    shape = (*size[:within], 1)[:3]
    return Volume(_Read(path, name, shape, layer, parts), LPS_TO_RAS @ affine, name)


def segments_of(path: Path) -> list[Segment]:
    """The structures of a 3D Slicer segmentation (.seg.nrrd), by their number in its header.

    Files of before Slicer 4.11 tell no values and layers: each structure is 1 in a layer of
    its own.

    Raises
    ------
    DataError
        If the file cannot be read, or its header tells no structures.
    """
    name = f"{_kind(path)} {path.name!r}"
    reader = _header(path, name)
    told = {str(key): str(reader.GetMetaData(key)).strip() for key in reader.GetMetaDataKeys()}
    numbers = {int(m[1]) for key in told if (m := re.fullmatch(r"Segment(\d+)_\w+", key))}
    if not numbers:
        raise DataError(
            f"{name}: its header names no segments. Allowed: a segmentation as 3D Slicer saves it "
            "(Segment0_Name, Segment0_LabelValue). Say the label values by hand, or save it from "
            "Slicer again."
        )
    segments = []
    for number in sorted(numbers):
        mine = {key: told.get(f"Segment{number}_{key}") for key in ("Name", "LabelValue", "Layer")}
        old = mine["LabelValue"] is None and int(reader.GetNumberOfComponents()) > 1
        try:
            value = int(mine["LabelValue"] or 1)
            layer = int(mine["Layer"] or (number if old else 0))
        except ValueError:
            raise DataError(
                f"{name}: segment {number} has label value {mine['LabelValue']!r} in layer "
                f"{mine['Layer']!r}. Allowed: whole numbers. Mend its header, or save it from "
                "Slicer again."
            ) from None
        segments.append(Segment(mine["Name"] or f"Segment {number}", value, layer))
    return segments


class _Read:
    """Pixels of one image of a file, read when the first of them is asked for."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], layer: int, parts: int):
        self._path, self._name, self._layer, self._parts = path, name, layer, parts
        self.shape = shape
        self._array: NDArray[Any] | None = None

    def __getitem__(self, index: Any, /) -> Any:
        if self._array is None:
            self._array = self._pixels()
        return self._array[index]

    def _pixels(self) -> NDArray[Any]:
        import SimpleITK as sitk  # noqa: N813 (its own usual name)

        try:
            image = sitk.ReadImage(str(self._path))
        except Exception as error:  # ITK raises RuntimeError for everything
            raise DataError(
                f"{self._name}: its data cannot be read ({_last_line(error)}). Allowed: complete "
                "data. Download or export it again."
            ) from error
        # ITK's arrays run the other way: (t,) z, y, x (, component).
        array = np.asarray(sitk.GetArrayFromImage(image))
        if self._parts > 1:
            array = array[..., self._layer]
        elif array.ndim == 4:
            array = array[self._layer]
        return np.ascontiguousarray(array).T.reshape(self.shape)


def _kind(path: Path) -> str:
    return "NRRD" if path.suffix.lower() in (".nrrd", ".nhdr") else "MetaImage"


def _header(path: Path, name: str) -> Any:
    """SimpleITK's reader of that file, with its header read."""
    import SimpleITK

    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"File {path.name!r} ends in {path.suffix!r}. Allowed: {', '.join(SUFFIXES)}. "
            "Rename it if it is one of these, or export it as one."
        )
    try:
        with open(path, "rb") as file:
            start = file.read(1 << 16)
    except OSError as error:
        raise DataError(
            f"{name} cannot be read ({error.strerror or error}). Allowed: a readable file. "
            "Check the path."
        ) from None
    _check_detached(path, name, start)
    sitk: Any = SimpleITK  # its functions carry no types
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    # By name: ITK's own guess would try every format it knows, and name the last one.
    reader.SetImageIO("NrrdImageIO" if name.startswith("NRRD") else "MetaImageIO")
    try:
        reader.ReadImageInformation()
    except Exception as error:  # ITK raises RuntimeError for everything
        raise DataError(
            f"{name} cannot be read ({_last_line(error)}). Allowed: a complete {_kind(path)} file. "
            "Download or export it again."
        ) from error
    return reader


def _check_detached(path: Path, name: str, start: bytes) -> None:
    """Where the data lie in a file of its own, see that it is there."""
    match = _DETACHED.search(start.split(b"\n\n")[0].split(b"\r\n\r\n")[0])
    if match is None:
        return
    other = match[1].decode("utf-8", "replace").strip()
    # Patterns (%03d) and lists name many files; ITK tells which of these is missing.
    if other.upper() in ("LOCAL",) or other.upper().startswith("LIST") or "%" in other:
        return
    if not (path.parent / other).is_file():
        raise DataError(
            f"{name}: its data should lie in {other!r} beside it, which is not there. Allowed: "
            "both files in one folder, under their first names. Copy it there, or undo the "
            "renaming."
        )


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
