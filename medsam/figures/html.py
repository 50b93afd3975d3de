"""Tables for the pages of the book."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from medsam.errors import InputError

__all__ = ["HtmlTable", "html_table", "links"]


class HtmlTable:
    """A table that a notebook shows as HTML with a caption and header cells."""

    def __init__(self, html: str):
        self.html = html

    def _repr_html_(self) -> str:
        return self.html


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) else f"{value:.2f}"
    return escape(str(value))


def html_table(
    table: pd.DataFrame,
    *,
    headers: Mapping[str, str] | None = None,
    caption: str = "",
    widths: Mapping[str, str] | None = None,
) -> HtmlTable:
    """A table as HTML: first column as row headers, numbers to the right.

    Parameters
    ----------
    table : DataFrame
    headers : mapping of str to str, optional
        Words for columns; those not named keep their name.
    caption : str
        Above the table.
    widths : mapping of str to str, optional
        Least width of columns of long text, such as ``"16rem"``: the table scrolls, and its rows
        stay low.
    """
    least = {c: f' style="min-width:{escape(w)}"' for c, w in (widths or {}).items()}
    words = [escape((headers or {}).get(str(c), str(c))) for c in table.columns]
    head = "".join(
        f'<th scope="col"{least.get(str(c), "")}>{word}</th>'
        for c, word in zip(table.columns, words, strict=True)
    )
    body = []
    for values in table.itertuples(index=False):
        first, *rest = values
        cells = "".join(
            f'<td style="text-align:{"left" if isinstance(v, str) else "right"}">{_cell(v)}</td>'
            for v in rest
        )
        body.append(f'<tr><th scope="row" style="text-align:left">{_cell(first)}</th>{cells}</tr>')
    return HtmlTable(
        '<div style="overflow-x:auto" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table class="table medsam-table"><caption>'
        f"{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


# Files that a page carries in itself, to be saved from it.


def links(files: Mapping[str, tuple[str, bytes]]) -> HtmlTable:
    """Links that save files, whose content is in the links.

    Parameters
    ----------
    files : mapping of str to (str, bytes)
        File name to the words of its link and its content.

    Returns
    -------
    HtmlTable
        HTML that a notebook shows; needs no other file and no script.

    Raises
    ------
    InputError
        If the kind of a file is unknown by its name.

    Examples
    --------
    >>> links({"a.txt": ("a text", b"hi")})._repr_html_().count("data:text/plain;base64,aGk=")
    1
    """
    out = []
    for name, (words, content) in files.items():
        kind, _ = mimetypes.guess_type(name)
        if kind is None:
            raise InputError(f"File {name!r}. Allowed: a known ending, such as .pdf, .svg or .png.")
        data = base64.b64encode(content).decode()
        out.append(
            f'<a href="data:{kind};base64,{data}" download="{escape(name)}">{escape(words)}</a>'
        )
    return HtmlTable(f'<p class="medsam-files">{" · ".join(out)}</p>')
