"""The data behind the percentile browser; what it draws is in tests/book/test_widget_page.py."""

import base64
import dataclasses
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from medsam.analysis.examples import Example
from medsam.errors import InputError, UnknownName
from medsam.metrics import dice, iou
from medsam.prompts import MODES, mode_prompt
from medsam.widgets import PercentileBrowser
from medsam.widgets.kit import state
from medsam.widgets.kit.runs import decode_mask, encode_mask


def example(task="liver", k=1, percentile=50, seed=0, size=(40, 50), **changes):
    """A case of two regions; the prediction is the object shifted by one pixel."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(size, bool)
    mask[5:15, 6:18], mask[25:32, 30:38] = True, True
    prediction = np.roll(mask, 1, axis=1)
    values = {
        "task": task,
        "image_id": f"case-{seed}",
        "model": "square",
        "protocol": "paper",
        "choice": "top",
        "k": k,
        "percentile": percentile,
        "image": np.repeat(rng.integers(0, 255, (*size, 1), np.uint8), 3, axis=2),
        "mask": mask,
        "prediction": prediction,
        "prompt": mode_prompt(mask, k),
        "iou": iou(mask, prediction),
        "dice": dice(mask, prediction),
        "score": 0.75,
    }
    return Example(**values | changes)


def grid(tasks=("liver", "spleen"), modes=(1, 2, 3, 4, 5), percentiles=(25, 50, 75)):
    return [example(t, k, p, seed=p) for t in tasks for k in modes for p in percentiles]


# ------------------------------------------------------------------- run lengths
def test_runs_by_hand():
    mask = np.array([[1, 0, 0], [0, 1, 1]], bool)
    assert encode_mask(mask) == [0, 1, 3, 2]
    assert encode_mask(np.zeros((2, 3), bool)) == [6]
    assert encode_mask(np.ones((2, 3), bool)) == [0, 6]


@given(
    arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.booleans())
)
def test_runs_round_trip(mask):
    runs = encode_mask(mask)
    assert sum(runs) == mask.size
    assert all(length > 0 for length in runs[1:])
    assert (decode_mask(runs, mask.shape) == mask).all()


def test_runs_of_another_shape():
    with pytest.raises(InputError, match=r"6 pixels for a mask of 2 x 4.*Allowed: runs that fill"):
        decode_mask([6], (2, 4))


# ------------------------------------------------------------------------ traits
def test_what_is_shown_first():
    browser = PercentileBrowser(grid(), {"spleen": "Spleen", "liver": "Liver"})
    assert (browser.task, browser.mode, browser.percentile) == ("spleen", 1, 50)
    assert browser.tasks == [["spleen", "Spleen"], ["liver", "Liver"]]
    assert browser.modes == [[k, words] for k, words in MODES.items()]
    assert browser.about == "square, protocol paper, most confident mask"


def test_case_holds_what_the_example_holds():
    shown = example(k=4)
    browser = PercentileBrowser([shown])
    case = browser.case
    assert case["id"] == "case-0"
    assert case["size"] == [40, 50]
    assert case["boxes"] == shown.prompt.boxes.tolist()
    assert case["points"] == []
    assert case["iou"] == pytest.approx(shown.iou, abs=5e-5)
    for name, mask in (("truth", shown.mask), ("prediction", shown.prediction)):
        runs = map(int, browser.masks[case[name]].split())
        assert (decode_mask(runs, mask.shape) == mask).all()


def test_pictures_and_masks_are_stored_once():
    browser = PercentileBrowser(grid())
    assert len(browser.images) == 3  # one a seed, that is a percentile
    assert len(browser.masks) == 2  # the object, and the object shifted
    assert {case["truth"] for m in browser.cases["liver"].values() for case in m.values()} == {"m0"}


@pytest.mark.parametrize("quality", [90, 100])
def test_pictures_are_the_images(monkeypatch, quality):
    monkeypatch.setattr(state, "QUALITY", quality)
    y, x = np.mgrid[:60, :80]
    image = np.repeat(np.uint8(x + 2 * y)[..., None], 3, axis=2)
    mask = np.zeros((60, 80), bool)
    mask[5:9, 5:9] = True
    shown = example(image=image, mask=mask, prediction=mask, prompt=mode_prompt(mask, 1))
    (uri,) = PercentileBrowser([shown]).images.values()
    head, text = uri.split(",")
    assert head in ("data:image/webp;base64", "data:image/png;base64")
    back = np.array(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))
    assert np.abs(back.astype(int) - image).max() <= (0 if quality == 100 else 12)


def test_large_pictures_are_made_smaller_and_masks_are_not():
    size = (40, 1280)
    browser = PercentileBrowser([example(size=size)])
    (uri,) = browser.images.values()
    picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert picture.size == (640, 20)
    assert browser.case["size"] == list(size)


def test_state_stays_small():
    """8 tasks, 5 modes, 3 percentiles of 200 x 200 px, every slot another picture."""
    tasks = [f"task-{i}" for i in range(8)]
    y, x = np.mgrid[:200, :200]
    slots = []
    for i, base in enumerate(grid(tasks)):
        rng = np.random.default_rng(i)
        # Smooth, as organs are, with the noise of a scanner.
        tissue = 120 + 60 * np.sin(x / 23 + i) * np.cos(y / 31) + rng.normal(0, 3, (200, 200))
        mask = np.hypot(x - 80 - i % 7, y - 100) < 30 + i % 11
        slots.append(
            dataclasses.replace(
                base,
                image=np.repeat(np.uint8(tissue)[..., None], 3, axis=2),
                mask=mask,
                prediction=np.roll(mask, 3, axis=0),
                prompt=mode_prompt(mask, base.k),
            )
        )
    browser = PercentileBrowser(slots)
    assert len(browser.images) == 120
    assert browser.state_bytes() < 1_500_000


def test_state_is_json_even_without_numbers():
    browser = PercentileBrowser([example(dice=float("nan"), score=float("nan"))])
    assert browser.case["dice"] is None
    assert browser.case["score"] is None
    json.dumps(browser.get_state(), allow_nan=False)


def test_a_missing_slot_is_no_error():
    cases = [example(k=1, percentile=25), example(k=2, percentile=75)]
    browser = PercentileBrowser(cases, {"liver": "Liver", "spleen": "Spleen"})
    browser.mode = 2
    browser.percentile = 25
    assert browser.case is None
    browser.task = "spleen"
    assert browser.case is None


def test_text_for_where_no_widget_is():
    browser = PercentileBrowser(grid(modes=(2, 4)))
    bundle = browser._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == (
        "PercentileBrowser(square, protocol paper, most confident mask; 2 tasks, modes 2, 4, "
        "percentiles 25, 50, 75; 3 images)"
    )
    assert "application/vnd.jupyter.widget-view+json" in data


def test_a_picture_where_no_script_runs():
    browser = PercentileBrowser(grid(), {"spleen": "Spleen", "liver": "Liver"})
    browser.mode = 4
    caption = browser.still().caption
    assert "Spleen, mode 4 (1 box per region (≤ 3)), percentile 50, case-50" in caption
    assert browser.still()._repr_html_().startswith("<noscript>")
    browser = PercentileBrowser(grid(tasks=("liver",)), {"spleen": "Spleen", "liver": "Liver"})
    assert browser.case is None  # the first task has none: another is drawn
    assert "Liver, mode 1" in browser.still().caption


# ------------------------------------------------------------------------ errors
def test_no_examples():
    with pytest.raises(InputError, match=r"No examples.*Allowed: at least one.*slots"):
        PercentileBrowser([])


def test_two_examples_of_one_slot():
    with pytest.raises(InputError, match=r"'case-1'.*percentile 50.*already holds 'case-0'"):
        PercentileBrowser([example(seed=0), example(seed=1)])


def test_examples_of_two_models():
    with pytest.raises(InputError, match=r"several models.*other.*Make a browser for each"):
        PercentileBrowser([example(), example(k=2, model="other")])


def test_sizes_that_differ():
    wrong = np.zeros((3, 4), bool)
    with pytest.raises(InputError, match=r"prediction \(3, 4\).*Allowed: one height and width"):
        PercentileBrowser([example(prediction=wrong)])


def test_a_task_without_a_title():
    with pytest.raises(UnknownName, match=r"'liver'.*Did you mean 'livers'"):
        PercentileBrowser([example()], {"livers": "Livers"})


def test_a_mode_that_does_not_exist():
    with pytest.raises(InputError, match=r"mode 6: no such mode. Allowed: 1, 2, 3, 4 or 5"):
        PercentileBrowser([dataclasses.replace(example(), k=6)])


@pytest.mark.parametrize(
    ("trait", "value", "error", "text"),
    [
        ("task", "livre", UnknownName, "Did you mean 'liver'"),
        ("mode", 4, InputError, "Mode 4. Allowed: 1, 2."),
        ("percentile", 10, InputError, "Percentile 10. Allowed: 25, 50, 75."),
    ],
)
def test_a_selection_that_is_not_there(trait, value, error, text):
    browser = PercentileBrowser(grid(modes=(1, 2)))
    with pytest.raises(error, match=text):
        setattr(browser, trait, value)


def test_import_is_light():
    heavy = {"torch", "onnxruntime", "pandas"}
    code = f"import sys, medsam.widgets; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
