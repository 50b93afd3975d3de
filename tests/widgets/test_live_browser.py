"""What the live widgets' page gets: its program, what that computes, its decoder, its files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from live_node import JS, node
from live_toys import sample
from toys import SquareModel

from medsam.errors import InputError
from medsam.metrics import dice, iou
from medsam.models.onnx_sam import postprocess
from medsam.prompts import Prompt
from medsam.widgets import kit
from medsam.widgets.kit.bundle import bundle
from medsam.widgets.kit.runs import encode_mask
from medsam.widgets.live import LiveSam
from medsam.widgets.live.decoder import browser_decoder, to_int16
from medsam.widgets.live.downloads import DOWNLOADS
from medsam.widgets.live.site import live_files, states

KIT = Path(kit.__file__).parent / "js"
NODE_MODULES = Path(__file__).parents[2] / "node_modules"
needs_weights = pytest.mark.skipif(
    not (NODE_MODULES / "onnxruntime-web").is_dir(), reason="No node_modules; run `npm ci`"
)


def test_the_widgets_module_runs_alone(tmp_path):
    (tmp_path / "widget.mjs").write_text(bundle(JS / "main.js"))
    text = "import w from '%s'; console.log(JSON.stringify(Object.keys(w.default ?? w)))"
    assert node(text % (tmp_path / "widget.mjs").as_uri()) == ["render"]


# ------------------------------------------------------------- what JS computes
@pytest.mark.parametrize("size", [(218, 182), (60, 200), (1500, 700)])
def test_logits_become_the_same_mask_as_in_python(size):
    rng = np.random.default_rng(3)
    coarse = rng.normal(0, 4, (12, 12))
    logits = np.kron(coarse, np.ones((22, 22)))[:256, :256].astype(np.float32)
    (expected,) = postprocess(logits[None], size)
    script = f"""import {{ toMask }} from "{JS.as_uri()}/prompt.js";
      const bits = toMask(Float32Array.from({logits.ravel().tolist()}), {list(size)});
      console.log(JSON.stringify([...bits]))"""
    found = np.array(node(script), bool).reshape(size)
    assert iou(found, expected) > 0.9999


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt([[10, 20], [30, 5]], [1, 0]),
        Prompt(boxes=[[3, 4, 40, 50]]),
        Prompt([[7, 8]], [0], [[1, 2, 30, 40]]),
    ],
)
def test_the_decoder_is_fed_as_in_python(prompt):
    from medsam.models.contract import Embedding
    from medsam.models.onnx_sam import MiniSam

    feed = MiniSam._feed(None, Embedding(None, (218, 182)), prompt)
    given = {"points": prompt.points.tolist(), "labels": prompt.labels.tolist()}
    given["box"] = prompt.boxes[0].tolist() if len(prompt.boxes) else None
    found = node(
        f"""import {{ feed }} from "{JS.as_uri()}/prompt.js";
        const {{ coordinates, labels }} = feed([218, 182], {json.dumps(given)});
        console.log(JSON.stringify([[...coordinates], [...labels]]))"""
    )
    np.testing.assert_allclose(found[0], feed["point_coords"].ravel(), rtol=1e-6)
    assert found[1] == feed["point_labels"].ravel().tolist()


def test_half_precision_masks_and_overlaps_are_read_as_written():
    rng = np.random.default_rng(0)
    numbers = np.concatenate([rng.normal(0, 3, 50), [0, -0.0, 6e-8, -3e-6, 65504]]).astype("<f2")
    a, b = rng.random((2, 7, 9)) > 0.5
    packed = np.packbits(a.ravel(), bitorder="little").tolist()
    found = node(
        f"""import {{ fromHalf }} from "{JS.as_uri()}/prompt.js";
        import {{ fromBytes, fromRuns, overlap }} from "{KIT.as_uri()}/masks.js";
        const a = fromBytes({packed}, 63);
        const b = fromRuns("{" ".join(map(str, encode_mask(b)))}", [7, 9]);
        const halves = [...fromHalf({numbers.view(np.uint16).tolist()})];
        console.log(JSON.stringify({{ halves, a: [...a], b: [...b], overlap: overlap(a, b) }}))"""
    )
    np.testing.assert_array_equal(found["halves"], numbers.astype(np.float64))
    np.testing.assert_array_equal(found["a"], a.ravel())
    np.testing.assert_array_equal(found["b"], b.ravel())
    assert found["overlap"] == pytest.approx({"iou": iou(a, b), "dice": dice(a, b)})


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


@needs_weights
@pytest.mark.slow
def test_the_browsers_decoder_gives_the_studys_masks():
    import onnxruntime as ort

    from medsam.models import load
    from medsam.models.checkpoints import verified

    data = browser_decoder(verified("minisam-decoder"))
    assert len(data) == DOWNLOADS["decoder"]["bytes"]
    model = load("minisam")
    embedding = model.embed(sample(size=(120, 100)).image)
    prompts = [Prompt([[20, 25]], [1]), Prompt([[38, 40], [20, 25]], [1, 0])]
    prompts.append(Prompt(boxes=[[10, 15, 30, 35]]))
    expected = model.predict(embedding, prompts)
    embedding.features[:] = embedding.features.astype(np.float16)
    model._decoder = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    for one, other in zip(expected, model.predict(embedding, prompts), strict=True):
        assert (one.ranking == other.ranking).all()
        np.testing.assert_allclose(one.scores, other.scores, atol=2e-3)
        assert min(map(iou, one.masks, other.masks)) > 0.99


# ------------------------------------------------------------------------ site
def notebook(path, *widgets):
    models = {str(i): {"state": w.get_state()} for i, w in enumerate(widgets)}
    kept = {"application/vnd.jupyter.widget-state+json": {"state": models}}
    state = {"metadata": {"widgets": kept}}
    path.write_text(json.dumps(state, default=lambda _: None))
    return path


def test_only_what_a_browser_can_run_is_served(tmp_path):
    path = notebook(tmp_path / "a.ipynb", LiveSam(SquareModel(), [sample()]))
    assert states(path) == []
    assert live_files(tmp_path / "site", [path], tmp_path) == []
    assert not (tmp_path / "site").exists()


def in_browser(samples):
    widget = LiveSam(SquareModel(), samples)
    widget.in_browser = True
    return widget


def test_packages_that_are_missing(tmp_path):
    path = notebook(tmp_path / "a.ipynb", in_browser([sample()]))
    with pytest.raises(InputError, match=r"ort\.wasm\.min\.mjs is not there.*npm ci"):
        live_files(tmp_path / "site", [path], tmp_path / "node_modules")


@needs_weights
@pytest.mark.slow
def test_the_site_has_the_sizes_that_the_page_says(tmp_path):
    widget = in_browser([sample("a"), sample("b", shift=3)])
    path = notebook(tmp_path / "a.ipynb", widget, widget)
    made = live_files(tmp_path / "site", [path], NODE_MODULES)
    sizes = {file.name: file.stat().st_size for file in made}
    for what in ("engine", "decoder"):
        assert sizes[DOWNLOADS[what]["name"]] == DOWNLOADS[what]["bytes"]
    features = [file for file in made if file.parent.name == "features"]
    assert {file.stem for file in features} == {case["key"] for case in widget.cases}
    assert {file.stat().st_size for file in features} == {DOWNLOADS["features"]["bytes"]}
    times = [file.stat().st_mtime_ns for file in made]
    assert [f.stat().st_mtime_ns for f in live_files(tmp_path / "site", [path], NODE_MODULES)] == (
        times
    )
