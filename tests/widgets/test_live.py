"""The live widgets' Python side, and the JavaScript that computes; drawing is in tests/book."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from toys import SquareModel

from medsam.datasets.sample import Sample
from medsam.errors import DataError, InputError
from medsam.evaluation import evaluate
from medsam.metrics import dice, iou
from medsam.models.onnx_sam import postprocess
from medsam.predictions import Predictor
from medsam.prompts import Prompt
from medsam.widgets.live import AmbiguityExplorer, LiveSam, typical
from medsam.widgets.live.bundle import JS, bundle
from medsam.widgets.live.cases import clicks_of, describe, fingerprint, from_uri, lossless_uri
from medsam.widgets.live.decoder import browser_decoder, to_int16
from medsam.widgets.live.downloads import DOWNLOADS
from medsam.widgets.live.site import live_files, states
from medsam.widgets.percentiles import decode_mask, encode_mask

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
needs_weights = pytest.mark.skipif(
    not (NODE_MODULES / "onnxruntime-web").is_dir(), reason="No node_modules; run `npm ci`"
)


def sample(name="one", size=(60, 50), shift=0):
    """Two objects on a dark ground, one of them without a pixel where shift is 1."""
    y, x = np.mgrid[: size[0], : size[1]]
    disc = np.hypot(x - 20 - shift, y - 25) < 8
    bar = (abs(x - 38) < 3) & (abs(y - 40) < 9) & (shift != 1)
    image = np.repeat(np.uint8(20 + 150 * disc + 90 * bar)[..., None], 3, axis=2)
    return Sample(name, name, image, {"disc": disc, "bar": bar})


class Boxes(SquareModel):
    name = "boxes"
    accepts = frozenset({"box"})


def rows_of(samples):
    model = SquareModel()
    return pd.DataFrame(
        row | {"group": None}
        for one in samples
        for task in one.masks
        for row in evaluate(one, task, Predictor(model, one.image), surface=False)
    )


def node(script: str):
    """What a script that imports the widgets' modules prints as JSON."""
    if not shutil.which("node"):
        pytest.skip("No node on the PATH")
    command = ["node", "--input-type=module", "-"]
    done = subprocess.run(
        command, input=script, capture_output=True, text=True, check=False, cwd=JS
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---------------------------------------------------------------------- bundle
def test_a_bundle_holds_each_module_once_and_before_its_use(tmp_path):
    (tmp_path / "a.js").write_text("export const one = 1;\n")
    (tmp_path / "b.js").write_text('import { one } from "./a.js";\nexport const two = one + one;\n')
    imports = 'import { one } from "./a.js";\nimport { two } from "./b.js";\n'
    (tmp_path / "main.js").write_text(imports + "export default { one, two };\n")
    text = bundle("main.js", tmp_path)
    assert text == "const one = 1;\n\nconst two = one + one;\n\nexport default { one, two };\n"


def test_bundles_that_cannot_be(tmp_path):
    (tmp_path / "main.js").write_text('import { x } from "./gone.js";\nconst y = 1;\n')
    with pytest.raises(InputError, match=r"No module 'gone\.js'\. Allowed: main\.js\."):
        bundle("main.js", tmp_path)
    (tmp_path / "gone.js").write_text("export const x = 1;\nfunction y() {}\n")
    with pytest.raises(InputError, match=r"main\.js and gone\.js both declare 'y'"):
        bundle("main.js", tmp_path)


def test_the_widgets_module_runs_alone(tmp_path):
    (tmp_path / "widget.mjs").write_text(bundle("main.js"))
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
        import {{ fromBytes, fromRuns, overlap }} from "{JS.as_uri()}/masks.js";
        const a = fromBytes({packed}, 63);
        const b = fromRuns("{" ".join(map(str, encode_mask(b)))}", [7, 9]);
        const halves = [...fromHalf({numbers.view(np.uint16).tolist()})];
        console.log(JSON.stringify({{ halves, a: [...a], b: [...b], overlap: overlap(a, b) }}))"""
    )
    np.testing.assert_array_equal(found["halves"], numbers.astype(np.float64))
    np.testing.assert_array_equal(found["a"], a.ravel())
    np.testing.assert_array_equal(found["b"], b.ravel())
    assert found["overlap"] == pytest.approx({"iou": iou(a, b), "dice": dice(a, b)})


# ----------------------------------------------------------------------- cases
@given(arrays.arrays(np.uint8, (5, 7, 3)))
def test_pictures_come_back_bit_for_bit(image):
    assert (from_uri(lossless_uri(image), fingerprint(image)) == image).all()


def test_a_picture_of_other_pixels():
    image = sample().image
    with pytest.raises(DataError, match=r"has the pixels of .*Allowed: the picture as it was"):
        from_uri(lossless_uri(image), fingerprint(255 - image))


def test_what_is_told_of_an_image():
    one = sample(shift=1)
    (case,) = describe([one], {"disc": "Disc"})
    assert case["size"] == [60, 50]
    assert [(o["task"], o["title"]) for o in case["objects"]] == [("disc", "Disc")]  # bar is empty
    runs = map(int, case["objects"][0]["mask"].split())
    assert (decode_mask(runs, (60, 50)) == one.masks["disc"]).all()
    assert case["objects"][0]["clicks"] is None


def test_clicks_are_those_of_the_run():
    one = sample()
    rows = rows_of([one])
    told = clicks_of(rows, "one", "disc")
    run = rows.query("task == 'disc' and experiment == 'clicks' and choice == 'top'")
    count = len(told["points"])
    assert told["iou"] == pytest.approx(run.iou.tolist()[:count], abs=5e-5)
    for k in range(count):
        prompt = Prompt.from_json(run.prompt.iloc[k])
        assert prompt.points.tolist() == told["points"][: k + 1]
        assert prompt.labels.tolist() == told["labels"][: k + 1]
    assert clicks_of(rows, "one", "nothing") is None


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        ([], r"No image to try\. Allowed: at least one"),
        ([sample(), sample()], r"Image 'one' twice\. Allowed: each image once"),
        (
            [Sample("void", "void", sample().image, {"a": np.zeros((60, 50), bool)})],
            r"Image 'void' has no object\. Allowed: at least one mask with a pixel",
        ),
    ],
)
def test_images_that_cannot_be_tried(samples, text):
    with pytest.raises(InputError, match=text):
        describe(samples, {})


def test_typical_images():
    samples = [sample("a"), sample("b", shift=1), sample("c", shift=5), sample("d", shift=9)]
    cases = [SimpleNamespace(id=s.id, load=lambda s=s: s) for s in samples]
    rows = rows_of(samples)
    study = SimpleNamespace(rows=rows, dataset=SimpleNamespace(cases=lambda: cases))
    mode = rows.query("experiment == 'mode' and k == 1 and choice == 'top' and status == 'ok'")
    middle = {t: of.sort_values(["iou", "image"]).image.iloc[-(-len(of) // 2) - 1]
              for t, of in mode.groupby("task")}  # fmt: skip
    assert {s.id for s in typical(study, 2)} >= set(middle.values())
    found = typical(study, 3)
    assert len(found) == len({s.id for s in found}) == 3
    counts = [sum(m.any() for m in s.masks.values()) for s in found]
    assert counts == sorted(counts, reverse=True)
    empty = SimpleNamespace(rows=rows[:0], dataset=study.dataset)
    assert typical(empty) == []


# --------------------------------------------------------------------- widgets
@pytest.fixture
def widget(monkeypatch):
    """A widget whose answers are kept instead of sent."""
    made = LiveSam(SquareModel(), [sample("a"), sample("b", shift=4)], {"disc": "Disc"})
    made.sent = []
    monkeypatch.setattr(
        made, "send", lambda content, buffers=(): made.sent.append((content, buffers))
    )
    return made


def ask(widget, **content):
    widget._asked(widget, {"ask": "v-1", "points": [], "labels": [], "box": None} | content, [])
    return widget.sent[-1]


def test_python_answers_with_the_models_masks_most_confident_first(widget):
    content, (data,) = ask(widget, case=1, points=[[20, 30]], labels=[1])
    assert content == {"answer": "v-1", "scores": pytest.approx([0.9, 0.7, 0.5])}
    bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(3, -1), axis=1, bitorder="little")
    masks = bits[:, : 60 * 50].reshape(3, 60, 50).astype(bool)
    model = SquareModel()
    (one,) = model.predict(model.embed(sample("b", shift=4).image), [Prompt([[20, 30]], [1])])
    assert (masks == one.masks[one.ranking]).all()


def test_a_box_with_points_is_asked_as_one_prompt(widget):
    ask(widget, case=0, points=[[5, 6]], labels=[0], box=[1, 2, 30, 40])
    assert json.loads(widget._model.asked[-1]) == {
        "points": [[5, 6]], "labels": [0], "boxes": [[1, 2, 30, 40]],
    }  # fmt: skip


def test_an_image_is_encoded_once(widget):
    for x in range(3):
        ask(widget, case=0, points=[[x, 3]], labels=[1])
    assert widget._model.embedded == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"case": 2, "points": [[1, 1]], "labels": [1]}, "Image 2 of a live widget. Allowed: 0 to"),
        ({"case": 0}, "An empty prompt. Allowed: at least one point or one box."),
        ({"case": 0, "box": [9, 9, 1, 1]}, "A box that ends before it begins"),
    ],
)
def test_errors_are_told_to_the_page(widget, content, says):
    reply, buffers = ask(widget, **content)
    assert says in reply["error"]
    assert not buffers


def test_other_messages_are_not_answered(widget):
    widget._asked(widget, {"hello": 1}, [])
    assert widget.sent == []


def test_state_says_what_a_browser_can_run(widget):
    assert not widget.in_browser  # it is not minisam
    assert widget.accepts == ["box", "mask", "points"]
    assert widget.kind == "clicks"
    json.dumps({name: widget.get_state()[name] for name in ("cases", "downloads", "first")})
    with pytest.raises(InputError, match=r"Image 7\. Allowed: 0 to 1"):
        widget.case = 7
    assert repr(widget) == "LiveSam(square; 2 images)"


def test_the_explorer_begins_with_an_answer():
    explorer = AmbiguityExplorer(SquareModel(), [sample()])
    (x, y), first = explorer.first["points"][0], explorer.first
    assert sample().masks["disc"][int(y), int(x)]
    assert first["scores"] == pytest.approx([0.9, 0.7, 0.5])
    areas = [decode_mask(map(int, runs.split()), (60, 50)).sum() for runs in first["masks"]]
    assert areas == [49, 169, 9]  # squares of 7, 13 and 3 pixels


def test_a_picture_stands_where_scripts_are_off(widget):
    for one in (widget, AmbiguityExplorer(SquareModel(), [sample()])):
        html = one.still()._repr_html_()
        assert html.startswith("<noscript><figure")
        assert 'src="data:image/webp;base64,' in html
        assert "<figcaption>" in html
        assert 'alt="' in html
    colours = set(map(tuple, np.array(widget.still().picture).reshape(-1, 3).tolist()))
    assert (61, 220, 132) in colours


def test_models_and_studies_without_points():
    with pytest.raises(InputError, match=r"Model 'boxes' takes box prompts\. Allowed: a model"):
        LiveSam(Boxes(), [sample()])
    note = LiveSam.of(SimpleNamespace(model=Boxes()))
    assert "boxes takes no points" in note._repr_html_()
    nothing = SimpleNamespace(cases=lambda: [], title="nothing")
    rows = rows_of([sample()])[:0]
    study = SimpleNamespace(model=SquareModel(), rows=rows, dataset=nothing, titles={})
    assert "no case with an object" in repr(AmbiguityExplorer.of(study))


# --------------------------------------------------------------------- decoder
@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        elements=st.floats(-8, 8, width=32),
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
