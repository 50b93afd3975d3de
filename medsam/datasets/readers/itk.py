"""NRRD and MetaImage files (.nrrd, .nhdr, .mha, .mhd), read by SimpleITK, and Slicer's segments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers.volume import LPS_TO_RAS, Volume, error_text
from medsam.errors import DataError

SUFFIXES = (".mha", ".mhd", ".nhdr", ".nrrd")
"""Endings of these files, in any case of letters."""


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
    """Open a NRRD or MetaImage file; its pixels are read with the first slice.

    Parameters
    ----------
    path : Path
    layer : int, optional
        Which layer of a Slicer segmentation of several, from 0.

    Returns
    -------
    Volume
        A 2D image is a volume of one slice.

    Raises
    ------
    DataError
        If the file is missing, unreadable, of another kind, or holds several images and none is
        named. Torn data are an error of the first slice.
    """
    name, reader = _header(path)
    size = tuple(int(n) for n in reader.GetSize())
    layers = int(reader.GetNumberOfComponents())
    chosen = 0 if layer is None and layers == 1 else layer
    if len(size) not in (2, 3) or chosen is None or chosen >= layers:
        raise DataError(
            f"{name}: size {size} with {layers} layers or channels. Allowed: two or three "
            "dimensions, one layer. Save each image as a file of its own."
        )
    dimensions = len(size)
    affine = np.eye(4)  # a 2D image lies on the plane through 0
    direction = np.reshape(reader.GetDirection(), (dimensions, dimensions))
    affine[:dimensions, :dimensions] = direction * reader.GetSpacing()
    affine[:dimensions, 3] = reader.GetOrigin()
    shape = (*size, 1)[:3]

    def read() -> NDArray[Any]:
        import SimpleITK

        sitk: Any = SimpleITK  # its functions carry no types
        # ITK's arrays run the other way: z, y, x (, layer).
        array = sitk.GetArrayFromImage(reader.Execute())
        return np.asarray((array[..., chosen] if layers > 1 else array).T.reshape(shape))

    unsure = "" if _tells_size(path) else "its header tells no size of a voxel"
    return Volume(read, LPS_TO_RAS @ affine, name, shape, unsure)


def _tells_size(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(2**16).lower()
    words = rb"^(?:space directions|spacings|elementspacing|elementsize)\b"
    return re.search(words, head, re.MULTILINE) is not None


def segments_of(path: Path) -> list[Segment]:
    """The structures of a 3D Slicer segmentation (.seg.nrrd), by their number in its header.

    Files of before Slicer 4.11 tell no values and layers: each structure is 1 in a layer of
    its own.

    Raises
    ------
    DataError
        If the file cannot be read, or its header tells no structures.
    """
    name, reader = _header(path)
    told = {key: reader.GetMetaData(key).strip() for key in reader.GetMetaDataKeys()}
    numbers = {int(found[1]) for key in told if (found := re.match(r"Segment(\d+)_", key))}
    if not numbers:
        raise DataError(
            f"{name}: its header names no segments. Allowed: a segmentation as 3D Slicer saves it "
            "(Segment0_Name, Segment0_LabelValue). Save it from Slicer again."
        )
    segments = []
    for number in sorted(numbers):
        label, value, layer = (
            told.get(f"Segment{number}_{key}", "") for key in ("Name", "LabelValue", "Layer")
        )
        old = not value and reader.GetNumberOfComponents() > 1
        try:
            values = int(value or 1), int(layer or (number if old else 0))
        except ValueError:
            raise DataError(
                f"{name}: segment {number} has label value {value!r} in layer {layer!r}. "
                "Allowed: whole numbers. Mend its header, or save it from Slicer again."
            ) from None
        segments.append(Segment(label or f"Segment {number}", *values))
    return segments


def _header(path: Path) -> tuple[str, Any]:
    """What an error calls the file, and SimpleITK's reader of it with its header read."""
    import SimpleITK

    sitk: Any = SimpleITK  # its functions carry no types
    kind = "NRRD" if path.suffix.lower() in (".nrrd", ".nhdr") else "MetaImage"
    reader: Any = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    # By name: ITK's own guess would try every format it knows, and name the last one.
    reader.SetImageIO("NrrdImageIO" if kind == "NRRD" else "MetaImageIO")
    try:
        path.open("rb").close()  # ITK's words for a missing file say less
        reader.ReadImageInformation()
    except Exception as error:
        raise DataError(
            f"{kind} {path.name!r} cannot be read ({error_text(error)}). Allowed: a complete "
            f"{kind} file. Check the path, or download or export it again."
        ) from error
    return f"{kind} {path.name!r}", reader
