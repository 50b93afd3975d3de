"""Canonical addresses, the site map, and what a shared link shows."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from address import checked, configured, sitemap

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
    made = configured(ROOT / "_config.yml", "https://example.org/m/", tmp_path / "c.yml")
    new, old = (yaml.safe_load(p.read_text("utf-8")) for p in (made, ROOT / "_config.yml"))
    assert new["html"].pop("baseurl") == "https://example.org/m/"
    assert new == old


def test_the_map_lists_every_page(tmp_path):
    sitemap(tmp_path, ["notebooks/index", "a&b"], "https://example.org/m/")
    root = ElementTree.parse(tmp_path / "sitemap.xml").getroot()
    assert [place.text for place in root.findall(".//{*}loc")] == [
        "https://example.org/m/notebooks/index.html",
        "https://example.org/m/a&b.html",
    ]
    assert "Sitemap: https://example.org/m/sitemap.xml\n" in (tmp_path / "robots.txt").read_text()
