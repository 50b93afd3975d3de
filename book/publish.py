"""Widgets and downloads of an executed notebook as files, fetched when a reader is near or asks.

In the notebook the state of each widget is whole, for JupyterLab. In the site it is apart, beside
``boot.js``, and the page holds places that name the files::

    widgets/parts/<hash>.js      code of a class, or the traits of a model
    widgets/parts/<hash>.css     style of a class
    widgets/tiles/<hash>.webp    a picture; also .png, .jpeg, .gif
    widgets/files/<hash>.pdf     what an output's HTML shows or offers; also .png, .svg, .webp

A file is named by its content: what pages or models share is there once. A script leaves what it
holds at its own element. They are scripts rather than modules and JSON because a page that is
opened from a folder may load no others.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from medsam.errors import InputError
from medsam.files import write_if_new

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
"""Media types: of all models in a notebook's metadata, and of an output that shows one of them."""

_PICTURE = re.compile(r"data:image/(png|webp|jpeg|gif);base64,([A-Za-z0-9+/=]+)")
_INLINE = re.compile(r'\b(href|src)="data:([\w/+.-]+);base64,([A-Za-z0-9+/=]+)"')
_ENDINGS = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/webp": "webp",
}
_TILE = re.compile(r'"medsam-tile:(\w+\.\w+)"')
_EXPORT = re.compile(r"^export default ", re.M)
_MODULE = re.compile(r"^(?:import|export)\b", re.M)


class _Files:
    """Files below a folder, named by their content."""

    def __init__(self, folder: Path, base: str):
        self.folder, self.base, self.made = folder, base, dict[Path, None]()

    def add(self, below: str, ending: str, content: bytes) -> str:
        """Write a file unless it is there; returns its name."""
        name = f"{hashlib.blake2b(content, digest_size=8).hexdigest()}.{ending}"
        path = self.folder / below / name
        write_if_new(path, content)
        self.made[path] = None
        return name

    def tiles(self, value: Any) -> Any:
        """The value with a mark in place of each picture in it."""
        if isinstance(value, Mapping):
            return {key: self.tiles(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.tiles(each) for each in value]
        if isinstance(value, str) and (found := _PICTURE.fullmatch(value)):
            return f"medsam-tile:{self.add('tiles', found[1], base64.b64decode(found[2]))}"
        return value

    def traits(self, state: Mapping[str, Any]) -> str:
        """The traits of a model but for what is Jupyter's; pictures are addresses."""
        kept = {n: value for n, value in state.items() if not n.startswith("_") and n != "layout"}
        text = json.dumps(self.tiles(kept), ensure_ascii=False, separators=(",", ":"))
        # Only the page knows where the site stands; what it fills in holds on every page.
        text = _TILE.sub(r'window.medsamWidgets+"tiles/\1"', text)
        return self.add("parts", "js", f"document.currentScript.holds={text};\n".encode())

    def code(self, module: str) -> str:
        """A module as a script that holds what the module exports by default."""
        if len(_EXPORT.findall(module)) != 1 or len(_MODULE.findall(module)) != 1:
            raise InputError(
                "Code of a widget that imports, or exports more than its default. Allowed: one "
                "`export default`. Join its modules with medsam.widgets.kit.bundle.bundle."
            )
        body = _EXPORT.sub("const exported = ", module)
        body = f'(() => {{\n"use strict";\n{body}\nreturn exported;\n}})()'
        text = f"document.currentScript.holds = {body};\n"
        return self.add("parts", "js", text.encode())

    def html(self, text: str) -> str:
        """HTML with an address in place of each file in it."""

        def address(found: re.Match[str]) -> str:
            if found[2] not in _ENDINGS:
                return found[0]
            name = self.add("files", _ENDINGS[found[2]], base64.b64decode(found[3]))
            return f'{found[1]}="{escape(self.base)}files/{name}"'

        return _INLINE.sub(address, text)

    def place(self, model: str, state: Mapping[str, Any]) -> str:
        """HTML in which boot.js shows the model."""
        names = {
            "widget": state["_anywidget_id"].rpartition(".")[2],
            "model": model,
            "code": self.code(state["_esm"]),
            "style": self.add("parts", "css", state.get("_css", "").encode()),
            "traits": self.traits(state),
        }
        data = " ".join(f'data-{name}="{escape(value)}"' for name, value in names.items())
        return f'<div class="jupyter-widgets" aria-busy="true" {data}></div>'


def _ours(state: Mapping[str, Any], page: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Identifier and state of each widget of this package.

    Raises
    ------
    InputError
        If there is another, which needs a kernel.
    """
    for model, entry in state.items():
        if entry["model_name"] == "LayoutModel":
            continue  # each widget has one, for JupyterLab
        kind = entry["state"].get("_anywidget_id", "")
        if entry["model_module"] != "anywidget" or not kind.startswith("medsam."):
            name = kind or f"{entry['model_module']}.{entry['model_name']}"
            raise InputError(
                f"{page} shows a widget of the class {name}. Allowed: widgets of medsam.widgets, "
                "which need no kernel. Take it out of the notebook, or write it as one of those."
            )
        yield model, entry["state"]


def published(
    notebook: Mapping[str, Any], folder: str | Path, page: str, base: str = "../widgets/"
) -> tuple[dict[str, Any], list[Path]]:
    """A notebook whose outputs hold places for its widgets, which are written as files.

    Parameters
    ----------
    notebook : mapping
        An executed notebook as nbformat reads it; it stays as it is.
    folder : path
        ``widgets/`` of the site.
    page : str
        What to call the notebook in an error.
    base : str
        Address of the folder as seen from the page.

    Returns
    -------
    notebook : dict
        Without widget state and without files inside HTML. The first place brings ``boot.js``.
    files : list of Path
        Every file that the page names, whether or not it had to be written.

    Raises
    ------
    InputError
        If a widget is not one of this package, or its code is not one module.
    """
    made, files = copy.deepcopy(dict(notebook)), _Files(Path(folder), base)
    kept = made["metadata"].pop("widgets", {}).get(STATE, {}).get("state", {})
    states = dict(_ours(kept, page))
    script = f'<script src="{escape(base)}boot.js" defer></script>'
    for cell in made["cells"]:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            # Those that are glued too, whose kind has a prefix.
            for kind in [kind for kind in data if kind.endswith("text/html")]:
                data[kind] = files.html(data[kind])
            view = data.pop(VIEW, None)
            if view is None:
                continue
            if view["model_id"] not in states:
                raise InputError(
                    f"{page} shows a widget whose state it does not hold. Allowed: a notebook "
                    "that was saved with its widgets. Execute it again with papermill."
                )
            place = files.place(view["model_id"], states[view["model_id"]])
            data["text/html"] = script + place
            script = ""
    return made, list(files.made)
