"""What the site serves for widgets: scripts, MathJax, the browser's model and its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from assets import assets, live_states
from publish import STATE
from toys import SquareModel
from widget_toys import sample

from medsam.widgets.live import DOWNLOADS, LiveSam

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
needs_node = pytest.mark.skipif(
    not (NODE_MODULES / "onnxruntime-web").is_dir(), reason="No node_modules; run `npm ci`"
)


def notebook(path: Path, *samples, in_browser=True) -> Path:
    """An executed notebook with a live widget."""
    widget = LiveSam(SquareModel(), list(samples))
    widget.in_browser = in_browser
    state = {"metadata": {"widgets": {STATE: {"state": {"0": {"state": widget.get_state()}}}}}}
    path.write_text(json.dumps(state, default=lambda _: None))
    return path


@needs_node
def test_without_live_widgets_scripts_and_formulas_are_served_once(tmp_path):
    site, other = tmp_path / "site", notebook(tmp_path / "a.ipynb", sample(), in_browser=False)
    files = assets(site, NODE_MODULES, [other])
    assert {path.relative_to(site).parts[0] for path in files} == {"widgets", "mathjax"}
    assert list((site / "mathjax").rglob("MathJax_Main-Regular.woff"))
    assert sum(file.stat().st_size for file in files) < 8_000_000
    times = [file.stat().st_mtime_ns for file in files]
    assert assets(site, NODE_MODULES) == files
    assert [file.stat().st_mtime_ns for file in files] == times


@needs_node
@pytest.mark.slow
def test_live_widgets_get_files_of_the_sizes_that_the_page_says(tmp_path):
    page = notebook(tmp_path / "a.ipynb", sample("a"), sample("b", shift=3))
    made = assets(tmp_path / "site", NODE_MODULES, [page])
    sizes = {file.name: file.stat().st_size for file in made}
    for what in ("engine", "decoder", "encoder"):
        assert sizes[DOWNLOADS[what]["name"]] == DOWNLOADS[what]["bytes"]
    (state,) = live_states(page)
    keys = {case["key"] for case in state["cases"]}
    features = {file.stem: sizes[file.name] for file in made if file.parent.name == "features"}
    assert features == dict.fromkeys(keys, DOWNLOADS["features"]["bytes"])
