"""DICOM: image series, masks of one file a slice, and segmentations, as volumes.

pydicom reads the headers, by which slices are checked and put in order by where they lie in the
patient, never by file name or InstanceNumber. SimpleITK reads the pixels of a series, highdicom
files of many frames: enhanced CT and MR, and segmentations.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers.volume import LPS_TO_RAS, Volume, error_text
from medsam.errors import DataError

THRESHOLD = 0.5
"""A voxel of a fractional segmentation counts from this part on."""

_TAGS = [
    "BitsAllocated",
    "Columns",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImagerPixelSpacing",
    "Modality",
    "ModalityLUTSequence",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "Rows",
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SliceThickness",
    "SpacingBetweenSlices",
]
# Modalities of grids of other things than the picture itself: never slices of a series.
_NO_IMAGES = ("SEG", "RTDOSE", "RWV", "PR")
_TURN = 1e-3  # how much direction cosines of one series may differ
_SAME = 1e-3  # mm; nearer than that is the same place
_NAME_FILES = "Name the files of one series in a data file (images: scans/{id}/IM*.dcm)."
_ROUNDED = 0.01  # mm; positions are often written with two decimals


def is_dicom(path: Path) -> bool:
    """Whether it is a DICOM file: by its ending, or else by its first bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM" or path.suffix.lower() == ".dcm"
    except OSError:
        return True  # whoever reads its header tells what is wrong


def open_file(path: Path) -> Volume:
    """Open one DICOM file: a segmentation as its labels, any other as a series of it alone."""
    kind = read_header(path).get("Modality", "")
    if kind == "RTSTRUCT":
        raise DataError(
            f"DICOM {path.name!r} is a structure set (RTSTRUCT), which holds outlines. Allowed: "
            "masks. Convert it to .nii.gz or .seg.nrrd, such as with 3D Slicer."
        )
    return open_segmentation(path) if kind == "SEG" else open_series([path])


def open_series(source: Path | Sequence[Path]) -> Volume:
    """Open the DICOM files of one series; their pixels are read with the first slice.

    Parameters
    ----------
    source : Path, or sequence of Path
        The folder in which the files lie (not those below it), or the files. In a folder,
        DICOM is known by its first bytes or by ``.dcm``; DICOMDIR, hidden files and DICOM
        without pictures (reports, structure sets, segmentations) are passed over.

    Returns
    -------
    Volume
        (columns, rows, slices) as stored, in order along the normal of the slices; rescaled,
        MONOCHROME1 inverted, so that bright is high.

    Raises
    ------
    DataError
        If there is no image, several series, a gap, two slices at one place, slices of
        different sizes or directions, colour, or frames without places.
    """
    name, headers = _images(source)
    first = headers[0]
    if len(headers) == 1 and (_frames(first) > 1 or _kind(first).startswith("Enhanced")):
        return _open_frames(Path(first.filename), name)
    if len(headers) == 1 and _numbers(first, "ImagePositionPatient", 3) is None:
        first.ImagePositionPatient, first.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ordered, affine = _in_order(headers, name)
    shape = (int(first.Columns), int(first.Rows), len(headers))
    unsure = "" if _pixel_size(first) else "its headers tell no size of a pixel"
    return Volume(lambda: _read_pixels(ordered), affine, name, shape, unsure)


def read_picture(path: Path) -> NDArray[Any]:
    """Pixels of a DICOM file of one picture, such as a radiograph or a frame of ultrasound.

    Returns
    -------
    (H, W) or (H, W, 3)
        Grey values, rescaled, MONOCHROME1 inverted; or RGB, from whatever kind of colours.

    Raises
    ------
    DataError
        If it cannot be read, or holds several pictures.
    """
    import SimpleITK

    sitk: Any = SimpleITK  # its functions carry no types
    header = read_header(path)
    if not _is_image(header) or _frames(header) > 1:
        raise DataError(
            f"DICOM {path.name!r}: {_kind(header) or 'no picture'} of {_frames(header)} frames. "
            "Allowed: one picture. Save each frame as a file of its own."
        )
    try:
        image = sitk.ReadImage(str(path), imageIO="GDCMImageIO")
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    return np.asarray(sitk.GetArrayFromImage(image)[0])


def _frames(header: Any) -> int:
    return int(header.get("NumberOfFrames", None) or 1)


def open_masks(source: Path | Sequence[Path], image: Volume, *, flipped: bool = False) -> Volume:
    """Open masks of one 2D DICOM file a slice, and put them where they lie in an image series.

    Parameters
    ----------
    source
        As in :func:`open_series`.
    image : Volume
        As :func:`open_series` gives it.
    flipped : bool
        Give the first place the pixels of the last mask, and so on: for masks that were written
        in the other order than their headers say.

    Returns
    -------
    Volume
        On the grid of ``image``; slices without a mask file are 0.

    Raises
    ------
    DataError
        As :func:`open_series` (gaps are none of its errors), and if a mask does not lie on a
        slice of the image, pixel for pixel.
    """
    name, headers = _images(source)
    columns, rows, count = image.shape
    ends = np.array([(i, j, 0, 1) for i in (0, columns - 1) for j in (0, rows - 1)])
    at: dict[int, Any] = {}
    outside = []
    for header in headers:
        into = np.linalg.inv(image.affine) @ _affine(header, name)
        k = round(float(into[2, 3]))
        # Where the four corners of the picture fall within the slice, in pixels off.
        off = np.abs((ends @ into.T)[:, :3] - ends[:, :3] - [0, 0, k]).max(0)
        if (
            (off > [0.5, 0.5, 0.25]).any()
            or not 0 <= k < count
            or _shape(header) != (rows, columns)
        ):
            outside.append(_file(header))
        elif k in at:
            raise _same_place(at[k], header, name)
        at[k] = header
    if outside:
        raise DataError(
            f"{name}: {len(outside)} of {len(headers)} masks lie on no slice of {image.name}, such "
            f"as {outside[0]}. Allowed: masks with size, position and direction of an image slice. "
            "Add the missing image slices."
        )

    def read() -> NDArray[Any]:
        pixels = _read_pixels([at[k] for k in sorted(at)])
        masks = np.zeros(image.shape, pixels.dtype)
        masks[:, :, sorted(at, reverse=flipped)] = pixels
        return masks

    return Volume(read, image.affine, name, image.shape)


def open_segmentation(path: Path) -> Volume:
    """Open a DICOM segmentation as labels: the number of the segment in each voxel, 0 in none.

    Raises
    ------
    DataError
        If the file is missing, torn, no segmentation, or not on a grid; with the first slice, if
        segments overlap, since a voxel has one label.
    """
    import highdicom

    name = f"DICOM segmentation {path.name!r}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            segmentation: Any = highdicom.seg.segread(path)
            grid = segmentation.get_volume_geometry(allow_missing_positions=True)
    except Exception as error:  # highdicom and pydicom raise nearly anything on other files
        raise _unreadable(path, error) from error
    numbers = [number for number in segmentation.segment_numbers if number != 0]

    def read() -> NDArray[Any]:
        volume = segmentation.get_volume(
            segment_numbers=numbers, rescale_fractional=True, allow_missing_positions=True
        )
        segments = np.asarray(volume.array) >= THRESHOLD
        if (segments.sum(axis=-1) > 1).any():
            raise DataError(
                f"{name}: its segments overlap. Allowed: one segment a voxel. Export each segment "
                "as a file of its own."
            )
        return np.asarray(segments @ np.array(numbers, np.uint16)).T

    return _on_grid(grid, read, name)


def _open_frames(path: Path, name: str) -> Volume:
    import highdicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Any = highdicom.imread(path)
            grid = image.get_volume_geometry()
    except Exception as error:
        raise _unreadable(path, error) from error
    return _on_grid(grid, lambda: np.asarray(image.get_volume().array).T, name)


def _on_grid(grid: Any, read: Any, name: str) -> Volume:
    """A volume where highdicom says, which counts slices, rows, columns in LPS."""
    if grid is None:
        raise DataError(
            f"{name}: its frames lie on no grid. Allowed: parallel frames, equal gaps apart, in "
            "the patient's coordinates. Export it on the grid of its image."
        )
    # It counts slices against their normal, series here along it.
    affine = np.asarray(grid.flip_spatial(0).affine)[:, [2, 1, 0, 3]]
    return Volume(lambda: read()[:, :, ::-1], LPS_TO_RAS @ affine, name, grid.spatial_shape[::-1])


def _read_pixels(headers: Sequence[Any]) -> NDArray[Any]:
    """(columns, rows, slices) values of files of one picture each, in that order."""
    import SimpleITK

    sitk: Any = SimpleITK  # its functions carry no types
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # of gaps, which are checked here
    reader: Any = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([str(header.filename) for header in headers])
    tags = ("RescaleSlope", "RescaleIntercept", "BitsAllocated", "PixelRepresentation")
    if len({tuple(header.get(tag, None) for tag in tags) for header in headers}) > 1:
        reader.SetOutputPixelType(sitk.sitkFloat64)  # else the first file's type is everyone's
    try:
        return np.asarray(sitk.GetArrayFromImage(reader.Execute()).T)
    except RuntimeError:
        for header in headers:  # which of them it was
            try:
                sitk.ReadImage(str(header.filename), imageIO="GDCMImageIO")
            except RuntimeError as error:
                raise _unreadable(Path(header.filename), error) from error
        raise


def _images(source: Path | Sequence[Path]) -> tuple[str, list[Any]]:
    """What an error calls a folder or a list of files, and the headers of its one series."""
    if isinstance(source, Path):
        name, paths = f"DICOM folder {source.name!r}", dicom_files(source)
    else:
        paths = tuple(sorted(source))
        name = f"DICOM files in {paths[0].parent.name!r}"
    headers = [header for path in paths if _is_image(header := read_header(path))]
    if not headers:
        raise DataError(
            f"{name}: {len(paths)} DICOM files, none of them an image. Allowed: CT, MR and other "
            "images. Give the folder in which the files of an image series lie."
        )
    series: dict[str, list[Any]] = {}
    for header in headers:
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append(header)
    if len(series) > 1:
        listed = "; ".join(
            f"{each[0].get('SeriesNumber', None) or '?'} {each[0].get('SeriesDescription', '')!r} "
            f"of {len(each)} slices, such as {_file(each[0])}"
            for each in series.values()
        )
        raise DataError(f"{name}: {len(series)} series ({listed}). Allowed: one. {_NAME_FILES}")
    _check_pixels(headers, name)
    return name, headers


def dicom_files(folder: Path) -> tuple[Path, ...]:
    """The DICOM files of a folder, not of those below it, with whatever ending, in sorted order.

    Raises
    ------
    DataError
        If the folder cannot be listed.
    """
    try:
        return tuple(sorted(path for path in folder.iterdir() if path.is_file() and is_slice(path)))
    except OSError as error:
        raise _unreadable(folder, error) from error


def is_slice(path: Path) -> bool:
    """Whether a file is no hidden one, no index, and DICOM."""
    hidden = path.name.startswith(".") or path.name.upper() == "DICOMDIR"
    return not hidden and is_dicom(path)


def read_header(path: Path) -> Any:
    """Tags of a file of which this module reads some, without pixels.

    Raises
    ------
    DataError
        If the file is torn, or no DICOM file.
    """
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(
                path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS)
            )
            kind = _kind(header)
            if "Rows" in header:
                _shape(header)  # fails if torn there
    except Exception as error:  # pydicom raises nearly anything on a broken header
        raise _unreadable(path, error) from error
    # A torn image must not pass for something that has no picture.
    if "Rows" not in header and ("SOPInstanceUID" not in header or "Image Storage" in kind):
        raise _unreadable(path, EOFError("it is no DICOM file, or its header ends too early"))
    return header


def _kind(header: Any) -> str:
    """Such as "CT Image Storage"; nothing where the file does not tell."""
    uid = header.get("SOPClassUID", None) or header.file_meta.get("MediaStorageSOPClassUID", "")
    return str(getattr(uid, "name", ""))


def _is_image(header: Any) -> bool:
    return "Rows" in header and header.get("Modality", "") not in _NO_IMAGES


def _check_pixels(headers: Sequence[Any], name: str) -> None:
    """See that all are grey and of one size.

    Raises
    ------
    DataError
        If one is not.
    """
    first = headers[0]
    for header in headers:
        colours = str(header.get("PhotometricInterpretation", ""))
        if not colours.startswith("MONOCHROME") or "ModalityLUTSequence" in header:
            raise DataError(
                f"{name}: {_file(header)} holds colours or a lookup table ({colours}). Allowed: "
                "one grey channel. Export it as grey, or as single pictures."
            )
        sizes = [_pixel_size(one) or (1, 1) for one in (first, header)]
        if _shape(header) != _shape(first) or not np.allclose(sizes[0], sizes[1], 1e-3, 0):
            raise DataError(
                f"{name}: {_file(first)} has {_shape(first)} pixels (rows, columns) of "
                f"{_mm(sizes[0])} mm, {_file(header)} {_shape(header)} of {_mm(sizes[1])} mm. "
                f"Allowed: one grid in a series. {_NAME_FILES}"
            )


def _in_order(headers: Sequence[Any], name: str) -> tuple[list[Any], NDArray[np.float64]]:
    """Headers along their normal, and the affine of (columns, rows, slices), RAS+.

    Raises
    ------
    DataError
        If one does not tell where it lies, they are not parallel, two lie at one place, or
        the gaps are not equal.
    """
    affines = np.stack([_affine(header, name) for header in headers])
    axes = affines[:, :3, :3] / np.linalg.norm(affines[:, :3, :3], axis=1, keepdims=True)
    turned = np.abs(axes - axes[0]).max(axis=(1, 2))
    if turned.max() > _TURN:
        raise DataError(
            f"{name}: {_file(headers[0])} and {_file(headers[int(turned.argmax())])} lie in "
            "different directions (ImageOrientationPatient). Allowed: parallel slices. "
            f"{_NAME_FILES}"
        )
    heights = affines[:, :3, 3] @ axes[0, :, 2]
    order = np.argsort(heights, kind="stable")
    ordered, heights, places = [headers[i] for i in order], heights[order], affines[order, :3, 3]
    affine = np.array(affines[order[0]])
    if len(ordered) == 1:
        return ordered, affine
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    if gaps.min() < _SAME:
        k = int(gaps.argmin())
        raise _same_place(ordered[k], ordered[k + 1], name)
    off = np.abs(gaps - usual)
    if off.max() > 0.01 * usual + _ROUNDED:
        k = int(off.argmax())
        missing = round(float(gaps[k]) / usual) - 1
        what = f" (as if {missing} were missing)" if missing > 0 else ""
        raise DataError(
            f"{name}: {_file(ordered[k])} and {_file(ordered[k + 1])} are {gaps[k]:.2f} mm apart, "
            f"others {usual:.2f} mm{what}. Allowed: equal gaps, within 1 %. Download the missing "
            "files, or resample the series."
        )
    step = (places[-1] - places[0]) / (len(ordered) - 1)
    aside = np.linalg.norm(places - places[0] - np.outer(np.arange(len(ordered)), step), axis=1)
    if aside.max() > 0.5 * np.linalg.norm(affine[:3, :2], axis=0).min():
        raise DataError(
            f"{name}: {_file(ordered[int(aside.argmax())])} lies {aside.max():.2f} mm beside the "
            "line of the other slices. Allowed: at most half a pixel. Resample the series."
        )
    affine[:3, 2] = step  # a tilted gantry shears the stack
    return ordered, affine


def _affine(header: Any, name: str) -> NDArray[np.float64]:
    """From (column, row, slice) of one picture to mm, RAS+.

    Raises
    ------
    DataError
        If it does not tell where it lies.
    """
    place = _numbers(header, "ImagePositionPatient", 3)
    cosines = _numbers(header, "ImageOrientationPatient", 6)
    if place is None or cosines is None:
        raise DataError(
            f"{name}: {_file(header)} does not tell where it lies (ImagePositionPatient, "
            f"ImageOrientationPatient). Allowed: slices with both. {_NAME_FILES}"
        )
    rows, columns = _pixel_size(header) or (1.0, 1.0)
    gap = header.get("SpacingBetweenSlices", None) or header.get("SliceThickness", None) or 1
    right, down = np.reshape(cosines, (2, 3))
    affine = np.eye(4)
    affine[:3, :3] = np.stack([right, down, np.cross(right, down)], 1)
    affine[:3, :3] *= [columns, rows, abs(float(gap))]
    affine[:3, 3] = place
    return np.asarray(LPS_TO_RAS @ affine)


def _pixel_size(header: Any) -> tuple[float, ...] | None:
    """(row, column) in mm; none where the header tells none, or 0."""
    for tag in ("PixelSpacing", "ImagerPixelSpacing"):
        size = _numbers(header, tag, 2)
        if size and min(size) > 0:
            return size
    return None


def _numbers(header: Any, name: str, count: int) -> tuple[float, ...] | None:
    try:
        values = tuple(float(value) for value in header.get(name, None))
    except (TypeError, ValueError):  # none, or a torn header
        return None
    return values if len(values) == count and np.isfinite(values).all() else None


def _shape(header: Any) -> tuple[int, int]:
    return int(header.Rows), int(header.Columns)


def _file(header: Any) -> str:
    return repr(Path(header.filename).name)


def _mm(values: Sequence[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)


def _same_place(one: Any, other: Any, name: str) -> DataError:
    return DataError(
        f"{name}: {_file(one)} and {_file(other)} lie at one place. Allowed: one picture a place. "
        f"{_NAME_FILES}"
    )


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"DICOM {path.name!r} cannot be read ({error_text(error)}). Allowed: complete DICOM files. "
        "Check the path, or download or export it again."
    )
