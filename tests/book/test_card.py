"""The card of a shared link, taken out of the page that carries it."""

import io

import nbformat
import pytest
from card import CARD, PAGE, social_card
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from medsam.errors import InputError
from medsam.figures.html import links


def page(folder, *cards):
    """A notebook that carries cards, as the page does."""
    shown = [links({"sam-on-medical-images.png": ("a card", one)}) for one in cards]
    outputs = [new_output("display_data", {"text/html": one._repr_html_()}) for one in shown]
    path = folder / f"{PAGE}.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("", outputs=outputs)]), path)
    return path


def png(*size):
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "png")
    return buffer.getvalue()


def test_the_file_is_what_the_page_carries(tmp_path):
    card, pages = png(1200, 630), tmp_path / "notebooks"
    pages.mkdir()
    assert social_card(tmp_path, [page(pages, card)]) == [tmp_path / CARD]
    assert (tmp_path / CARD).read_bytes() == card
    # A book without the page has none; nor is it that of a chapter on one's own data.
    others = [pages / "other.ipynb", tmp_path / "data-own" / f"{PAGE}.ipynb"]
    assert social_card(tmp_path / "b", others) == []


def test_what_is_no_card(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for cards, told in (([], "0 cards in"), ([png(630, 1200)], "A card of 630 x 1200 pixels in")):
        with pytest.raises(InputError, match=f"{told} .*Execute notebooks/{PAGE}.ipynb"):
            social_card(tmp_path, [page(tmp_path / "notebooks", *cards)])
