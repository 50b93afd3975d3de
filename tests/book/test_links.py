"""Every link of the built site that stays on it leads to a file, and to a place in it.

Links that leave the site are tried by ``make links``.
"""

from __future__ import annotations

import posixpath
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from browsing import HTML
from bs4 import BeautifulSoup

LINKS = ("href", "src", "poster", "data-src")


def links(page: Path) -> tuple[list[str], set[str]]:
    """The links of one page, and the places in it that can be led to."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    found = [tag[name].strip() for name in LINKS for tag in soup.select(f"[{name}]")]
    for tag in soup.select("[srcset]"):
        found += [one.split()[0] for one in tag["srcset"].split(",")]
    places = {tag.get("id") for tag in soup.select("[id]")}
    return found, places | {tag["name"] for tag in soup.select("a[name]")}


def broken(site: Path) -> list[str]:
    """Links that lead nowhere: page, link and what is missing."""
    read, told = cache(links), []
    for page in sorted(site.rglob("*.html")):
        here = page.relative_to(site).as_posix()
        if here.startswith("_static/"):
            continue  # templates of the theme, which no page shows
        for link in read(page)[0]:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            address, anchor = urldefrag(link)
            path = unquote(urlsplit(address).path)
            target = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
            file = site / target if path else page
            if path.startswith("/") or target.startswith(".."):
                told.append(f"{here}: {link}: leaves the folder of the site")
            elif not file.exists():
                told.append(f"{here}: {link}: no such file")
            elif anchor and file.suffix == ".html" and unquote(anchor) not in read(file)[1]:
                told.append(f"{here}: {link}: no such place in {file.name}")
    return told


def test_what_leads_nowhere_is_found(tmp_path):
    (tmp_path / "b c.csv").write_text("x")
    (tmp_path / "two.html").write_text('<p id="here"><a href="b%20c.csv?v=1">x</a>')
    (tmp_path / "one.html").write_text(
        '<a href="two.html#here">ok</a><a href="https://example.org">ok</a>'
        '<a href="two.html#gone">x</a><img srcset="q.png 2x"><a href="../out.html">x</a>'
    )
    assert sorted(broken(tmp_path)) == [
        "one.html: ../out.html: leaves the folder of the site",
        "one.html: q.png: no such file",
        "one.html: two.html#gone: no such place in two.html",
    ]


@pytest.mark.book
@pytest.mark.usefixtures("site")  # there is a built book
def test_every_link_that_stays_on_the_site_leads_somewhere():
    assert broken(HTML) == []
