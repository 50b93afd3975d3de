"""SAM in a real browser: a static page asks its worker, a notebook asks Python."""

from __future__ import annotations

import base64
import json

import pytest
from live_page import HEAD, POLICY, Live, expected, sample

from medsam.metrics import iou
from medsam.prompts import Prompt
from medsam.widgets.live import LiveSam
from medsam.widgets.static import SCRIPTS

pytestmark = pytest.mark.book

PARTS = [f".jupyter-widgets[data-widget='{name}']" for name in ("AmbiguityExplorer", "LiveSam")]
NAMES = "({ dataset: { code, style, traits } }) => [code, style, traits]"


def test_nothing_is_asked_before_the_reader_asks(open_page):
    watched, explorer, clicks, asked = open_page()
    first = len(asked)  # the page; the code, style and traits of two widgets; their picture
    parts = {name for place in PARTS for name in watched.page.locator(place).evaluate(NAMES)}
    assert parts < set(asked)
    assert {name for name in asked if "." in name and not name.endswith(".webp")} == {
        "index.html",
        *SCRIPTS,
        *parts,
    }
    assert explorer.root.locator(".mlv-card button").inner_text() == "Load the model (20 MB)"
    explorer.surface.hover(position={"x": 60, "y": 60})
    clicks.surface.click(position={"x": 60, "y": 60})
    assert "Load the model first" in clicks.text("told")
    assert len(asked) == first
    clicks.load()
    assert explorer.root.locator(".mlv-card").is_hidden()  # one model for both
    engine = {"worker.js", "prompt.js", "ort.js", "ort-engine.js", "ort-engine.wasm"}
    (features,) = set(asked[first:]) - engine - {"decoder.onnx"}
    assert features.endswith(".bin")
    assert len(asked) == len(set(asked))  # nothing twice
    explorer.root.locator("select").first.select_option("1")
    explorer.click(60, 75)
    # The picture of the other image, and its features.
    assert len(asked) == len(set(asked)) == first + 9
    assert watched.problems == []


def test_masks_and_scores_are_those_of_python(open_page, study):
    watched, explorer, _, _ = open_page()
    masks, scores = expected(study, Prompt(*explorer_first(explorer)))
    for k in range(3):  # drawn before the model is loaded
        assert iou(explorer.mask(f"mask-{k}"), masks[k]) == 1
    choice = explorer.root.locator("select").first
    assert "estimates" in explorer.text("told")
    choice.select_option("1")
    assert "estimates" not in explorer.text("told")  # they are of the other image
    choice.select_option("0")
    explorer.load()
    for image, point in ((0, (38, 60)), (0, (60, 30)), (1, (62, 110))):
        explorer.root.locator("select").first.select_option(str(image))
        explorer.click(*point)
        masks, scores = expected(study, Prompt([point], [1]), image)
        shown = explorer.root.locator(".mlv-masks b").all_text_contents()
        assert [float(v) for v in shown] == pytest.approx(scores, abs=0.0101)
        truths = study[1][image].masks.values()
        for k, mask in enumerate(masks):
            found = explorer.mask(f"mask-{k}")
            assert iou(found, mask) > 0.99
            for row, truth in enumerate(truths):
                cell = explorer.root.locator("tbody tr").nth(row).locator("td").nth(k)
                assert float(cell.text_content()) == pytest.approx(iou(found, truth), abs=0.0051)
    assert watched.problems == []


def explorer_first(explorer):
    """Point and label that the explorer begins with."""
    told = explorer.text("told")
    x, y = (int(part.split()[1]) for part in told.split(":")[0].split(","))
    return [[x, y]], [1]


def test_a_picture_where_scripts_are_off(folder, browser, serve_folder):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(serve_folder(folder) + "index.html")
    assert page.locator("noscript img, figure.medsam-still img").count() == 2
    for image in page.locator("figure.medsam-still").all():
        assert image.is_visible()
        assert image.inner_text().strip()
    context.close()


def test_a_server_without_the_model_is_said(open_page):
    watched, explorer, _, _ = open_page()
    watched.page.context.route("**/decoder.onnx", lambda route: route.fulfill(status=404))
    explorer.root.locator(".mlv-card button").click()
    explorer.root.get_by_text("decoder.onnx: the server answers 404").wait_for()
    assert explorer.root.locator(".mlv-card button").is_visible()  # to try again
    watched.page.context.unroute("**/decoder.onnx")
    explorer.load()
    explorer.click(38, 60)
    assert explorer.text("told").startswith("x 38, y 60:")


# -------------------------------------------------------------------- notebook
NOTEBOOK = """<script type="module">
import widget from "./widget.js";
const heard = [];
const traits = await (await fetch("state.json")).json();
const model = {
  get: (name) => traits[name], set: (name, value) => { traits[name] = value; }, save_changes() {},
  off() {}, on: (event, call) => { if (event === "msg:custom") heard.push(call); },
  async send(content) {
    const [reply, data] = JSON.parse(await window.python(JSON.stringify(content)));
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    for (const call of heard) call(reply, data ? [new DataView(bytes.buffer)] : []);
  },
};
widget.render({ model, el: document.querySelector("main") });
</script><main></main>"""


def test_in_a_notebook_python_answers(study, watch, serve_folder, tmp_path, monkeypatch):
    """The page without a site behind it, and the class's own answers to its own messages."""
    model, samples, rows = study
    widget = LiveSam(model, samples, {"left": "Left disc"}, rows)
    sent = []
    monkeypatch.setattr(widget, "send", lambda reply, buffers=(): sent.append((reply, buffers)))

    def python(text):
        widget._asked(widget, json.loads(text), [])
        reply, buffers = sent.pop()
        return json.dumps([reply, base64.b64encode(buffers[0]).decode() if buffers else ""])

    keys = ("kind", "about", "cases", "accepts", "in_browser", "downloads", "first", "case")
    state = {name: widget.get_state()[name] for name in keys}
    (tmp_path / "state.json").write_text(json.dumps(state))
    (tmp_path / "widget.js").write_text(str(widget._esm))
    page = HEAD.format(policy=POLICY, scripts="", body=NOTEBOOK)
    (tmp_path / "index.html").write_text(page)
    watched = watch(serve_folder(tmp_path))
    watched.page.expose_function("python", python)
    live = Live(watched.open("index.html"), "clicks")
    assert live.root.locator(".mlv-card").is_hidden()  # nothing to load
    live.click(84, 62)
    (mask, *_), _ = expected(study, Prompt([[84, 62]], [1]))
    assert (live.mask("prediction") == mask).all()
    live.drag(24, 46, 52, 74)
    (mask, *_), _ = expected(study, Prompt([[84, 62]], [1], [[24, 46, 52, 74]]))
    assert (live.mask("prediction") == mask).all()
    assert watched.problems == []


def test_an_image_of_ones_own(open_page, study, tmp_path):
    """Encoded in the browser, from a file that no request carries away."""
    from PIL import Image

    watched, _, clicks, asked = open_page()
    one = sample("mine", 5)
    Image.fromarray(one.image).save(tmp_path / "mine.png")
    sent = []
    watched.page.on("request", lambda request: sent.append(request.post_data))
    words = clicks.root.locator(".mlv-file").inner_text()
    assert words == "Try an image of your own (28 MB more)"
    clicks.root.locator("input[type='file']").set_input_files(tmp_path / "mine.png")
    clicks.root.get_by_text("mine.png is ready").first.wait_for(timeout=300_000)
    assert asked.count("encoder.onnx") == 1
    clicks.click(43, 60)
    model = study[0]
    (python,) = model.predict(model.embed(one.image), [Prompt([[43, 60]], [1])])
    assert iou(clicks.mask("prediction"), python.masks[python.ranking[0]]) > 0.99
    assert "The model’s estimate of its IoU: 0." in clicks.text("told")
    assert clicks.text("iou") == "–"
    # And back to an image of the page.
    clicks.root.locator("select").first.select_option("0")
    clicks.click(38, 60)
    assert "Left disc: IoU 0." in clicks.text("told")
    (tmp_path / "words.png").write_text("no picture")
    clicks.root.locator("input[type='file']").set_input_files(tmp_path / "words.png")
    clicks.root.get_by_text("words.png cannot be used").first.wait_for()
    assert set(sent) == {None}
    assert watched.problems == []
