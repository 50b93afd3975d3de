"""Text of a page with its computed numbers and figures, in a notebook and in the book.

``%load_ext medsam.pages.text`` lets a cell ``%%markdown`` quote what the notebook has computed, in
the words of MyST-NB::

    %%markdown
    One point gives {glue:text}`mode1:.3f`.

    ```{glue:figure} fig4
    :alt: What is drawn, and what it shows.

    Caption.
    ```

The notebook shows numbers, figures and captions, whatever opens it. In the book the cell becomes
the Markdown that it holds, see ``book/cells.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from IPython import display as ipython_display
from IPython.core import formatters
from nbformat import NotebookNode

from medsam.errors import UnknownName

MAGIC = "%%markdown\n"
"""What such a cell begins with."""

FOLDER = "data"
"""Folder of the site, beside ``notebooks``, in which the tables behind figures are."""

KEY = "medsam"
"""Of what a notebook carries for the site, in the metadata of an output."""

_HIDDEN = "application/papermill.record/"
"""Before the media type of what is only kept for the text."""

_FENCE = re.compile(r"^(`{3,}|:{3,})(?:\{([\w:-]*)\})?(.*)$")
_OPTION = re.compile(r"^:[\w-]+:")
_ROLE = re.compile(r"\{(cite|glue:text|glue:md|glue:)\}`([^`:]+)(?::([^`]*))?`")
_LABEL = re.compile(r"^\([\w-]+\)=$")
_KEY = re.compile(r"([a-z]+)(\d{4})\w*")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>$#|~^])")

_ipython: Any = ipython_display  # the functions of these carry no types
_formatters: Any = formatters

_kept: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {}  # value, media, metadata


# ------------------------------------------------------------------------------ values
def keep(name: str, value: Any) -> None:
    """Keep a figure for the cell of text that shows it."""
    _kept[name] = (value, *_formatters.format_display_data(value))


def glue(name: str, value: Any) -> None:
    """Keep a value (a number, a word, a table) for the text of the page, without showing it."""
    # NumPy's numbers print as np.float64(...), which the text could not format.
    keep(name, value.item() if isinstance(value, np.generic) else value)
    _, media, metadata = _kept[name]
    hidden = {f"{_HIDDEN}{kind}": content for kind, content in media.items()}
    _ipython.publish_display_data(
        hidden, metadata | {"scrapbook": {"name": name, "mime_prefix": _HIDDEN}}
    )


def glue_all(prefix: str, values: Mapping[str, Any]) -> None:
    """:func:`glue` each value as ``<prefix>-<key>``."""
    for key, value in values.items():
        glue(f"{prefix}-{key}", value)


def _value(name: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    if name not in _kept:
        raise UnknownName("value of the text", name, _kept)
    return _kept[name]


# ------------------------------------------------------------------------------ in a notebook
def load_ipython_extension(shell: Any) -> None:
    """Let cells ``%%markdown`` quote what the notebook has computed."""
    shell.register_magic_function(lambda _, cell: markdown(cell), "cell", "markdown")


def markdown(text: str) -> None:
    """Show the text of a page in a notebook, its numbers filled in and its figures in place."""
    for kind, content in parts(text):
        if kind == "text":
            _ipython.display(_ipython.Markdown(content))
            continue
        _, media, metadata = _value(content)
        # Under its name, for the book; the rest of what the text quotes is glued already.
        named = {"scrapbook": {"name": content, "mime_prefix": ""}} if kind == "figure" else {}
        _ipython.publish_display_data(media, metadata | named)


def parts(text: str) -> Iterator[tuple[str, str]]:
    """What a notebook shows of the text of a page, one after the other.

    Parameters
    ----------
    text : str
        MyST Markdown; of its directives those that the notebooks use.

    Yields
    ------
    kind, content : str
        ``text`` with CommonMark, ``figure`` or ``value`` with the name of what was kept.

    Raises
    ------
    UnknownName
        If the text quotes what was not kept.
    """
    lines: list[str] = []
    for kind, content in _parts(text.splitlines()):
        if kind == "line":
            lines.append(content)
            continue
        yield from _joined(lines)
        lines.clear()
        yield kind, content
    yield from _joined(lines)


def _joined(lines: list[str]) -> Iterator[tuple[str, str]]:
    if text := "\n".join(lines).strip():
        yield "text", text


def _parts(lines: list[str]) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(lines):
        fence, line = _FENCE.match(lines[at]), lines[at]
        at += 1
        if not fence:
            if not _LABEL.match(line):
                yield "line", _ROLE.sub(_quoted, line)
            continue
        end = lines.index(fence[1], at)
        inside, at = lines[at:end], end + 1
        if fence[2] is None:  # code
            yield from (("line", one) for one in [line, *inside, fence[1]])
        else:
            while inside and (_OPTION.match(inside[0]) or not inside[0]):
                inside = inside[1:]
            yield from _directive(fence[2], fence[3].strip(), inside)


def _directive(name: str, argument: str, inside: list[str]) -> Iterator[tuple[str, str]]:
    if name == "glue:md":
        yield from _parts(_value(argument)[1]["text/markdown"].splitlines())
    elif name == "glue:":
        yield "value", argument
    elif name == "glue:figure":
        yield "figure", argument
        yield from _parts(inside)
    elif name == "button-ref":
        yield "line", f"[{' '.join(inside)}]({argument})"
    elif name in ("important", "note", "admonition"):
        yield "line", f"> **{argument or name.capitalize()}**\n>"
        for kind, content in _parts(inside):
            yield kind, f"> {content}"
    else:  # what only lays out a page
        if name in ("grid-item-card", "dropdown"):
            yield "line", f"**{argument}**\n"
        yield from _parts(inside)
    yield "line", ""


def _quoted(found: re.Match[str]) -> str:
    """Words in place of a role."""
    role, name, form = found.groups()
    if role == "cite":
        said = [_KEY.fullmatch(key.strip()) for key in name.split(",")]
        return f"({'; '.join(f'{one[1].capitalize()} {one[2]}' for one in said if one)})"
    value, media, _ = _value(name)
    if role == "glue:text":
        return format(value, form or "") if not isinstance(value, str) else plain(value)
    return str(media["text/markdown"]) if role == "glue:md" else ""  # links within the site


def plain(words: str) -> str:
    r"""Words of a person's own, such as the name of a folder, that Markdown shows as they are.

    Examples
    --------
    >>> print(plain("liver_mr [v2]"))
    liver\_mr \[v2\]
    """
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))


def prose(cell: NotebookNode) -> bool:
    """Whether a cell is text of the page: Markdown, or Markdown that quotes values."""
    return bool(cell.cell_type == "markdown" or cell.source.startswith(MAGIC))
