"""Size scatter: its traits by hand, and in Chromium as a reader uses it."""

import json

import numpy as np
import pandas as pd
import pytest

from medsam.errors import InputError, UnknownName
from medsam.examples import Example
from medsam.prompts import mode_prompt
from medsam.widgets.scatter import SizeScatter, opening

PX = {"a": 4, "b": 16, "c": 100, "d": 400}


def found():
    """Four objects; mode 2 rises with size (rho 1), mode 4 falls (rho -1)."""
    rows = [
        {
            "dataset": "d", "task": "t" if name < "c" else "u", "name": "Liver", "modality": "CT",
            "image": name, "group": name, "object_px": px, "size": px / 400, "k": k,
            "iou": 0.2 * n if k == 2 else 0.9 - 0.2 * n,
        }
        for k in (2, 4)
        for n, (name, px) in enumerate(PX.items())
    ]  # fmt: skip
    return pd.DataFrame(rows)


def example(image="b"):
    mask = np.zeros((20, 20), bool)
    mask[4:8, 4:8] = True
    return Example(
        task="t", image_id=image, model="m", protocol="paper", choice="top", k=2, percentile=50,
        image=np.full((20, 20, 3), 90, np.uint8), mask=mask, prediction=np.roll(mask, 2, 1),
        prompt=mode_prompt(mask, 2), iou=0.2, dice=0.3, score=0.5,
    )  # fmt: skip


def test_points_by_hand():
    made = SizeScatter(found(), [example()], "Toy rows.")
    assert made.objects == [
        ["t", "a", 4, 0.01],
        ["t", "b", 16, 0.04],
        ["u", "c", 100, 0.25],
        ["u", "d", 400, 1.0],
    ]
    assert made.ious == {"2": [0.0, 0.2, 0.4, 0.6], "4": [0.9, 0.7, 0.5, 0.3]}
    assert (made.rhos["2/"], made.rhos["4/"]) == ([1.0, 4], [-1.0, 4])
    assert made.rhos["2/t"] == [None, 2]  # too few for a correlation
    assert list(made.cases) == ["2/1"]
    assert "4 objects of 2 tasks, 1 pictures" in repr(made)


def test_extremes_and_median_open():
    assert opening(found()).image.tolist() == ["a", "b", "c", "d"]


def test_what_cannot_be_selected_or_shown():
    made = SizeScatter(found())
    with pytest.raises(InputError, match=r"Mode 3\. Allowed: 2, 4"):
        made.mode = 3
    with pytest.raises(InputError, match=r"Object 4\. Allowed: -1 \(none\) to 3"):
        made.selected = 4
    with pytest.raises(UnknownName, match="lung"):
        made.task = "lung"
    with pytest.raises(InputError, match="0 rows of 0 datasets"):
        SizeScatter(found().iloc[:0])
    with pytest.raises(InputError, match="'z' of task 't', mode 2: not among the rows"):
        SizeScatter(found(), [example("z")])


HARNESS = """
const url = URL.createObjectURL(new Blob([ESM], {type: "text/javascript"}));
const state = STATE, heard = {};
window.model = {get: n => state[n], save_changes() {}, on: (n, f) => { heard[n] = f; }, off() {},
  set(n, v) { state[n] = v; heard["change:" + n]?.(); }};
const widget = (await import(url)).default;
widget.render({model: window.model, el: document.body});
window.ready = true;
"""


@pytest.mark.slow
def test_a_reader_uses_it(browser, tmp_path):
    made = SizeScatter(found(), [example()], "Toy rows.")
    names = ("mode", "task", "selected", "about", "tasks", "modes", "objects", "ious", "rhos")
    state = {n: getattr(made, n) for n in (*names, "images", "masks", "cases")}
    esm, css = str(made._esm), str(made._css)
    script = HARNESS.replace("ESM", json.dumps(esm)).replace("STATE", json.dumps(state))
    page_file = tmp_path / "page.html"
    page_file.write_text(
        f"<!doctype html><meta charset=utf-8><style>{css}</style><body>"
        f"<script type=module>{script}</script>"
    )
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.goto(page_file.as_uri())
    page.wait_for_function("window.ready")
    assert page.locator(".mss-plot [data-at]").count() == 4
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator('.mss-plot [data-at="1"]').click()
    assert "16 pixels (4.0 % of the image), IoU 0.200" in page.inner_text(".mss-card")
    # The outline is the mask's: four by four pixels from (4, 4).
    assert page.get_attribute(".mss-truth", "d") == "M4 4H8V8H4Z"
    assert page.get_attribute(".mss-prediction", "d") == "M6 4H10V8H6Z"
    page.locator(".mss-plot").press("ArrowRight")
    assert page.evaluate("window.model.get('selected')") == 2
    assert "No picture" in page.inner_text(".mss-card")
    page.get_by_label("Mode").select_option("4")
    assert "ρ −1.00 over 4 objects" in page.inner_text(".mss-rho")
    page.get_by_label("Task").select_option("t")
    assert page.locator(".mss-plot [data-at]").count() == 2
    page.set_viewport_size({"width": 1280, "height": 800})
    plot, card = (page.locator(name).bounding_box() for name in (".mss-plot", ".mss-card"))
    assert card["x"] >= plot["x"] + plot["width"]
    page.screenshot(path=tmp_path / "wide.png")
    page.close()
