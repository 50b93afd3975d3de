"""DICOM: image series, masks of one file a slice, and segmentations, as volumes.

pydicom reads the headers, by which slices are checked and put in order by where they lie in the
patient, never by file name or InstanceNumber. SimpleITK reads the pixels of a series, highdicom
files of many frames: enhanced CT and MR, and segmentations.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.readers.volume import LPS_TO_RAS, Volume, error_text
from medsam.errors import DataError

THRESHOLD = 0.5
"""A voxel of a fractional segmentation counts from this part on."""

# Modalities of grids of other things than the picture itself: never slices of a series.
_NO_IMAGES = ("SEG", "RTDOSE", "RTSTRUCT", "RWV", "PR")
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
    segmentation = read_header(path).get("Modality", "") == "SEG"
    return open_segmentation(path) if segmentation else open_series([path])


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
        image, grid = _open_frames(Path(first.filename), name)
        return _of_frames(lambda: np.asarray(image.get_volume().array), grid, name)
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
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(path, imageIO="GDCMImageIO"))[0])
    except RuntimeError as error:
        raise _unreadable(path, error) from error


def _read_pixels(headers: Sequence[Any]) -> NDArray[Any]:
    """(columns, rows, slices) values of files of one picture each, in that order."""
    return np.stack([read_picture(Path(header.filename)).T for header in headers], axis=-1)


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
        into, slice_k = np.linalg.inv(image.affine) @ _affine(header, name), np.eye(4)
        k = round(float(into[2, 3]))
        slice_k[2, 3] = k
        # Where the four corners of the picture fall within the slice, in pixels off.
        off = np.abs(ends @ (into - slice_k).T)[:, :3].max(axis=0)
        fits = (off <= [0.5, 0.5, 0.25]).all() and _shape(header) == (rows, columns)
        if fits and 0 <= k < count and k not in at:
            at[k] = header
        else:
            outside.append(_file(header))
    if outside:
        raise DataError(
            f"{name}: {len(outside)} of {len(headers)} masks lie on no slice of {image.name}, or "
            f"on that of another mask, such as {outside[0]}. Allowed: one mask an image slice, of "
            "its size, position and direction. Add the missing image slices."
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
    name = f"DICOM segmentation {path.name!r}"
    segmentation, grid = _open_frames(path, name, segments=True)
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
        return np.asarray(segments @ np.array(numbers, np.uint16))

    return _of_frames(read, grid, name)


def _open_frames(path: Path, name: str, *, segments: bool = False) -> tuple[Any, Any]:
    """What highdicom makes of a file of many frames, and the grid on which they lie."""
    import highdicom

    try:
        with warnings.catch_warnings(action="ignore"):
            image: Any = (highdicom.seg.segread if segments else highdicom.imread)(path)
            grid = image.get_volume_geometry(allow_missing_positions=segments)
    except Exception as error:  # highdicom and pydicom raise nearly anything on other files
        raise _unreadable(path, error) from error
    if grid is None:
        raise DataError(
            f"{name}: its frames lie on no grid. Allowed: parallel frames, equal gaps apart, in "
            "the patient's coordinates. Export it on the grid of its image."
        )
    return image, grid


def _of_frames(read: Callable[[], NDArray[Any]], grid: Any, name: str) -> Volume:
    """A volume of what highdicom reads, which counts slices, rows, columns in LPS."""
    # It counts slices against their normal, series here along it.
    affine = np.asarray(grid.flip_spatial(0).affine)[:, [2, 1, 0, 3]]
    shape = grid.spatial_shape[::-1]
    return Volume(lambda: read().T[:, :, ::-1], LPS_TO_RAS @ affine, name, shape)


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
            "images, and segmentations. Convert outlines (RTSTRUCT) to masks, as in 3D Slicer."
        )
    series: dict[str, list[Any]] = {}
    for header in headers:
        series.setdefault(str(header.get("SeriesInstanceUID", "")), []).append(header)
    if len(series) > 1:
        listed = "; ".join(
            f"{one.get('SeriesNumber', None)} {one.get('SeriesDescription', '')!r} of "
            f"{1 + len(others)} slices, such as {_file(one)}"
            for one, *others in series.values()
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
    """Tags of a file, without pixels.

    Raises
    ------
    DataError
        If the file is torn, or no DICOM file.
    """
    import pydicom

    try:
        with warnings.catch_warnings(action="ignore"):
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
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
        grids = [(*_shape(one), *(_pixel_size(one) or (1, 1))) for one in (first, header)]
        if not np.allclose(grids[0], grids[1], 1e-3, 0):
            raise DataError(
                f"{name}: {_file(first)} has (rows, columns, mm a row, mm a column) {grids[0]}, "
                f"{_file(header)} {grids[1]}. Allowed: one grid in a series. {_NAME_FILES}"
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
            f"{name}: {_file(headers[0])} and {_file(headers[int(turned.argmax())])} are not "
            f"parallel (ImageOrientationPatient). Allowed: parallel slices. {_NAME_FILES}"
        )
    order = np.argsort(affines[:, :3, 3] @ axes[0, :, 2], kind="stable")
    ordered, places = [headers[i] for i in order], affines[order, :3, 3]
    affine = np.array(affines[order[0]])
    if len(ordered) == 1:
        return ordered, affine
    gaps = np.diff(places @ axes[0, :, 2])
    usual = float(np.median(gaps))
    off = np.where(gaps < _SAME, np.inf, np.abs(gaps - usual))
    if off.max() > 0.01 * usual + _ROUNDED:
        k = int(off.argmax())
        raise DataError(
            f"{name}: {_file(ordered[k])} and {_file(ordered[k + 1])} are {gaps[k]:.2f} mm apart, "
            f"others {usual:.2f} mm. Allowed: one picture a place, equal gaps. {_NAME_FILES}"
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


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(
        f"DICOM {path.name!r} cannot be read ({error_text(error)}). Allowed: complete DICOM files. "
        "Check the path, or download or export it again."
    )
