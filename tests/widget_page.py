"""A widget alone in a page, without a kernel: its module is called with what the state says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from anywidget import AnyWidget
from live_page import HEAD, POLICY

_BODY = """<style>body { margin: 8px; } html[data-theme="dark"] body { background: #111; }</style>
<link rel="stylesheet" href="widget.css"><script type="module">
import widget from "./widget.js";
const traits = await (await fetch("state.json")).json();
const heard = {};
window.traits = traits;
const model = {
  get: (name) => traits[name], off() {}, save_changes() {},
  on: (event, call) => { heard[event] = call; },
  set: (name, value) => { traits[name] = value; heard[`change:${name}`]?.(); },
};
widget.render({ model, el: document.querySelector("main") });
</script><main></main>"""

_HOST = set(AnyWidget.class_trait_names(sync=True))
"""Of ipywidgets, not of the widget itself."""


def write_page(folder: Path, widget) -> None:
    """``index.html`` and what it needs; the traits are in ``window.traits`` of the page."""
    own = [name for name in widget.trait_names(sync=True) if name not in _HOST]
    (folder / "state.json").write_text(json.dumps({n: getattr(widget, n) for n in own}))
    (folder / "widget.js").write_text(str(widget._esm))
    (folder / "widget.css").write_text(str(widget._css))
    (folder / "index.html").write_text(HEAD.format(policy=POLICY, scripts="", body=_BODY))


def inside(path, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the pixels whose middle lies in a drawn path, as the browser decides it."""
    bits = path.evaluate(
        """(path, [rows, columns]) => {
          const area = new Path2D(path.getAttribute("d"));
          const pen = document.createElement("canvas").getContext("2d");
          return Array.from({ length: rows * columns }, (_, i) =>
            pen.isPointInPath(area, (i % columns) + 0.5, Math.floor(i / columns) + 0.5, "evenodd"));
        }""",
        list(size),
    )
    return np.array(bits, bool).reshape(size)
