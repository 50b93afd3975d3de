"""Pixels of one 2D image file, as they are stored. Every failure is a DataError."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.labels import whole_numbers
from medsam.errors import DataError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
"""Files that are read as images, in any case of letters."""

MAX_VALUES = 32
"""More distinct values than this in a mask are taken for compression noise."""

_JPEG = (".jpeg", ".jpg")
_TIFF = (".tif", ".tiff")
_ORIENTATION, _PHOTOMETRIC = 274, 262  # tags of TIFF, the first of EXIF too
_LIGHT = 128  # from this grey on a palette's first entry is no background
_SAMPLES = {"L;2": 85, "L;4": 17}  # by what Pillow multiplies grey samples of few bits


def orientation(path: Path) -> int:
    """How a viewer turns the picture (EXIF and TIFF's tag), from 1 (not at all) to 8."""
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            tag = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # whoever reads its pixels says what is wrong
        return 1
    return tag if tag in range(1, 9) else 1


def turned(array: NDArray[Any], tag: int) -> NDArray[Any]:
    """A stored picture as viewers show it, by its orientation from 1 to 8."""
    array = array.swapaxes(0, 1) if tag > 4 else array
    rows = -1 if tag in (3, 4, 7, 8) else 1
    columns = -1 if tag in (2, 3, 6, 7) else 1
    return array[::rows, ::columns]


def read_image(path: Path) -> NDArray[Any]:
    """Pixels of an image as stored: (H, W), (H, W, 3) or (H, W, 4), bit depth kept.

    Palettes, CMYK and the like become 8-bit RGB; grey with alpha becomes grey. It is not turned:
    see :func:`orientation`.

    Raises
    ------
    DataError
        If the file cannot be read, holds more than one picture, or is drawn in its alpha alone.
    """
    array = _read(path, "Image")
    alpha = _alpha_of(array)
    if alpha is not None:
        colours = array[..., :-1]
        if (alpha != alpha[0, 0]).any() and (colours == colours[0, 0]).all():
            raise DataError(
                f"Image {path.name!r}: one colour, and a picture in its alpha channel. Allowed: a "
                "picture in its colours. Save it without alpha."
            )
        array = array if array.shape[2] == 4 else array[..., 0]
    return array


def read_mask(path: Path, *, any_colour: bool = False) -> NDArray[Any]:
    """Label values of a mask as stored: (H, W).

    A palette gives its indices, or its greys where these say something else (white first); alpha
    is used where it alone varies, and what it hides is background; grey samples of 2 or 4 bits
    are what is stored.

    Parameters
    ----------
    path : Path
    any_colour : bool
        Of a colour image the brightest channel counts, whatever its value means; otherwise its
        channels have to be equal.

    Raises
    ------
    DataError
        If the file cannot be read, or its values are not labels.
    """
    name = f"Mask {path.name!r}"
    array = _read(path, "Mask")
    alpha = _alpha_of(array)
    if alpha is not None:
        array = _without_alpha(array[..., :-1], alpha, name)
    if array.ndim == 3 and not any_colour and (array != array[..., :1]).any():
        raise DataError(
            f"{name}: a colour image whose channels differ. Allowed: one channel, or three equal "
            "ones. Save the labels 1..n as a grey or palette PNG."
        )
    array = whole_numbers(array.max(axis=2) if array.ndim == 3 else array, name)
    if path.suffix.lower() in _JPEG:
        # A lossy file cannot keep several labels apart, however few values it happens to hold.
        check_values(array, name, 1)
    return array


def check_values(values: NDArray[Any], name: str, most: int = MAX_VALUES) -> None:
    """See that values are few, and none is below 0.

    Raises
    ------
    DataError
        If they are not.
    """
    if values.min(initial=0) < 0:
        raise DataError(
            f"{name}: values from {values.min()} to {values.max()}. Allowed: 0 for the background "
            "and 1..n. Renumber the labels."
        )
    found = np.unique(values[values != 0])
    if len(found) > most:
        raise DataError(
            f"{name}: {len(found)} distinct values other than 0: this looks like compression "
            f"noise. Allowed: at most {most}. Threshold the mask and save it as PNG."
        )


def _alpha_of(array: NDArray[Any]) -> NDArray[Any] | None:
    """The last channel of two or four."""
    return array[..., -1] if array.ndim == 3 and array.shape[2] in (2, 4) else None


def _without_alpha(colours: NDArray[Any], alpha: NDArray[Any], name: str) -> NDArray[Any]:
    """(H, W, C) values of a mask whose transparent parts are background."""
    clear = alpha == 0
    if (alpha == alpha[0, 0]).all() and not clear.any():
        return colours
    if (colours == colours[0, 0]).all() and not clear.all():
        return alpha[..., None]
    if clear.any() and (clear.all() or (~colours.any(axis=2) & ~clear).any()):
        raise DataError(
            f"{name}: transparent and black parts, either of which may be background. Allowed: "
            "labels in the colours, or in alpha alone. Save it as grey PNG."
        )
    return np.where(clear[..., None], 0, colours)


def _read(path: Path, what: str) -> NDArray[Any]:
    try:
        array = _read_tiff(path, what) if path.suffix.lower() in _TIFF else None
        array = _read_pillow(path, what) if array is None else array
    except DataError:
        raise
    except Exception as error:  # decoders raise nearly anything on a broken file
        raise _unreadable(path, what, error) from error
    # Big-endian files keep their byte order in the dtype; the rest of the code need not know.
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _unreadable(path: Path, what: str, error: Exception) -> DataError:
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError):
        return DataError(
            f"{what} {path.name!r} is too large. Allowed: {2 * (Image.MAX_IMAGE_PIXELS or 0):,} "
            "pixels. Save it in parts, or smaller."
        )
    return DataError(
        f"{what} {path.name!r} cannot be read ({type(error).__name__}: {error}). "
        f"Allowed: a complete {', '.join(SUFFIXES)} file. Copy or export it again."
    )


def _read_pillow(path: Path, what: str) -> NDArray[Any]:
    from PIL import Image

    with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
        # JPEG files of phones (MPO) carry a preview as a second frame: the first is the image.
        pages = getattr(image, "n_frames", 1)
        if image.format != "MPO" and pages > 1:
            raise _several(path, f"{pages} pages", what)
        raw = image.tile[0].args if image.tile else ""
        raw_mode = raw if isinstance(raw, str) else str(next(iter(raw or ("",))))
        white_first = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0 and image.mode != "1"
        if path.suffix.lower() in _TIFF and (white_first or orientation(path) != 1):
            # Pillow turns TIFFs alone, wrongly where sides swap, and turns some of their values.
            raise DataError(
                f"{what} {path.name!r}: a packed TIFF that is turned, or in which 0 is white. "
                "Allowed: such a TIFF without compression, of 8 or 16 bits. Save it as PNG."
            )
        if image.mode in ("RGB", "RGBA", "LA") and ";16" in raw_mode:
            raise DataError(  # Pillow silently cuts them down to 8 bit
                f"{what} {path.name!r}: several channels of 16 bits. Allowed: 8 bits a channel, or "
                "one of 16. Save it as 8-bit colour."
            )
        return _of_mode(image, raw_mode, path, what)


def _of_mode(image: Any, raw_mode: str, path: Path, what: str) -> NDArray[Any]:
    """The values of an image that Pillow has opened, by its mode."""
    mode, mask = image.mode, what == "Mask"
    if mode == "P" and mask and "transparency" not in image.info:
        palette = np.reshape(image.getpalette() or [], (-1, 3))
        return _of_palette(np.asarray(image), palette, path)
    if "transparency" in image.info and mode in ("1", "L", "RGB", "P"):
        if mode == "P" and mask and _hides_background(image):
            return np.asarray(image)
        # Pillow warns where a palette with alpha goes to RGB at once.
        return np.asarray(image.convert("LA" if mode in ("1", "L") else "RGBA"))
    if mode == "1":
        return np.asarray(image.convert("L")) > 0  # Pillow's own bytes of it are 0 and 255
    if mode in ("L", "I", "F", "LA", "RGB", "RGBA") or mode.startswith("I;16"):
        array = np.asarray(image)
        return array // _SAMPLES.get(raw_mode, 1) if mask and array.dtype == np.uint8 else array
    if mode in ("La", "PA"):
        return np.asarray(image.convert("LA" if mode == "La" else "RGBA"))
    return np.asarray(image.convert("RGB"))


def _hides_background(image: Any) -> bool:
    """Whether a palette's index 0 alone is transparent."""
    clear = image.info["transparency"]
    alphas = list(clear) if isinstance(clear, bytes) else [255] * clear + [0]
    return alphas[0] == 0 and all(alpha == 255 for alpha in alphas[1:])


def _of_palette(indices: NDArray[Any], palette: NDArray[Any], path: Path) -> NDArray[Any]:
    """Labels of a palette mask: its indices, or its greys where these contradict them.

    Raises
    ------
    DataError
        If a colour stands for 0, and black for a label, or there is nothing else.
    """
    used = np.unique(np.append(indices, 0))
    colours = palette[used[used < len(palette)]].astype(int)
    if not len(colours):
        return indices
    grey = (colours == colours[:, :1]).all()
    shown = colours[:, 0]
    if grey and (shown[0] >= _LIGHT or (np.diff(shown) < 0).any()):
        whole = np.zeros(max(len(palette), int(indices.max()) + 1), palette.dtype)
        whole[: len(palette)] = palette[:, 0]
        return np.asarray(whole[indices], np.uint8)
    alone = len(colours) == 1 or not colours[1:].any(axis=1).all()
    if not grey and colours[0].any() and alone:
        raise DataError(
            f"Mask {path.name!r}: a palette in which 0 is {tuple(colours[0].tolist())}, and black "
            "a label or nowhere. Allowed: black as 0. Save the labels as grey PNG."
        )
    return indices


def _read_tiff(path: Path, what: str) -> NDArray[Any] | None:
    """The stored numbers of a TIFF; nothing where Pillow may know better."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            # Those with bit 1 of the subfile type are thumbnails, or levels of a pyramid.
            pages = [
                page for page in tif.pages if not int(getattr(page, "subfiletype", 0) or 0) & 1
            ]
            page, series, kinds = tif.pages.first, tif.series[0], tifffile.PHOTOMETRIC
            if len(pages) > 1 or series.axes not in ("YX", "YXS", "SYX"):
                got = f"{len(pages)} pages, axes {series.axes} of shape {series.shape}"
                raise _several(path, got, what)
            # Colours of other kinds (palette, CMYK, YCbCr) are Pillow's.
            if page.photometric not in (kinds.MINISBLACK, kinds.MINISWHITE, kinds.RGB) and not (
                page.photometric == kinds.PALETTE and what == "Mask"
            ):
                return None
            array = np.asarray(series.asarray())
            if page.photometric == kinds.PALETTE:
                palette = np.asarray(page.colormap).T >> 8
                return _of_palette(array, palette, path)
            if page.photometric == kinds.MINISWHITE:
                array = _of_white_first(array, page.bitspersample, what, path)
            array = np.moveaxis(array, 0, -1) if series.axes == "SYX" else array
            return array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    except (tifffile.TiffFileError, ValueError, NotImplementedError) as error:
        # Not a TIFF inside, or a compression or depth that needs an extra package.
        if isinstance(error, DataError):
            raise
        return None


def _of_white_first(array: NDArray[Any], bits: int, what: str, path: Path) -> NDArray[Any]:
    """Values of a picture in which a stored 0 is white.

    Labels are the stored numbers, but for black and white, which are what a viewer shows.
    """
    if array.dtype.kind not in "bu":
        return array
    full = True if array.dtype.kind == "b" else 2**bits - 1
    other = ~array if array.dtype.kind == "b" else full - array
    if what == "Image" or bits == 1:
        return other
    values = np.unique(array)
    if values.tolist() == [0]:
        raise DataError(
            f"Mask {path.name!r}: 0 everywhere, and white by its header. Allowed: black as 0 "
            "(photometric MINISBLACK). Save it as PNG."
        )
    return other if set(values.tolist()) <= {0, full} else array


def _several(path: Path, got: str, what: str) -> DataError:
    return DataError(
        f"{what} {path.name!r}: {got}. Allowed: one 2D picture a file. Save each page or slice as "
        "a file of its own."
    )
