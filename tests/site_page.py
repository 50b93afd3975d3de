"""Widgets in a page as the site has them: places, and the files that they name."""

from __future__ import annotations

from pathlib import Path

from ipywidgets.embed import embed_data
from live_page import NODE_MODULES

from medsam.widgets.publish import STATE, VIEW, published
from medsam.widgets.static import assets

# Every widget of the page, as a reader who goes through it would meet them.
SHOW = """async () => {
  const busy = ".jupyter-widgets[aria-busy]";
  for (const place of document.querySelectorAll(busy)) {
    if (!place.checkVisibility()) continue; // folded away
    place.scrollIntoView({ behavior: "instant" });
    const rest = () => new Promise((done) => setTimeout(done, 20));
    for (let n = 0; n < 500 && place.matches(busy); n++) await rest();
    scrollTo({ top: 0, behavior: "instant" });
  }
}"""


def notebook_of(state: dict, *models: str) -> dict:
    """An executed notebook that shows models of the state, a cell each."""
    outputs = [{"data": {VIEW: {"model_id": model}, "text/plain": ""}} for model in models]
    cells = [{"cell_type": "code", "outputs": [output]} for output in outputs]
    return {"metadata": {"widgets": {STATE: {"state": state}}}, "cells": cells}


def places(folder: Path, notebook: dict) -> str:
    """HTML of the notebook's places, in a page in the folder; also writes all that they name."""
    assets(folder, NODE_MODULES)
    made, _ = published(notebook, folder / "widgets", "page.ipynb", "widgets/")
    return "".join(cell["outputs"][0]["data"]["text/html"] for cell in made["cells"])


def saved(*widgets) -> dict:
    """A notebook with the widgets, as one that is executed saves them."""
    data = embed_data(views=list(widgets), drop_defaults=False)
    models = [view["model_id"] for view in data["view_specs"]]
    return notebook_of(data["manager_state"]["state"], *models)
