"""Canonical addresses, the site map, and what a shared link shows."""

import shutil
from xml.etree import ElementTree

import nbformat
import pytest
import yaml
from address import checked, configured, repository, sitemap
from browsing import ROOT
from build import html
from nbformat.v4 import new_markdown_cell, new_notebook

from medsam.errors import InputError


def test_what_is_no_address():
    for url in ("example.org", "https://a/b?c"):
        with pytest.raises(InputError, match=r"of the site. Allowed: http\(s\)://HOST/PATH"):
            checked(url)
    for url in ("owner/name", "https://host/a/b", "https://github.com/a/b/c"):
        with pytest.raises(InputError, match=r"of the repository. Allowed: https://github.com"):
            repository(url)


def test_the_configuration_is_the_same_but_for_the_addresses(tmp_path):
    source = repository("https://github.com/owner/name/tree/some/branch")
    made = configured(ROOT / "_config.yml", tmp_path / "c.yml", "https://example.org/m/", source)
    new = yaml.safe_load(made.read_text("utf-8"))
    assert new["html"]["baseurl"] == "https://example.org/m/"
    assert new["repository"]["url"] == "https://github.com/owner/name"
    assert new["repository"]["branch"] == "some/branch"
    made = configured(ROOT / "_config.yml", tmp_path / "c.yml")
    assert yaml.safe_load(made.read_text()) == yaml.safe_load((ROOT / "_config.yml").read_text())


def test_the_map_lists_every_page(tmp_path):
    sitemap(tmp_path, ["notebooks/index", "a&b"], "https://example.org/m/")
    root = ElementTree.parse(tmp_path / "sitemap.xml").getroot()
    assert [place.text for place in root.findall(".//{*}loc")] == [
        "https://example.org/m/notebooks/index.html",
        "https://example.org/m/a&b.html",
    ]
    assert "Sitemap: https://example.org/m/sitemap.xml\n" in (tmp_path / "robots.txt").read_text()


@pytest.mark.book
def test_the_theme_takes_both_addresses(tmp_path, capsys):
    source = tmp_path / "source"
    notebook = new_notebook(cells=[new_markdown_cell("# One")])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "p", "language": "python"}
    pages = ["notebooks/one", "data-own/one", "notebooks/15_graphical_abstract"]
    for page in pages:
        (source / page).parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, source / f"{page}.ipynb")
    for folder in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / folder, source / folder)
    (source / "_extra").mkdir()
    (source / "references.bib").touch()
    toc = tmp_path / "_toc.yml"
    chapters = [{"file": page} for page in pages[1:]]
    toc.write_text(yaml.safe_dump({"format": "jb-book", "root": pages[0], "chapters": chapters}))
    site, code = "https://example.org/m/", "https://github.com/owner/name"
    done = html(source, tmp_path, toc=toc, url=site, repo=repository(code))
    assert done == 0, capsys.readouterr().err
    built = tmp_path / "_build" / "html"
    page = (built / "notebooks" / "one.html").read_text("utf-8")
    assert f'<meta property="og:image" content="{site}social-card.png">' in page
    assert f'<link rel="canonical" href="{site}notebooks/one.html"' in page
    binder = "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/notebooks/one.ipynb"
    for link in (f'href="{code}"', f'href="{code}/issues/new', f'href="{binder}"'):
        assert link in page
    own = (built / "data-own" / "one.html").read_text("utf-8")
    assert "mybinder.org" not in own  # the repository has no such notebook
    assert f'href="{code}"' in own
