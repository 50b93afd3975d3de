"""Tables for the pages of the book."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

__all__ = ["HtmlTable", "html_table"]


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
