"""From DICOM files to the ordered slices of one series, with every check of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsam.datasets._dicom import LPS_TO_RAS, Frame, can_unpack, frames_of, is_dicom
from medsam.errors import DataError

__all__ = [
    "affine_of",
    "axes_of",
    "check_grid",
    "found",
    "in_order",
    "no_place",
    "one_series",
    "same_place",
]

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
