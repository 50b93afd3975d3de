"""A picture that is mostly images, as JPEG: a page of many of them stays light."""

from __future__ import annotations

from medsam.figures.style import Picture

__all__ = ["QUALITY", "Photo"]

QUALITY = 90
"""Of the JPEG. Colours are kept at full resolution: outlines are a pixel or two wide."""


class Photo:
    """A picture that shows itself in a notebook as JPEG only.

    Parameters
    ----------
    picture : Picture
    quality : int
        1 to 95.
    """

    def __init__(self, picture: Picture, quality: int = QUALITY):
        self.picture, self.quality = picture, quality

    def _repr_jpeg_(self) -> bytes:
        options = {"quality": self.quality, "subsampling": 0, "optimize": True, "progressive": True}
        return self.picture._bytes("jpeg", dpi=160, pil_kwargs=options)
