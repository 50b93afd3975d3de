"""Where the site will stand, and its repository: what follows from their addresses.

Canonical addresses, a site map, what a shared link shows, and buttons that lead to the code or run
it.

Nothing of this is in a site that is only read from a folder: the addresses are not known then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

import yaml

from medsam.errors import InputError
from medsam.files import write_if_new

__all__ = ["checked", "configured", "repository", "sitemap"]

BINDER = "https://mybinder.org"
"""Where the notebooks of a public repository can be run."""


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


def repository(url: str) -> str:
    """The address of a branch or tag of a repository on GitHub: ``main`` where it names none.

    Raises
    ------
    InputError
        If it is not that of such a repository.

    Examples
    --------
    >>> repository("https://github.com/someone/medsam.git")
    'https://github.com/someone/medsam/tree/main'
    >>> repository("https://github.com/someone/medsam/tree/v1.0")
    'https://github.com/someone/medsam/tree/v1.0'
    """
    name = r"(https://github\.com/[\w-]+/[\w.-]*?[\w-][\w.-]*?)"
    found = re.fullmatch(name + r"(?:\.git)?(?:/tree/([\w./-]*[\w-]))?/?", url, re.A)
    if not found:
        raise InputError(
            f"Address {url!r} of the repository. Allowed: https://github.com/OWNER/NAME, with "
            "/tree/BRANCH if it is not main. Set REPOSITORY_URL so, or leave it out."
        )
    return f"{found[1]}/tree/{found[2] or 'main'}"


def configured(config: Path, to: Path, site: str = "", source: str = "") -> Path:
    """A configuration like that one, for a site at an address; returns where it is.

    Parameters
    ----------
    config, to : Path
        Which to read, and which to write.
    site : str
        Where the site will stand; empty where that is not known.
    source : str
        The branch (:func:`repository`); with it each page has buttons that lead to Binder, Colab
        and its source.
    """
    settings = yaml.safe_load(config.read_text("utf-8"))
    html = settings.setdefault("html", {})
    if site:
        html["baseurl"] = site
    if source:
        html |= {"use_repository_button": True, "use_issues_button": True}
        url, _, branch = source.partition("/tree/")
        settings["repository"] = {"url": url, "branch": branch, "path_to_book": ""}
        settings.setdefault("launch_buttons", {}).update(
            notebook_interface="jupyterlab",
            binderhub_url=BINDER,
            colab_url="https://colab.research.google.com",
        )
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
