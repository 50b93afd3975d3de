"""HTML tables, elements and files to save."""

import re
from base64 import b64decode

import pandas as pd
import pytest

from medsam.errors import InputError
from medsam.figures.html import html_table, links, tag


def test_links_hold_their_files():
    html = links({"a.pdf": ("a <b>", b"%PDF-1"), "b.png": ("c", b"\x89PNG")})._repr_html_()
    found = re.findall(
        r'<a href="data:([\w/]+);base64,([^"]+)" download="([^"]+)">([^<]+)</a>', html
    )
    assert [(kind, b64decode(text), name, told) for kind, text, name, told in found] == [
        ("application/pdf", b"%PDF-1", "a.pdf", "a &lt;b&gt;"),
        ("image/png", b"\x89PNG", "b.png", "c"),
    ]
    with pytest.raises(InputError, match="File 'a'. Allowed: a known ending"):
        links({"a": ("a", b"")})


def test_html_table():
    table = pd.DataFrame({"task": ["a<b"], "n": [3], "x": [0.126], "why": ["long"]})
    table["link"] = [tag("a", "R&D", href="?a&b")]
    html = html_table(table, headers={"n": "cases"}, caption="Cap", widths={"why": "9rem"})
    assert "a&lt;b" in html
    assert ">cases</th>" in html
    assert '<td style="text-align:right">0.13</td>' in html
    assert '<th scope="col" style="min-width:9rem">why</th>' in html
    assert '<a href="?a&amp;b">R&amp;D</a></td>' in html
    assert "<caption>Cap</caption>" in html
