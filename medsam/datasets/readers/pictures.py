"""Pixels of one 2D image file, as they are stored. Every failure is a DataError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.labels import whole_numbers
from medsam.errors import DataError

__all__ = ["MAX_VALUES", "SUFFIXES", "read_image", "read_labels", "read_values"]

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
"""Files that are read as images, in any case of letters."""

MAX_VALUES = 32
"""More distinct values than this in a mask are taken for compression noise."""

_JPEG = (".jpeg", ".jpg")


def read_image(path: Path) -> NDArray[Any]:
    """Pixels of an image: (H, W), (H, W, 3) or (H, W, 4), bit depth kept.

    Palettes, CMYK and the like become 8-bit RGB; grey with alpha becomes grey. Rotation
    flags (EXIF) are not applied, since masks do not carry them.

    Raises
    ------
    DataError
        If the file cannot be read, or holds more than one picture.
    """
    return _read(path, indices=False)


def read_labels(path: Path) -> NDArray[np.int64]:
    """Label values of a mask file.

    Palette images give their indices, three equal channels are grey, alpha is dropped,
    and 255 means 1.

    Returns
    -------
    (H, W) int64
        0 for the background, at most :data:`MAX_VALUES` other values.

    Raises
    ------
    DataError
        If the file cannot be read, or its values are not labels.
    """
    name = f"Mask {path.name!r}"
    array = _read(path, indices=True)
    if array.ndim == 3:
        array = array[..., :3]
        if (array != array[..., :1]).any():
            raise DataError(
                f"{name}: a colour image whose channels differ. Allowed: one channel, or three "
                "equal ones. Save the labels 1..n as a grey or palette PNG."
            )
        array = array[..., 0]
    labels = whole_numbers(array, name).astype(np.int64)
    values = np.unique(labels)
    if values[0] < 0:
        raise DataError(
            f"{name}: values from {values[0]} to {values[-1]}. Allowed: 0 for the background "
            "and 1..n. Renumber the labels."
        )
    values = values[values > 0]
    # A lossy file cannot keep several labels apart, however few values it happens to hold.
    noisy = path.suffix.lower() in _JPEG and len(values) > 1
    if len(values) > MAX_VALUES or noisy:
        most = 1 if noisy else MAX_VALUES
        raise DataError(
            f"{name}: {len(values)} distinct values other than 0, from {values[0]} to "
            f"{values[-1]}: this looks like compression noise. Allowed: at most {most}"
            f"{' in a JPEG' if noisy else ''}. Threshold the mask and save it as PNG."
        )
    if 1 in values and 255 in values:
        raise DataError(
            f"{name}: values 1 and 255 together. Allowed: either, since 255 means 1. "
            "Renumber the labels 1..n, or threshold the mask if these are compression noise."
        )
    labels[labels == 255] = 1
    return labels


def read_values(path: Path) -> NDArray[Any]:
    """Stored values of a mask file, of whatever kind: (H, W).

    For masks whose rule is known: palette images give their indices, of a colour image the
    brightest channel counts, alpha is dropped.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    array = _read(path, indices=True)
    return np.asarray(array[..., :3].max(axis=2)) if array.ndim == 3 else array


def _read(path: Path, *, indices: bool) -> NDArray[Any]:
    what = "Mask" if indices else "Image"
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            array = _read_tiff(path, indices)
        else:
            array = _read_pillow(path, indices)
    except DataError:
        raise
    except Exception as error:  # decoders raise nearly anything on a broken file
        raise DataError(
            f"{what} {path.name!r} cannot be read ({type(error).__name__}: {error}). "
            f"Allowed: a complete {', '.join(SUFFIXES)} file. Copy or export it again."
        ) from error
    if array.dtype.kind not in "buif" or not array.size:
        raise DataError(
            f"{what} {path.name!r}: shape {array.shape}, type {array.dtype}. Allowed: at least one "
            "pixel of a bool, integer or float type. Export it again as PNG."
        )
    # Big-endian files keep their byte order in the dtype; the rest of the code need not know.
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _read_pillow(path: Path, indices: bool) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as image:
        # JPEG files of phones (MPO) carry a preview as a second frame: the first is the image.
        pages = getattr(image, "n_frames", 1)
        if image.format != "MPO" and pages > 1:
            raise _several(path, f"{pages} pages", indices)
        mode = image.mode
        raw = image.tile[0].args if image.tile else ""
        raw_mode = raw if isinstance(raw, str) else str(next(iter(raw or ("",))))
        if mode in ("RGB", "RGBA", "LA") and ";16" in raw_mode:
            return _read_16bit_colour(path)
        # Pillow turns white-is-zero TIFFs round: right for images, not for stored labels.
        turned = indices and mode in ("1", "L") and getattr(image, "tag_v2", {}).get(262) == 0
        if mode in ("1", "L", "I", "F", "RGB", "RGBA") or mode.startswith("I;16"):
            return ~np.asarray(image) if turned else np.asarray(image)
        if mode == "P" and indices:
            return np.asarray(image)
        if mode in ("LA", "La"):
            return np.asarray(image)[..., 0]
        # Pillow warns where a palette with alpha goes to RGB at once.
        clear = mode == "P" and "transparency" in image.info
        return np.asarray(image.convert("RGBA" if clear else "RGB"))


def _read_16bit_colour(path: Path) -> NDArray[Any]:
    # Pillow silently cuts 16-bit colour down to 8 bit.
    import cv2

    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    array = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    if array is None:
        raise ValueError("broken 16-bit colour image")
    return array[..., :3][..., ::-1] if array.ndim == 3 else array


def _read_tiff(path: Path, indices: bool) -> NDArray[Any]:
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            if len(tif.pages) > 1:
                raise _several(path, f"{len(tif.pages)} pages", indices)
            photometric, axes = tif.pages.first.photometric, tif.series[0].axes
            kinds = tifffile.PHOTOMETRIC
            # tifffile gives the stored numbers: right for labels and plain images. Colours of
            # other kinds (palette, CMYK, YCbCr) are Pillow's.
            stored = (kinds.MINISBLACK, kinds.MINISWHITE, kinds.RGB)
            if photometric in stored or (indices and photometric == kinds.PALETTE):
                if axes not in ("YX", "YXS", "SYX"):
                    raise _several(path, f"axes {axes} of shape {tif.series[0].shape}", indices)
                array = np.asarray(tif.asarray())
                if photometric == kinds.MINISWHITE and not indices:
                    array = ~array if array.dtype.kind in "bu" else array
                array = np.moveaxis(array, 0, -1) if axes == "SYX" else array
                # A second channel beside grey is alpha.
                return array[..., 0] if array.ndim == 3 and array.shape[2] < 3 else array
    except (tifffile.TiffFileError, ValueError) as error:
        # Not a TIFF inside, or a compression that needs an extra package: Pillow may know it.
        if isinstance(error, DataError):
            raise
    return _read_pillow(path, indices)


def _several(path: Path, got: str, indices: bool) -> DataError:
    return DataError(
        f"{'Mask' if indices else 'Image'} {path.name!r}: {got}. Allowed: one 2D picture a file. "
        "Save each page or slice as a file of its own."
    )
