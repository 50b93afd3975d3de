"""HTML for the pages of the book: elements, tables, and files to save."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from medsam.errors import InputError


class Html(str):
    """HTML text: a notebook shows it, and :func:`tag` and :func:`html_table` do not escape it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Html of {len(self)} characters>"

    def _repr_html_(self) -> str:
        return str(self)

    @property
    def html(self) -> str:
        """The text itself."""
        return str(self)


def tag(name: str, /, *content: object, **attributes: object) -> Html:
    """An HTML element. Content that is not :class:`Html` is escaped, as are attributes.

    Parameters
    ----------
    name : str
    *content
        What is inside, in order.
    **attributes
        ``class_`` is ``class``, other underscores become hyphens; ``None`` is left out.

    Examples
    --------
    >>> print(tag("p", "a < b, ", tag("a", "c", href="?x&y", class_="reference", id=None)))
    <p>a &lt; b, <a href="?x&amp;y" class="reference">c</a></p>
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(one if isinstance(one, Html) else escape(str(one)) for one in content)
    return Html(f"<{name}{words}>{inside}</{name}>")


def html_table(
    table: pd.DataFrame,
    *,
    headers: Mapping[str, str] | None = None,
    caption: str = "",
    widths: Mapping[str, str] | None = None,
    classes: str = "medsam-table",
    rows: Sequence[Mapping[str, object]] | None = None,
    stacked: bool = False,
) -> Html:
    """A table as HTML: first column as row headers, numbers to the right, wider than its page.

    Parameters
    ----------
    table : DataFrame
        Cells are escaped, but for :class:`Html`. Numbers have two digits, or none where whole.
    headers : mapping of str to str or Html, optional
        Words for columns; those not named keep their name.
    caption : str
        Above the table.
    widths : mapping of str to str, optional
        Least width of columns of long text, such as ``"16rem"``: the table scrolls, and its rows
        stay low.
    classes : str
        CSS classes beside ``table``.
    rows : sequence of mapping, optional
        Attributes of each row, as for :func:`tag`.
    stacked : bool
        For a table whose cells CSS puts below each other on a narrow screen: it says the roles of
        its parts, its caption is a label, and it neither scrolls nor aligns.
    """
    widths, headers = widths or {}, headers or {}

    def part(name: str, *content: object, role: str, **attributes: object) -> Html:
        return tag(name, *content, role=role if stacked else None, **attributes)

    def cell(name: str, value: Any, role: str, **attributes: object) -> Html:
        at_left = name == "th" or isinstance(value, str)
        style = None if stacked else f"text-align:{'left' if at_left else 'right'}"
        return part(name, _words(value), role=role, **attributes, style=style)

    columns = [str(name) for name in table.columns]
    head = [
        part(
            "th",
            headers.get(name, name),
            role="columnheader",
            scope="col",
            style=f"min-width:{widths[name]}" if name in widths else None,
        )
        for name in columns
    ]
    body = [
        part(
            "tr",
            cell("th", first, "rowheader", scope="row"),
            *(cell("td", value, "cell") for value in rest),
            role="row",
            **about,
        )
        for (first, *rest), about in zip(
            table.itertuples(index=False), rows or [{}] * len(table), strict=True
        )
    ]
    drawn = part(
        "table",
        *([] if stacked else [tag("caption", caption)]),
        part("thead", part("tr", *head, role="row"), role="rowgroup"),
        part("tbody", *body, role="rowgroup"),
        role="table",
        class_=f"table {classes}",
        aria_label=caption if stacked else None,
    )
    if stacked:
        return drawn
    place = {"class_": "medsam-scroll", "style": "overflow-x:auto", "tabindex": "0"}
    return tag("div", drawn, **place, role="region", aria_label=caption)


def _words(value: Any) -> object:
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) else f"{value:.2f}"
    return value


# Files that a page carries in itself, to be saved from it.


def embedded(content: bytes, kind: str) -> str:
    """A file as an address that holds it; ``kind`` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def links(files: Mapping[str, tuple[str, bytes]]) -> Html:
    """Links that save files, whose content is in the links.

    Parameters
    ----------
    files : mapping of str to (str, bytes)
        File name to the words of its link and its content.

    Returns
    -------
    Html
        Needs no other file and no script.

    Raises
    ------
    InputError
        If the kind of a file is unknown by its name.

    Examples
    --------
    >>> print(links({"a.txt": ("a text", b"hi")}))
    <p class="medsam-files"><a href="data:text/plain;base64,aGk=" download="a.txt">a text</a></p>
    """
    out = []
    for name, (words, content) in files.items():
        kind, _ = mimetypes.guess_type(name)
        if kind is None:
            raise InputError(f"File {name!r}. Allowed: a known ending, such as .pdf, .svg or .png.")
        out.append(tag("a", words, href=embedded(content, kind), download=name))
    return tag("p", Html(" · ".join(out)), class_="medsam-files")
