"""Every link of the built site that stays on it leads to a file, and to a place in it.

Links that leave the site are tried by ``make links``.
"""

from __future__ import annotations

import posixpath
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from browsing import HTML

LINKS = {"href", "src", "poster", "data-src"}
IN_PLACE = ("mailto:", "data:", "blob:", "javascript:", "about:")


class Links(HTMLParser):
    """The links of one page and the places in it that can be led to."""

    def __init__(self, page: Path):
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if value is None:
                continue
            if name in LINKS:
                self.links.append(value.strip())
            elif name == "srcset" and not value.startswith("data:"):
                self.links += [one.split()[0] for one in value.split(",") if one.strip()]
            elif name == "id" or (name == "name" and tag == "a"):
                self.places.add(value)


def broken(site: Path) -> list[str]:
    """Links that lead nowhere: page, link and what is missing."""
    read = cache(Links)
    told = []
    for page in sorted(site.rglob("*.html")):
        here = page.relative_to(site).as_posix()
        if here.startswith("_static/"):
            continue  # templates of the theme, which no page shows
        for link in read(page).links:
            if link.startswith(IN_PLACE) or urlsplit(link).scheme or link.startswith("//"):
                continue
            address, anchor = urldefrag(link)
            path = unquote(urlsplit(address).path)
            target = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
            if path.startswith("/") or target.startswith(".."):
                told.append(f"{here}: {link}: leaves the folder of the site")
                continue
            file = site / target if path else page
            if file.is_dir():
                file /= "index.html"
            if not file.is_file():
                told.append(f"{here}: {link}: no such file")
            elif anchor and file.suffix == ".html" and unquote(anchor) not in read(file).places:
                told.append(f"{here}: {link}: no such place in {file.name}")
    return told


def test_what_leads_nowhere_is_found(tmp_path):
    (tmp_path / "b c.csv").write_text("x")
    (tmp_path / "two.html").write_text('<p id="here"><a href="b%20c.csv?v=1">x</a>')
    (tmp_path / "one.html").write_text(
        '<a href="two.html#here">ok</a><a href="#top">x</a><a href="https://example.org">ok</a>'
        '<a href="two.html#gone">x</a><img src="p.png" srcset="q.png 2x">'
        '<a href="../out.html">x</a>'
    )
    assert broken(tmp_path) == [
        "one.html: #top: no such place in one.html",
        "one.html: two.html#gone: no such place in two.html",
        "one.html: p.png: no such file",
        "one.html: q.png: no such file",
        "one.html: ../out.html: leaves the folder of the site",
    ]


@pytest.mark.book
@pytest.mark.usefixtures("site")  # there is a built book
def test_every_link_that_stays_on_the_site_leads_somewhere():
    assert broken(HTML) == []
