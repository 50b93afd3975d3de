"""Pictures of the built pages: as AVIF, each leading to itself, with the size kept free for it.

A picture that loads late needs its size in the page: without, the page shifts when it comes, and
the browser takes all of them to be near, as none takes any room yet.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image

__all__ = ["QUALITY", "size", "with_sizes"]

QUALITY = 70
"""Of the AVIF in place of what a notebook drew, which the notebook keeps. Not WebP, which has
colours at half the resolution: outlines are a pixel or two wide."""

_DRAWN = re.compile(r"(<a [^>]*>\s*)?<img [^>]*\bsrc=\"((?:\.\./)*_images/[^\"]+)\"[^>]*>")
_FIGURE = re.compile(r"<figure\b.*?</figure>", re.S)
_TABLE = re.compile(r'href="([^"]*)\.csv"')
_NARROW = (
    '<picture><source media="(max-width: 720px)" srcset="{}" width="{}" height="{}">{}</picture>'
)
_FULL = '<a class="medsam-full" href="{}" title="Open the figure in full size">{}</a>'
_IMAGE = re.compile(r"<img [^>]*>")
_SIZED = re.compile(r"\s(?:width|height|style)=")
_HASHED = re.compile(
    r"[0-9a-f]{64}\.(?:png|jpg|jpeg)"
)  # by its content, as outputs of notebooks are named
_UNITS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
_LENGTH = re.compile(r"([\d.]+)(\D*)")


def size(file: Path) -> tuple[int, int] | None:
    """Width and height of a picture in CSS pixels; ``None`` where a drawing does not say.

    Parameters
    ----------
    file : Path
        SVG, or what Pillow reads.
    """
    if file.suffix != ".svg":
        with Image.open(file) as picture:
            return picture.size
    for _, root in ElementTree.iterparse(file, events=("start",)):
        found = [_LENGTH.fullmatch(root.get(name, "")) for name in ("width", "height")]
        if not all(one and one[2] in _UNITS for one in found):
            return None
        width, height = (round(float(one[1]) * _UNITS[one[2]]) for one in found if one)
        return width, height
    return None


def _lighter(file: Path) -> Path:
    """The picture as AVIF beside it, where that is smaller."""
    made = file.with_suffix(".avif")
    if not made.is_file():
        with Image.open(file) as opened:
            picture: Image.Image = opened
            opaque = "A" not in picture.mode or picture.getchannel("A").getextrema()[0] == 255
            picture = picture.convert("RGB" if opaque else "RGBA")
            picture.save(made, quality=QUALITY, subsampling="4:4:4", speed=8)
    return made if made.stat().st_size < file.stat().st_size else file


def with_sizes(page: str, folder: Path) -> str:
    """The page with each picture's size and a link to it, and with AVIF for what a notebook drew.

    Where a drawing for a narrow screen lies beside the table of a figure, such a screen shows it.

    Parameters
    ----------
    page : str
        HTML.
    folder : Path
        Where the page lies; addresses of pictures begin there.
    """

    def sized(mark: re.Match[str]) -> str:
        tag, linked, address = mark[0], mark[1], mark[2]
        file = folder / address
        if not file.is_file():
            return tag
        if _HASHED.fullmatch(file.name):
            file = _lighter(file)
            lighter = f"{address.rpartition('/')[0]}/{file.name}"
            tag, address = tag.replace(address, lighter), lighter
        if not _SIZED.search(tag) and (found := size(file)):
            tag = tag.replace("<img ", f'<img width="{found[0]}" height="{found[1]}" ', 1)
        return tag if linked else _FULL.format(address, tag)

    def narrowed(mark: re.Match[str]) -> str:
        figure, table = mark[0], _TABLE.search(mark[0])
        address = f"{table[1]}-narrow.svg" if table else ""
        if not address or "<picture>" in figure or not (folder / address).is_file():
            return figure
        width, height = size(folder / address) or ("", "")
        return _IMAGE.sub(lambda one: _NARROW.format(address, width, height, one[0]), figure, 1)

    return _FIGURE.sub(narrowed, _DRAWN.sub(sized, page))
