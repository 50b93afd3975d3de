"""The picture that a shared link shows, as a file of the site.

The page of the graphical abstract draws it and carries it in a link; here it is taken out of the
executed notebook, so that a build draws nothing.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from pathlib import Path

import nbformat
from PIL import Image

from medsam.errors import InputError
from medsam.files import write_if_new
from medsam.pages.notebooks import PREFIX

__all__ = ["CARD", "PAGE", "SIZE", "social_card"]

CARD = "social-card.png"
"""Its name, at the root of the site."""
PAGE = "15_graphical_abstract"
"""The notebook that draws it."""
SIZE = (1200, 630)
"""Pixels: width, height."""

_LINK = re.compile(r'href="data:image/png;base64,([^"]*)" download="sam-on-medical-images\.png"')


def social_card(extra: Path, pages: Iterable[Path]) -> list[Path]:
    """Write the card where the site serves files as they are.

    Parameters
    ----------
    extra : Path
        Folder of such files.
    pages : iterable of Path
        Executed notebooks; the card is that of :data:`PAGE` on the sample.

    Returns
    -------
    list of Path
        The file; empty where the book has no such page.

    Raises
    ------
    InputError
        If the page carries no card, or one that is no PNG of :data:`SIZE`.
    """
    for page in pages:
        if page.stem == PAGE and not page.parent.name.startswith(PREFIX):
            write_if_new(extra / CARD, _carried(page))
            return [extra / CARD]
    return []


def _carried(page: Path) -> bytes:
    """The card that an executed notebook carries."""
    cells = nbformat.read(page, as_version=4).cells  # type: ignore[no-untyped-call]
    shown = (output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    found = [card for data in shown for card in _LINK.findall(data.get("text/html", ""))]
    if len(found) != 1:
        raise InputError(
            f"{len(found)} cards in {page}. Allowed: one, saved as sam-on-medical-images.png. "
            f"Execute notebooks/{PAGE}.ipynb again."
        )
    content = base64.b64decode(found[0])
    with Image.open(io.BytesIO(content)) as card:
        if card.size != SIZE:
            raise InputError(
                f"A card of {card.width} x {card.height} pixels in {page}. Allowed: {SIZE[0]} x "
                f"{SIZE[1]}. Execute notebooks/{PAGE}.ipynb again."
            )
    return content
