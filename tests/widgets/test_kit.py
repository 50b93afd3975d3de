"""What the widgets share: bundles, pictures and masks in their state, stills."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from widget_toys import decoded, in_modes

from medsam.errors import InputError
from medsam.widgets.kit.bundle import bundle
from medsam.widgets.kit.state import data_uri, encode_mask
from medsam.widgets.kit.still import example_still


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


# ------------------------------------------------------------------------ stills
def test_a_still_holds_the_part_that_is_shown_its_words_and_a_picture():
    e = next(e for e in in_modes() if (e.k, e.choice) == (4, "top"))
    still = example_still([(e, (1, 1, 14, 10))] * 2, "Drawn.", "More.", numbered=True)
    for axes in still.picture.axes:
        assert (*axes.get_xlim(), *axes.get_ylim()) == (0.5, 14.5, 10.5, 0.5)
        corners = [(box.get_xy(), box.get_width()) for box in axes.patches]
        assert corners == [((1.5, 1.5), 4), ((9.5, 6.5), 4)]
    assert (still.alt, still.caption) == ("Drawn.", "Drawn. More.")
    text = still._repr_html_()
    assert text.startswith('<figure class="medsam-still"><img src="data:image/webp;base64,')
    assert "<figcaption>Drawn. More.</figcaption>" in text
