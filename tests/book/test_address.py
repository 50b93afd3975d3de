"""Canonical addresses, the site map, and what a shared link shows."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
import yaml
from address import checked, configured, repository, sitemap
from build import html
from nbformat.v4 import new_markdown_cell, new_notebook

from medsam.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("url", ["", "example.org", "ftp://a", "https://", "https://a/b?c", "a b"])
def test_what_is_no_address(url):
    with pytest.raises(InputError, match=r"of the site. Allowed: http\(s\)://HOST/PATH. Set SITE"):
        checked(url)


def test_a_slash_at_the_end():
    assert (
        checked("https://example.org")
        == checked("https://example.org/")
        == ("https://example.org/")
    )


def test_the_configuration_is_the_same_but_for_the_address(tmp_path):
    made = configured(ROOT / "_config.yml", tmp_path / "c.yml", "https://example.org/m/")
    new, old = (yaml.safe_load(p.read_text("utf-8")) for p in (made, ROOT / "_config.yml"))
    assert new["html"].pop("baseurl") == "https://example.org/m/"
    assert new == old


@pytest.mark.parametrize("ending", ["", "/", ".git"])
def test_a_repository(ending):
    assert repository(f"https://github.com/owner/na.me{ending}") == "https://github.com/owner/na.me"


def test_the_map_lists_every_page(tmp_path):
    sitemap(tmp_path, ["notebooks/index", "a&b"], "https://example.org/m/")
    root = ElementTree.parse(tmp_path / "sitemap.xml").getroot()
    assert [place.text for place in root.findall(".//{*}loc")] == [
        "https://example.org/m/notebooks/index.html",
        "https://example.org/m/a&b.html",
    ]
    assert "Sitemap: https://example.org/m/sitemap.xml\n" in (tmp_path / "robots.txt").read_text()


@pytest.mark.parametrize(
    "url",
    ["", "owner/name", "https://github.com/owner", "https://host/a/b", "https://github.com/a/b/c"],
)
def test_what_is_no_repository(url):
    with pytest.raises(InputError, match=r"of the repository. Allowed: https://github.com/OWNER"):
        repository(url)


def test_buttons_only_where_the_repository_is_known(tmp_path):
    source = repository("https://github.com/owner/name.git")
    made = configured(ROOT / "_config.yml", tmp_path / "c.yml", source=source)
    new, old = (yaml.safe_load(p.read_text("utf-8")) for p in (made, ROOT / "_config.yml"))
    assert new["repository"]["url"] == "https://github.com/owner/name"
    assert new["launch_buttons"]["binderhub_url"] == "https://mybinder.org"
    assert new["html"]["use_issues_button"]
    assert "binderhub_url" not in old["launch_buttons"]
    assert "baseurl" not in new["html"]


@pytest.mark.slow
def test_the_theme_takes_both_addresses(tmp_path, capsys):
    source = tmp_path / "source"
    (source / "notebooks").mkdir(parents=True)
    notebook = new_notebook(cells=[new_markdown_cell("# One")])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "p", "language": "python"}
    nbformat.write(notebook, source / "notebooks" / "one.ipynb")
    for folder in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / folder, source / folder)
    (source / "_extra").mkdir()
    (source / "references.bib").touch()
    toc = tmp_path / "_toc.yml"
    toc.write_text("format: jb-book\nroot: notebooks/one\n")
    site, code = "https://example.org/m/", "https://github.com/owner/name"
    assert html(source, tmp_path, toc=toc, url=site, repo=code) == 0, capsys.readouterr().err
    page = (tmp_path / "_build" / "html" / "notebooks" / "one.html").read_text("utf-8")
    assert f'<meta property="og:image" content="{site}social-card.png">' in page
    assert f'<link rel="canonical" href="{site}notebooks/one.html"' in page
    binder = "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/notebooks/one.ipynb"
    for link in (f'href="{code}"', f'href="{code}/issues/new', f'href="{binder}"'):
        assert link in page
