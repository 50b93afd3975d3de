"""What the widgets share: bundles, pictures and masks in their state, stills."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from widget_toys import OBJECT, decoded, in_modes

from medsam.errors import InputError
from medsam.widgets.kit.bundle import bundle
from medsam.widgets.kit.cases import around
from medsam.widgets.kit.state import data_uri, encode_mask
from medsam.widgets.kit.still import (
    NEGATIVE,
    PREDICTION,
    PROMPT,
    TRUTH,
    example_still,
    painted,
)

GREY = np.full((40, 60, 3), 120, np.uint8)


# ---------------------------------------------------------------------- bundles
def test_a_bundle_holds_each_module_once_and_before_its_use(tmp_path):
    (tmp_path / "a.js").write_text("export const one = 1;\n")
    (tmp_path / "b.js").write_text('import { one } from "./a.js";\nexport const two = one + one;\n')
    imports = 'import { one } from "./a.js";\nimport { two } from "./b.js";\n'
    (tmp_path / "main.js").write_text(imports + "export default { one, two };\n")
    text = bundle(tmp_path / "main.js")
    assert text == "const one = 1;\n\nconst two = one + one;\n\nexport default { one, two };\n"
    (tmp_path / "b.js").write_text("export const one = 2, two = 3;\n")
    with pytest.raises(InputError, match=r"b\.js and a\.js both declare 'one'"):
        bundle(tmp_path / "main.js")


# ------------------------------------------------------------------------- state
@given(
    arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.booleans())
)
def test_masks_come_back_from_their_runs(mask):
    runs = encode_mask(mask)
    assert (decoded(runs, mask.shape) == mask).all()
    assert "0" not in runs.split()[1:]


def test_pictures_are_the_images_and_large_ones_become_smaller():
    y, x = np.mgrid[:60, :80]
    image = np.repeat(np.uint8(x + 2 * y)[..., None], 3, axis=2)

    def back(uri):
        return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB")

    assert np.abs(np.array(back(data_uri(image))).astype(int) - image).max() <= 12
    assert back(data_uri(np.tile(image, (1, 16, 1)))).size == (640, 30)


def test_a_window_grows_with_what_is_inside_and_stays_in_the_image():
    mask = np.zeros((200, 300), bool)
    mask[60:81, 100:121] = True
    assert around(mask) == [92, 52, 128, 88]  # 20 wide: the least margin
    assert around(mask, [[160, 70]]) == [82, 42, 178, 98]  # 60 wide: a margin of 18
    assert around(OBJECT, [[15, 0]]) == [0, 0, 15, 11]


# ------------------------------------------------------------------------ stills
def coloured(picture, colour):
    return (np.array(picture) == colour).all(axis=2)


def test_truth_is_solid_and_a_prediction_dashed():
    mask = np.zeros(GREY.shape[:2], bool)
    mask[10:30, 10:30] = True
    solid = coloured(painted(GREY, [(mask, TRUTH)]), TRUTH)
    dashed = coloured(painted(GREY, [(mask, PREDICTION)]), PREDICTION)
    assert solid[20, 20:60].all()  # the upper edge, 2 pixels of the picture for one of the image
    assert not solid[40, 40]
    assert (solid | ~dashed).all()
    assert solid.sum() * 0.55 < dashed.sum() < solid.sum() * 0.8  # 7 of 11, and the ends


def test_boxes_reach_their_last_pixel_stars_are_positive_and_minus_signs_negative():
    y, x = np.nonzero(coloured(painted(GREY, [], boxes=[[10, 5, 29, 19]]), PROMPT))
    assert (x.min(), y.min(), x.max(), y.max()) == (20, 10, 60, 40)
    picture = painted(GREY, [], [[15, 20], [45, 20]], labels=[1, 0])
    assert coloured(picture, PROMPT)[41, 31]
    assert coloured(picture, NEGATIVE)[41, 91]


def test_a_still_keeps_the_prompt_in_place():
    e = next(e for e in in_modes() if (e.k, e.choice) == (4, "top"))
    still = example_still(e, (1, 1, 14, 10), "Drawn.", "More.")
    y, x = np.nonzero(coloured(still.picture, PROMPT))
    assert (x.min(), y.min()) == (34, 34)  # the box begins at column 2, row 2
    assert (still.alt, still.caption) == ("Drawn.", "Drawn. More.")
    assert still._repr_html_().startswith('<figure class="medsam-still"><img src="data:')
