"""Files that a page carries in itself, to be saved from it."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from html import escape

from medsam.errors import InputError
from medsam.figures.tables import HtmlTable

__all__ = ["links"]


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
