"""Lighter pages: what the theme's icons and the pictures weigh, and what their coming moves.

The theme draws its dozen icons with Font Awesome, whose script holds two thousand and is larger
than all else that a page loads. Here each mark ``<i class="fa-solid fa-bars">`` becomes the same
drawing, taken from that script; ``_templates/static/webpack-macros.html`` leaves the script out.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pictures import with_sizes

from medsam.errors import InputError
from medsam.files import write_if_new

__all__ = ["SCRIPT", "draw_icons", "icon", "lighten"]

SCRIPT = Path("_static", "scripts", "fontawesome.js")
"""Font Awesome Free within the theme's files."""

_KIND = r"\bfa(s|b|r|-solid|-brands|-regular) fa-([a-z0-9-]+)"
_MARK = re.compile(rf'<(i|span) class="([^"]*{_KIND}[^"]*)"([^>]*)></\1>')
_ANY = re.compile(r"<(?:i|span) class=\"[^\"]*\bfa[a-z]?(?:-\w+)? fa-[^>]*>")
_ICON = r'[{{,]"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]'
_FORMULAS = re.compile(
    r"\s*<(?:script[^>]*>window\.MathJax\b.*?</script>|script[^>]*\bmathjax/[^>]*></script>"
    r"|link[^>]*\bmathjax/[^>]*>)"
)
"""What loads MathJax. Sphinx has it on the landing page too, for formulas of other pages."""
_PACKS = {"b": (None, "fab"), "r": ("fab", "far"), "s": ("far", "fas")}
"""Each pack with the one before it and its own short name, under which it is handed over."""
_OTHER_NAME = r'[{{,]"?([\w-]+)"?:\[\d+,\d+,\[[^\]]*"{name}"[^\]]*\]'


@cache
def icon(script: Path, pack: str, name: str) -> tuple[int, int, str]:
    """Width, height and path of an icon.

    Parameters
    ----------
    script : Path
        Font Awesome's, with all its packs one after the other.
    pack : {"s", "r", "b"}
        Solid, regular or brands.
    name : str
        Without ``fa-``; a former name will do.

    Raises
    ------
    InputError
        If it has no such icon.
    """
    text = script.read_text("utf-8")
    before, own = _PACKS[pack]
    part = text[text.find(f'("{before}"') if before else 0 : text.find(f'("{own}"')]
    found = re.search(_ICON.format(name=re.escape(name)), part)
    if not found and (other := re.search(_OTHER_NAME.format(name=re.escape(name)), part)):
        return icon(script, pack, other[1])
    if not found:
        raise InputError(
            f"No icon {name!r} in {own} of {script.name}. Allowed: those of Font Awesome Free 6. "
            "See whether the theme has another version of it."
        )
    return int(found[1]), int(found[2]), found[3]


def _drawn(script: Path, mark: re.Match[str]) -> str:
    _, kinds, pack, name, more = mark.groups()
    width, height, path = icon(script, pack.lstrip("-")[0], name)
    more = re.sub(r"\s+title=\"[^\"]*\"", "", more)  # the button around it has a name
    return (
        f'<svg class="medsam-icon {kinds}"{more} viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<path fill="currentColor" d="{path}"/></svg>'
    )


def draw_icons(page: str, script: Path, name: str) -> str:
    """The page with its icons drawn.

    Parameters
    ----------
    page : str
        HTML.
    script : Path
        Font Awesome's.
    name : str
        What to call the page in an error.

    Raises
    ------
    InputError
        If it has an icon that is not known, which would stay empty.
    """
    drawn = _MARK.sub(lambda mark: _drawn(script, mark), page)
    if left := _ANY.search(drawn):
        raise InputError(
            f"{name} has the icon {left[0]}. Allowed: icons of Font Awesome Free, as "
            '<i class="fa-solid fa-NAME"></i>. Write it so.'
        )
    return drawn


def lighten(site: Path) -> None:
    """Draw the icons, and tell the sizes of pictures, in every page of the built book.

    MathJax stays where there are formulas.

    Parameters
    ----------
    site : Path
        Its folder; a page that is light already stays as it is.
    """
    for file in sorted(site.rglob("*.html")):
        page = draw_icons(file.read_text("utf-8"), site / SCRIPT, str(file.relative_to(site)))
        if 'class="math ' not in page:
            page = _FORMULAS.sub("", page)
        write_if_new(file, with_sizes(page, file.parent).encode())
