"""One DICOM file: what its header tells of each picture in it, and the pixels of one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError

__all__ = ["LPS_TO_RAS", "Frame", "can_unpack", "frames_of", "is_dicom", "read_pixels"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM and ITK count to the patient's left and posterior, affines here to right and anterior."""

_TAGS = [
    "Columns",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImagerPixelSpacing",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PhotometricInterpretation",
    "PixelSpacing",
    "Rows",
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SharedFunctionalGroupsSequence",
    "SliceThickness",
    "SpacingBetweenSlices",
]
# Grids of other things than the picture itself: never slices of a series.
_NO_IMAGES = ("Segmentation", "RT Dose", "Parametric Map", "Presentation State")
# pydicom decodes most; GDCM (inside SimpleITK) also lossless and 12-bit JPEG.
_GDCM_TOO = {f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70)}


@dataclass(frozen=True)
class Frame:
    """One picture of a DICOM file.

    Attributes
    ----------
    path : Path
    index : int or None
        Which frame of a multi-frame file, from 0; ``None`` in a file of one picture.
    uid, number, about : str
        Of its series: SeriesInstanceUID, SeriesNumber, SeriesDescription.
    shape : (int, int)
        Rows, columns.
    photometric, syntax : str
        PhotometricInterpretation; UID of the transfer syntax.
    position, orientation : tuple of float or None
        ImagePositionPatient (3 values, mm, LPS) and ImageOrientationPatient (6).
    spacing : (float, float)
        Between rows and between columns in mm; 1 where the file does not tell.
    thickness : float
        Between slices in mm, for a series of one slice; 1 where the file does not tell.
    rescale : (float, float) or None
        Slope and intercept of this frame; ``None``: the file's own.
    bare : bool
        No file meta information: the transfer syntax is a guess.
    """

    path: Path
    index: int | None
    uid: str
    number: str
    about: str
    shape: tuple[int, int]
    photometric: str
    syntax: str
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float]
    thickness: float
    rescale: tuple[float, float] | None
    bare: bool

    @property
    def file(self) -> str:
        """What an error calls it."""
        return repr(self.path.name) + ("" if self.index is None else f" frame {self.index}")


def is_dicom(path: Path) -> bool:
    """Whether it is a DICOM file: by its first bytes, or else by its ending.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM" or path.suffix.lower() == ".dcm"
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None


def frames_of(path: Path) -> list[Frame]:
    """The pictures of a file, without their pixels; none if it is DICOM and no image.

    Raises
    ------
    DataError
        If it cannot be read, or is not DICOM.
    """
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS)
            )
            return _frames(path, dataset)
    except DataError:
        raise
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except Exception as error:  # pydicom raises nearly anything on a broken header
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error


def read_pixels(frame: Frame) -> NDArray[Any]:
    """Pixels of one picture, (rows, columns), rescaled; bright is high (MONOCHROME1 inverted).

    Raises
    ------
    DataError
        If they are torn, or compressed in a way that cannot be unpacked.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = _decoded(frame)
    except Exception as error:  # as many ways as there are decoders
        why = " ".join(str(error).split())
        raise DataError(
            f"DICOM file {frame.file}: its pixels cannot be read ({type(error).__name__}: {why}). "
            "Allowed: complete pixel data. Download or export it again."
        ) from error
    if array.shape != frame.shape:
        raise DataError(
            f"DICOM file {frame.file}: pixels of shape {array.shape}, its header tells "
            f"{frame.shape}. Allowed: one channel of that shape. Export it again."
        )
    return array


def can_unpack(syntax: str) -> bool:
    """Whether pixels of that transfer syntax can be unpacked here."""
    import pydicom.pixels

    pixels: Any = pydicom.pixels  # it exports these without saying so
    try:
        return syntax in _GDCM_TOO or bool(pixels.get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _decoded(frame: Frame) -> NDArray[Any]:
    import pydicom.pixels

    pixels: Any = pydicom.pixels
    known = {"transfer_syntax_uid": frame.syntax} if frame.bare else {}
    source: Any = frame.path
    told = pydicom.Dataset()
    if frame.syntax == pydicom.uid.DeflatedExplicitVRLittleEndian:
        source = told = pydicom.dcmread(frame.path)  # from a path, these are not inflated
    try:
        stored = pixels.pixel_array(source, index=frame.index or 0, ds_out=told, **known)
    except Exception:
        if frame.syntax in _GDCM_TOO and frame.index is None:
            return _by_gdcm(frame.path)
        raise
    if frame.photometric == "MONOCHROME1":
        bits = int(told.BitsStored)
        signed = int(told.PixelRepresentation)
        ends = (1 << bits) - 1 if not signed else -1  # lowest + highest value that can be stored
        stored = (ends - stored.astype(np.int64)).astype(stored.dtype)
    if frame.rescale is None:
        return np.asarray(pixels.apply_modality_lut(stored, told))
    slope, intercept = frame.rescale
    return np.asarray(stored if (slope, intercept) == (1, 0) else stored * slope + intercept)


def _by_gdcm(path: Path) -> NDArray[Any]:
    """GDCM applies the rescale and turns MONOCHROME1 round by itself."""
    import SimpleITK as sitk  # noqa: N813 (its own usual name)

    return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0])


def _frames(path: Path, dataset: Any) -> list[Frame]:
    meta = dataset.file_meta
    told = dataset.get("SOPClassUID", None) or meta.get("MediaStorageSOPClassUID", "")
    kind = getattr(told, "name", "")
    if not kind and "Rows" not in dataset:
        raise DataError(
            f"File {path.name!r} is not DICOM. Allowed: DICOM files. Take it out, or download or "
            "export it again."
        )
    if "Rows" not in dataset:
        # A torn image must not pass for something that has no picture.
        whole = "SOPInstanceUID" in dataset or kind == "Media Storage Directory Storage"
        if "Image Storage" in kind or not whole:
            raise _unreadable(path, f"the header of its {kind} ends too early")
    if "Rows" not in dataset or any(word in kind for word in _NO_IMAGES):
        return []
    syntax = meta.get("TransferSyntaxUID", None)
    implicit = bool(dataset.original_encoding[0])
    count = int(dataset.get("NumberOfFrames", None) or 1)
    enhanced = "PerFrameFunctionalGroupsSequence" in dataset
    if enhanced:
        count = len(dataset.PerFrameFunctionalGroupsSequence)

    def one(index: int) -> Frame:
        if enhanced:
            told, position, orientation, rescale = _of_groups(dataset, index)
        else:
            told, rescale = dataset, None
            position = _numbers(dataset, "ImagePositionPatient", 3)
            orientation = _numbers(dataset, "ImageOrientationPatient", 6)
        spacing = _numbers(told, "PixelSpacing", 2) or _numbers(dataset, "ImagerPixelSpacing", 2)
        thick = told.get("SpacingBetweenSlices", None) or told.get("SliceThickness", None)
        return Frame(
            path,
            index if count > 1 or enhanced else None,
            str(dataset.get("SeriesInstanceUID", "")),
            str(dataset.get("SeriesNumber", None) or ""),
            str(dataset.get("SeriesDescription", "")),
            (int(dataset.Rows), int(dataset.Columns)),
            str(dataset.get("PhotometricInterpretation", "")),
            str(syntax or ("1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1")),
            position,
            orientation,
            (spacing[0], spacing[1]) if spacing else (1.0, 1.0),
            abs(float(thick or 1)),
            rescale,
            syntax is None,
        )

    return [one(index) for index in range(count)]


def _of_groups(dataset: Any, index: int) -> tuple[Any, Any, Any, tuple[float, float]]:
    """Measures, position, orientation and rescale of a frame of an enhanced file."""
    from pydicom import Dataset

    groups = [dataset.PerFrameFunctionalGroupsSequence[index]]
    groups += list(dataset.get("SharedFunctionalGroupsSequence", None) or [])

    def group(name: str) -> Any:
        return next((one[name].value[0] for one in groups if one.get(name, None)), Dataset())

    change = group("PixelValueTransformationSequence")
    return (
        group("PixelMeasuresSequence"),
        _numbers(group("PlanePositionSequence"), "ImagePositionPatient", 3),
        _numbers(group("PlaneOrientationSequence"), "ImageOrientationPatient", 6),
        (float(change.get("RescaleSlope", 1)), float(change.get("RescaleIntercept", 0))),
    )


def _numbers(dataset: Any, name: str, count: int) -> tuple[float, ...] | None:
    found = dataset.get(name, None)
    if found is None or isinstance(found, str) or not hasattr(found, "__len__"):
        return None
    values = tuple(float(value) for value in found)
    return values if len(values) == count and np.isfinite(values).all() else None


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"DICOM file {path.name!r} cannot be read ({why}). Allowed: a complete, readable file. "
        "Check the path, or download or export it again."
    )
