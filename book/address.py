"""Where the site will stand: canonical addresses, a site map, and what a shared link shows.

Nothing of this is in a site that is only read from a folder: the address is not known then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

import yaml

from medsam.errors import InputError
from medsam.widgets.static import write_if_new

__all__ = ["checked", "configured", "sitemap"]


def checked(url: str) -> str:
    """The address with a slash at its end.

    Raises
    ------
    InputError
        If it is not that of a site.

    Examples
    --------
    >>> checked("https://example.org/medsam")
    'https://example.org/medsam/'
    """
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", url):
        raise InputError(
            f"Address {url!r} of the site. Allowed: http(s)://HOST/PATH. "
            "Set SITE_URL so, or leave it out."
        )
    return url.rstrip("/") + "/"


def configured(config: Path, url: str, to: Path) -> Path:
    """A configuration like that one, for a site at an address; returns where it is."""
    settings = yaml.safe_load(config.read_text("utf-8"))
    settings.setdefault("html", {})["baseurl"] = url
    write_if_new(to, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).encode())
    return to


def sitemap(site: Path, names: Iterable[str], url: str) -> None:
    """Write ``sitemap.xml`` and a ``robots.txt`` that names it."""
    places = "".join(f"<url><loc>{escape(f'{url}{name}.html')}</loc></url>\n" for name in names)
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    text = f'{head}<urlset xmlns="{space}">\n{places}</urlset>\n'
    write_if_new(site / "sitemap.xml", text.encode())
    robots = f"User-agent: *\nAllow: /\nSitemap: {url}sitemap.xml\n"
    write_if_new(site / "robots.txt", robots.encode())
