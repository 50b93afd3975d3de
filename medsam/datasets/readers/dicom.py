"""DICOM series as volumes, of which one slice at a time is read.

pydicom reads them. Slices are put in order by where they lie in the patient, never by file name
or InstanceNumber; a file of many frames (enhanced CT, MR) is a series of its frames.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers.volume import Turned, Volume, lay_onto
from medsam.errors import DataError

__all__ = [
    "LPS_TO_RAS",
    "THRESHOLD",
    "Frame",
    "affine_of",
    "axes_of",
    "can_unpack",
    "check_grid",
    "found",
    "frames_of",
    "in_order",
    "is_dicom",
    "no_place",
    "one_series",
    "open_masks",
    "open_seg",
    "open_series",
    "read_pixels",
    "same_place",
]


# One DICOM file: what its header tells of each picture in it, and the pixels of one.


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


# From DICOM files to the ordered slices of one series, with every check of them.


_TURN = 1e-3  # how much direction cosines of one series may differ
_SAME = 1e-3  # mm; nearer than that is the same place
_ROUNDED = 0.01  # mm; positions are often written with two decimals
_JUNK = ("dicomdir", "thumbs.db", "desktop.ini")


def found(source: Path | Sequence[Path]) -> tuple[str, list[Frame]]:
    """What to call a folder or a list of files, and the pictures in them.

    Raises
    ------
    DataError
        If there is no DICOM image.
    """
    if isinstance(source, Path):
        name = f"DICOM folder {source.name!r}"
        paths = _in_folder(source, name)
    else:
        paths = sorted(source)
        if not paths:
            raise DataError("DICOM files: none. Allowed: at least one. Give the files of a series.")
        name = f"DICOM files in {paths[0].parent.name!r}"
    frames = [frame for path in paths for frame in frames_of(path)]
    if not frames:
        raise DataError(
            f"{name}: {len(paths)} DICOM files such as {paths[0].name!r}, none of them an image. "
            "Allowed: CT, MR and other images. Give the folder of the image series."
        )
    return name, frames


def _in_folder(folder: Path, name: str) -> list[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"{name} cannot be listed ({error.strerror or error}). Allowed: a readable folder. "
            "Check the path."
        ) from None
    files = [path for path in inside if path.is_file() and not _junk(path.name)]
    paths = [path for path in files if is_dicom(path)]
    if not paths:
        below = [path.name for path in inside if path.is_dir() and not _junk(path.name)]
        hint = f" One of its folders ({', '.join(below[:5])}) may be meant." * bool(below)
        raise DataError(
            f"{name}: no DICOM file among its {len(files)} files. Allowed: the folder in which "
            f"the files of a series lie. Check the path.{hint}"
        )
    return paths


def _junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK


def one_series(frames: Sequence[Frame], series: str | None, name: str) -> list[Frame]:
    """The pictures of one series, by its number, description or UID where there are several.

    Raises
    ------
    DataError
        If that names none or more than one; lists them.
    """
    groups: dict[str, list[Frame]] = {}
    for frame in frames:
        groups.setdefault(frame.uid, []).append(frame)
    listed = "; ".join(
        f"{each[0].number or '?'} {each[0].about!r} of {len(each)} slices, {uid or 'no UID'}"
        for uid, each in groups.items()
    )
    if series is None:
        if len(groups) > 1:
            raise DataError(
                f"{name}: {len(groups)} series ({listed}). Allowed: one. Name one by its number, "
                "description or UID (series)."
            )
        return list(frames)
    chosen = [
        each
        for uid, each in groups.items()
        if series in (uid, each[0].number.strip(), each[0].about.strip())
    ]
    if len(chosen) != 1:
        what = "no series" if not chosen else f"{len(chosen)} series"
        raise DataError(
            f"{name}: {what} {series!r}. Allowed: the number, description or UID of one of "
            f"{listed}. Name one of these."
        )
    return chosen[0]


def check_grid(frames: Sequence[Frame], name: str) -> None:
    """See that all are grey, of one size, and of a compression that can be unpacked.

    Raises
    ------
    DataError
        If one is not.
    """
    first = frames[0]
    for frame in frames:
        if not frame.photometric.startswith("MONOCHROME"):
            raise DataError(
                f"{name}: {frame.file} holds colours ({frame.photometric}). Allowed: one grey "
                "channel (MONOCHROME1, MONOCHROME2). Take screenshots out, or export it as grey."
            )
        if not can_unpack(frame.syntax):
            raise DataError(
                f"{name}: {frame.file} is compressed ({_syntax(frame.syntax)}), for which there "
                "is no decoder here. Allowed: uncompressed, RLE, JPEG, JPEG-LS or JPEG 2000. "
                "Unpack the files first, for example with gdcmconv --raw or dcmdjpeg."
            )
        if frame.shape != first.shape or not np.allclose(frame.spacing, first.spacing, 1e-3, 0):
            raise DataError(
                f"{name}: {first.file} has {first.shape} pixels (rows, columns) of "
                f"{_mm(first.spacing)} mm, {frame.file} has {frame.shape} of {_mm(frame.spacing)} "
                "mm. Allowed: one grid in a series. Take the scouts out, or give the files of one."
            )


def in_order(frames: Sequence[Frame], name: str) -> tuple[list[Frame], NDArray[np.float64]]:
    """Frames along their normal, and the affine of (columns, rows, slices), RAS+.

    Raises
    ------
    DataError
        If one does not tell where it lies, they are not parallel, two lie at one place, or
        the gaps are not equal.
    """
    for frame in frames:
        if frame.position is None or frame.orientation is None:
            raise no_place(frame, name)
        if np.abs(np.subtract(frame.orientation, frames[0].orientation or ())).max() > _TURN:
            raise DataError(
                f"{name}: {frames[0].file} and {frame.file} lie in different directions "
                f"(ImageOrientationPatient {_mm(frames[0].orientation or ())} and "
                f"{_mm(frame.orientation)}). Allowed: parallel slices. Take the scouts out, or "
                "give the files of one."
            )
    axes = axes_of(frames[0])
    places = np.array([frame.position for frame in frames], np.float64)
    order = np.argsort(places @ axes[:, 2], kind="stable")
    ordered, places = [frames[i] for i in order], places[order]
    if len(ordered) == 1:
        return ordered, affine_of(ordered[0], places[0], axes, ordered[0].thickness)
    heights = places @ axes[:, 2]
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    if gaps.min() < _SAME:
        k = int(gaps.argmin())
        raise same_place(ordered[k : k + 2], name)
    off = np.abs(gaps - usual)
    if off.max() > 0.01 * usual + _ROUNDED:
        k = int(off.argmax())
        missing = round(float(gaps[k]) / usual) - 1
        what = f" (as if {missing} were missing)" if missing > 0 else ""
        raise DataError(
            f"{name}: slices at {heights[k]:.2f} and {heights[k + 1]:.2f} mm ({ordered[k].file}, "
            f"{ordered[k + 1].file}) are {gaps[k]:.2f} mm apart, others {usual:.2f} mm{what}. "
            "Allowed: equal gaps, within 1 %. Download the missing files, or resample the series."
        )
    step = (places[-1] - places[0]) / (len(ordered) - 1)
    aside = np.linalg.norm(places - places[0] - np.outer(np.arange(len(ordered)), step), axis=1)
    if aside.max() > 0.5 * min(ordered[0].spacing):
        raise DataError(
            f"{name}: {ordered[int(aside.argmax())].file} lies {aside.max():.2f} mm beside the "
            "line of the other slices. Allowed: at most half a pixel. Resample the series."
        )
    affine = affine_of(ordered[0], places[0], axes, 1.0)
    affine[:3, 2] = (LPS_TO_RAS[:3, :3] @ step).T  # a tilted gantry shears the stack
    return ordered, affine


def axes_of(frame: Frame) -> NDArray[np.float64]:
    """Columns: where columns, rows and slices run, as unit vectors (LPS)."""
    cosines = np.reshape(np.array(frame.orientation, np.float64), (2, 3))
    return np.stack([*cosines, np.cross(*cosines)], axis=1)


def affine_of(
    frame: Frame, origin: NDArray[np.float64], axes: NDArray[np.float64], gap: float
) -> NDArray[np.float64]:
    """Affine (RAS+) of a picture whose first pixel lies at ``origin`` (LPS, mm)."""
    affine = np.eye(4)
    affine[:3, :3] = axes * [frame.spacing[1], frame.spacing[0], gap]
    affine[:3, 3] = origin
    return np.asarray(LPS_TO_RAS @ affine)


def no_place(frame: Frame, name: str) -> DataError:
    """The error of a picture that does not tell where it lies."""
    what = "" if frame.index is None else " (a film, or frames without a grid)"
    return DataError(
        f"{name}: {frame.file} does not tell where it lies{what}: no ImagePositionPatient or "
        "ImageOrientationPatient. Allowed: slices with both. Take it out, or export the series "
        "with them."
    )


def same_place(frames: Sequence[Frame], name: str) -> DataError:
    """The error of two pictures at one place."""
    return DataError(
        f"{name}: {frames[0].file} and {frames[1].file} lie at one place "
        f"({_mm(frames[0].position or ())} mm). Allowed: one picture a place. Give the files of "
        "one time point, echo or weighting, or take the copies out."
    )


def _mm(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)


def _syntax(uid: str) -> str:
    from pydicom.uid import UID

    return UID(uid).name


_KEPT = 8  # slices in memory: a picture is looked at a few times in a row


def open_series(source: Path | Sequence[Path], *, series: str | None = None) -> Volume:
    """Open the DICOM files of one series; of their pixels nothing is read yet.

    Slices of the series are read one by one. Asked for across it, each would read all files: then
    the pixels are rewritten once into a temporary file in which the slices follow each other (see
    :class:`~medsam.datasets.readers.volume.Turned`).

    Parameters
    ----------
    source : Path, or sequence of Path
        The folder in which the files lie (not those below it), or the files. In a folder,
        DICOM is known by its first bytes or by ``.dcm``; DICOMDIR, hidden files and DICOM
        without pictures (reports, structure sets, segmentations) are passed over.
    series : str, optional
        Which one where there are several: its SeriesInstanceUID, number or description.

    Returns
    -------
    Volume
        (columns, rows, slices) as stored, in order along the normal of the slices; rescaled,
        MONOCHROME1 turned round.

    Raises
    ------
    DataError
        If there is no file, several series, a gap, two slices at one place, slices of
        different sizes or directions, colour, frames without places, or a compression that
        cannot be unpacked. Torn pixels are an error of their slice.
    """
    name, frames = found(source)
    frames = one_series(frames, series, name)
    check_grid(frames, name)
    if len(frames) == 1 and frames[0].position is None:
        ordered, affine = frames, affine_of(frames[0], np.zeros(3), np.eye(3), frames[0].thickness)
    else:
        ordered, affine = in_order(frames, name)
    slices = _Slices(ordered)
    return Volume(slices, affine, name, slices.close)


def open_masks(source: Path | Sequence[Path], like: Volume, *, series: str | None = None) -> Volume:
    """Masks of one 2D DICOM file a slice, laid onto an image series by where they lie.

    Parameters
    ----------
    source, series
        As in :func:`open_series`.
    like : Volume
        The image, as :func:`open_series` gives it.

    Returns
    -------
    Volume
        On the grid of ``like``; slices without a mask file are 0.

    Raises
    ------
    DataError
        As :func:`open_series` (gaps are none of its errors), and if a mask does not lie on a
        slice of the image, pixel for pixel.
    """
    name, frames = found(source)
    frames = one_series(frames, series, name)
    check_grid(frames, name)
    wanted = (like.shape[1], like.shape[0])
    if frames[0].shape != wanted:
        raise DataError(
            f"{name}: masks of {frames[0].shape} (rows, columns), {like.name} has {wanted}. "
            "Allowed: one size. See whether it is the series that the masks were drawn on."
        )
    into = np.linalg.inv(like.affine)
    at: list[Frame | None] = [None] * like.shape[2]
    outside = []
    for frame in frames:
        if frame.position is None or frame.orientation is None:
            raise no_place(frame, name)
        own = affine_of(frame, np.array(frame.position), axes_of(frame), frame.thickness)
        place = into @ own
        k = float(place[2, 3])
        nearest = round(k)
        # Where the four corners of the picture fall within the slice, in pixels off.
        corners = np.array([[i, j, 0, 1] for i in (0, wanted[1] - 1) for j in (0, wanted[0] - 1)])
        off = np.abs((corners @ place.T)[:, :3] - corners[:, :3] - [0, 0, nearest]).max(0)
        if (off[:2] > 0.5).any() or off[2] > 0.25 or not 0 <= nearest < like.shape[2]:
            outside.append(frame.file)
            continue
        twin = at[nearest]
        if twin is not None:
            raise same_place([twin, frame], name)
        at[nearest] = frame
    if outside:
        shown = ", ".join(outside[:4]) + (", …" if len(outside) > 4 else "")
        raise DataError(
            f"{name}: {len(outside)} of {len(frames)} masks lie on no slice of {like.name}: "
            f"{shown}. Allowed: masks with the position and the direction of an image slice. "
            "Add the missing image slices, or take these masks out."
        )
    slices = _Slices(at, wanted)
    return Volume(slices, like.affine, name, slices.close)


class _Slices:
    """(columns, rows, slices), each in a file; 0 where there is none."""

    def __init__(self, frames: Sequence[Frame | None], shape: tuple[int, int] | None = None):
        self._frames = frames
        rows, columns = shape or next(frame.shape for frame in frames if frame)
        self.shape = (columns, rows, len(frames))
        self._pixels = lru_cache(maxsize=_KEPT)(self._read)
        self._turned: Turned | None = None

    def _read(self, k: int) -> NDArray[Any]:
        frame = self._frames[k]
        return np.zeros(self.shape[:2], np.uint8) if frame is None else read_pixels(frame).T

    def __getitem__(self, index: Any, /) -> Any:
        cut = next(axis for axis, at in enumerate(index) if not isinstance(at, slice))
        if cut == 2:
            return self._pixels(int(index[2]))[index[:2]]
        if self._turned is None or self._turned.cut != cut:
            self.close()
            # Slices may differ in type (each has its own slope): float64 holds all of them.
            self._turned = Turned(self._block, self.shape, np.dtype(np.float64), cut)
        return self._turned.slice(int(index[cut]))

    def _block(self, index: Any) -> NDArray[np.float64]:
        """Whole slices, from one to another."""
        numbers = range(index[2].start, index[2].stop)
        block = np.empty((*self.shape[:2], len(numbers)))
        for n, k in enumerate(numbers):
            block[:, :, n] = self._read(k)
        return block

    def close(self) -> None:
        """Let go what is kept."""
        self._pixels.cache_clear()
        if self._turned is not None:
            self._turned.close()
        self._turned = None


# DICOM segmentations (SEG), one volume a segment, laid onto an image.


THRESHOLD = 0.5
"""A voxel of a fractional segmentation counts from this part on."""


def open_seg(
    path: Path, like: Volume, segments: Sequence[int | str] | None = None
) -> list[tuple[int, str, Volume]]:
    """Open a DICOM segmentation.

    Parameters
    ----------
    path : Path
    like : Volume
        The image, onto whose grid the segments are laid by where they lie in the patient.
    segments : sequence of int or str, optional
        Only these, by number or label.

    Returns
    -------
    list of (int, str, Volume)
        Number, label and voxels (0 or 1) of each segment, in the order of their numbers. A
        segment is a volume of its own, since segments may overlap. It is read with its first
        slice.

    Raises
    ------
    DataError
        If the file is missing, torn, no segmentation, not on a grid, or has no such segment;
        with the first slice, if labels lie outside the image.
    """
    name = f"DICOM segmentation {path.name!r}"
    seg = _read(path, name)
    labels = {
        int(number): str(seg.get_segment_description(number).segment_label)
        for number in seg.segment_numbers
        if number != 0  # the background of a label map
    }
    wanted = set(labels) if segments is None else _chosen(labels, segments, name)
    grid = _geometry(seg, name)
    return [
        (
            number,
            label,
            lay_onto(
                Volume(_Voxels(seg, number, grid.spatial_shape), _affine(grid), f"{name}, {label}"),
                like,
            ),
        )
        for number, label in sorted(labels.items())
        if number in wanted
    ]


class _Voxels:
    """Voxels of one segment, (columns, rows, slices), found when the first are asked for."""

    def __init__(self, seg: Any, number: int, shape: Sequence[int]):
        self._seg, self._number = seg, number
        self.shape = tuple(shape)[::-1]
        self._array: NDArray[Any] | None = None

    def __getitem__(self, index: Any, /) -> Any:
        if self._array is None:
            told = self._seg.get_volume(
                segment_numbers=[self._number],
                rescale_fractional=True,
                allow_missing_positions=True,
            )
            self._array = (np.asarray(told.array)[..., 0] >= THRESHOLD).view(np.uint8).T
        return self._array[index]


def _affine(grid: Any) -> NDArray[np.float64]:
    """Of (columns, rows, slices), RAS+; in highdicom slices come first, and it counts in LPS."""
    return np.asarray(LPS_TO_RAS @ np.asarray(grid.affine)[:, [2, 1, 0, 3]])


def _geometry(seg: Any, name: str) -> Any:
    try:
        grid = seg.get_volume_geometry(allow_missing_positions=True)
        why = "its frames are not parallel, or not whole gaps apart"
    except Exception as error:  # highdicom says so in several ways
        grid, why = None, str(error)
    if grid is None:
        raise DataError(
            f"{name}: it lies on no grid ({why}). Allowed: parallel frames, whole slices apart, in "
            "the patient's coordinates. Export it on the grid of its image."
        )
    return grid


def _read(path: Path, name: str) -> Any:
    import highdicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return highdicom.seg.segread(path)
    except OSError as error:
        why = error.strerror or str(error)
    except Exception as error:  # highdicom and pydicom raise nearly anything on other files
        why = f"{type(error).__name__}: {error}"
    raise DataError(
        f"{name} cannot be read ({why}). Allowed: a complete DICOM file of the kind Segmentation. "
        "Check the path, or download or export it again."
    )


def _chosen(labels: Mapping[int, str], segments: Sequence[int | str], name: str) -> set[int]:
    wanted = set()
    for one in segments:
        mine = {number for number, label in labels.items() if one in (number, label)}
        if not mine:
            listed = ", ".join(f"{number} {label!r}" for number, label in sorted(labels.items()))
            raise DataError(
                f"{name}: no segment {one!r}. Allowed: {listed}. Name one of these, by number or "
                "label."
            )
        wanted |= mine
    return wanted
