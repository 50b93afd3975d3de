"""Ultrasound of breasts, kidneys, muscles, nerves and ovaries, as they are unpacked."""

import re
from pathlib import Path

import numpy as np
import pytest
from datasets.layouts.picture_checks import CHECKS, missing_mask
from datasets.layouts.picture_trees import (
    LEFT,
    RIGHT,
    ULTRASOUNDS,
    colour,
    eight_bit,
    grey,
    shape,
    write,
)

from medsam.datasets.layouts import open_dataset
from medsam.datasets.layouts.pictures import ASSUMPTIONS_ultrasound as ASSUMPTIONS
from medsam.datasets.sample import Sample
from medsam.errors import DataError, InputError

BUSI = Path(__file__).parents[4] / "shared" / "data" / "busi"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", ULTRASOUNDS)
def test_layout(name, check, tmp_path):
    if check is missing_mask and ULTRASOUNDS[name].missing is None:
        return  # test_unpaired_muscles
    check(ULTRASOUNDS[name], tmp_path)


def loaded(key, root):
    return {case.id: case.load() for case in open_dataset(key, root).cases()}


def reasons(key, root):
    found = {}
    for case in open_dataset(key, root).cases():
        try:
            case.load()
        except DataError as error:
            found[case.id] = str(error)
    return found


@pytest.mark.parametrize("name", ["kidney", "nerve", "ovary", "breast"])
def test_masks_that_are_there_twice(name, tmp_path):
    tree = ULTRASOUNDS[name]
    write(tmp_path, tree.files)
    mask, broken, _ = tree.missing
    write(tmp_path / "copy", {mask: tree.files[mask]})
    found = reasons(tree.key, tmp_path)
    assert list(found) == [broken]
    assert "take the copies out" in found[broken].lower()


@pytest.mark.parametrize(
    ("folder", "got", "other"), [("slice", "images", "masks"), ("mask", "masks", "images")]
)
def test_half_of_the_kidneys(folder, got, other, tmp_path):
    """The outer of two folders of one name: one error, not one an image."""
    write(tmp_path, ULTRASOUNDS["kidney"].files)
    with pytest.raises(InputError) as error:
        open_dataset("us_kidney", tmp_path / folder)
    assert str(error.value) == (
        f"US-Kidney: 2 {got} below {str(tmp_path / folder)!r}, such as '0.png', and none of the "
        f"{other}. Allowed: the folder that holds slice and mask. Give the folder above, or unpack "
        f"the {other} too."
    )


def test_images_that_are_there_twice(tmp_path):
    write(tmp_path, ULTRASOUNDS["breast"].files)
    write(tmp_path, ULTRASOUNDS["breast-folders"].files)
    found = reasons("us_breast", tmp_path)
    assert sorted(found) == sorted(ULTRASOUNDS["breast"].cases)
    assert all("2 images" in text for text in found.values())


def test_first_of_two_breast_masks_is_missing(tmp_path):
    """The second mask alone would pass for the whole lesion."""
    write(tmp_path, ULTRASOUNDS["breast"].files)
    (tmp_path / "Dataset_BUSI_with_GT/benign/benign (4)_mask.png").unlink()
    assert reasons("us_breast", tmp_path) == {
        "benign (4)": "Image 'benign (4).png' has the masks 'benign (4)_mask_1.png'. Allowed: one "
        "each of '_mask', '_mask_1', '_mask_2' and so on, without a gap. Unpack the archive again, "
        "or take the copies out."
    }


def test_normal_breasts_are_empty_cases(tmp_path):
    found = loaded("us_breast", write(tmp_path, ULTRASOUNDS["breast"].files))
    assert not found["normal (133)"].masks["us_breast"].any()


def test_unpaired_muscles(tmp_path):
    """A picture that loses its mask is left out and listed; alone, it is an error."""
    tree = ULTRASOUNDS["muscle"]
    write(tmp_path, tree.files)
    top = "Polito-Radboud-DeepLearningUS"
    (tmp_path / top / "BB/Healthy/Masks/12.png").unlink()
    dataset = open_dataset("us_muscle", tmp_path)
    assert len(dataset) == len(tree.cases) - 1
    lost = {f"{top}/BB/Healthy/Images/12.png": "an image without a mask"}
    assert dict(dataset.skipped) == tree.left_out | lost


def test_muscles_of_which_none_has_a_partner(tmp_path):
    top = "Polito-Radboud-DeepLearningUS/BB/Healthy"
    write(tmp_path, {f"{top}/Images/1.png": grey(), f"{top}/Masks/2.png": eight_bit(LEFT)})
    found = reasons("us_muscle", tmp_path)
    assert "Image '1.png' has no mask" in found["BB/Healthy/1"]
    assert "Mask '2.png' has no image" in found["BB/Healthy/2"]


def test_split_of_the_muscles_alone_is_another_folder(tmp_path):
    folder = "Segmentation_models/data/MuscleCNN"
    write(tmp_path, {f"{folder}/train/1.png": grey(), f"{folder}/trainannot/1.png": grey()})
    with pytest.raises(InputError, match="holds BB, GM and TA"):
        open_dataset("us_muscle", tmp_path)


def test_frames_of_a_subject_stay_together(tmp_path):
    """As text, 10_1 would stand before 1_10 and 1_2."""
    write(tmp_path, ULTRASOUNDS["nerve"].files)
    cases = open_dataset("us_nerve", tmp_path).cases()
    assert [case.id for case in cases] == ["01_001", "01_002", "01_010", "02_001", "10_001"]


def test_zips_inside_the_nerve_archive(tmp_path):
    write(tmp_path, {"train.zip": "PK", "test.zip": "PK", "train_masks.csv": "subject,img,pixels"})
    with pytest.raises(InputError, match=r"train, unpacked from train\.zip"):
        open_dataset("us_nerve", tmp_path)


def test_nerves_in_upper_case(tmp_path):
    files = {p.replace(".tif", ".TIF"): v for p, v in ULTRASOUNDS["nerve"].files.items()}
    assert len(loaded("us_nerve", write(tmp_path, files))) == 5


def test_two_copies_of_the_ovaries(tmp_path):
    write(tmp_path, ULTRASOUNDS["ovary"].files)
    write(tmp_path, ULTRASOUNDS["ovary-figshare"].files)
    with pytest.raises(InputError) as error:
        open_dataset("us_ovary", tmp_path)
    assert str(error.value) == (
        f"US-Ovarian-Tumor: two copies of the dataset below {str(tmp_path)!r}, with "
        f"'{tmp_path}/OTU_2d/images/1.JPG' and '{tmp_path}/dataset/OTU_2D/test/image/1.JPG'. "
        "Allowed: one. Give the folder of one of them."
    )


@pytest.mark.parametrize("name", ["OTU_3d", "OTU_CEUS"])
def test_contrast_enhanced_ovaries_are_another_dataset(name, tmp_path):
    write(
        tmp_path,
        {f"{name}/images/1.JPG": colour(grey()), f"{name}/annotations/1_binary.PNG": grey()},
    )
    for root in (tmp_path, tmp_path / name):
        with pytest.raises(InputError, match=r"holds images and annotations \(OTU_2d\)"):
            open_dataset("us_ovary", root)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (shape(LEFT), "Held on a: what is not 0 is the muscle"),
        (shape((4, 12, 0, 16)), "Held"),  # as wide as the picture
        (~shape(LEFT), "Did not hold on a: .* 100% of the uppermost row"),
        (shape((0, 12, 0, 16)), "Did not hold"),
        (shape(), None),
    ],
)
def test_what_a_muscle_can_tell(mask, expected):
    image = np.zeros((*mask.shape, 3), np.uint8)
    told = ASSUMPTIONS["us_muscle"](Sample("a", "a", image, {"us_muscle": mask}))
    if expected is None:
        assert told is None
    else:
        assert re.match(expected, told)


def test_muscle_mask_with_another_background_is_noticed(tmp_path):
    top = "Polito-Radboud-DeepLearningUS/BB/Healthy"
    mask = shape(RIGHT, value=255, dtype=np.uint8)
    mask[mask == 0] = 1
    write(tmp_path, {f"{top}/Images/1.png": grey(), f"{top}/Masks/1.png": mask})
    told = ASSUMPTIONS["us_muscle"](loaded("us_muscle", tmp_path)["BB/Healthy/1"])
    assert told.startswith("Did not hold on BB/Healthy/1")


@pytest.mark.skipif(not BUSI.is_dir(), reason="real breast ultrasound is not here")
def test_real_breasts():
    found = loaded("us_breast", BUSI)
    assert len(found) == 15
    pixels = {name: int(sample.masks["us_breast"].sum()) for name, sample in found.items()}
    assert {name for name, count in pixels.items() if not count} == {"normal (1)", "normal (2)"}
    # Lesions of two or three masks: their union, counted here with another reader.
    from PIL import Image

    for name in ("benign (195)", "benign (4)", "malignant (53)"):
        kind = name.partition(" ")[0]
        masks = (BUSI / "data" / kind / "mask").glob(f"{name}_mask*.png")
        each = [np.asarray(Image.open(path).convert("L")) > 0 for path in masks]
        assert len(each) == (3 if name == "benign (195)" else 2)
        assert pixels[name] == np.logical_or.reduce(each).sum() > max(one.sum() for one in each)
