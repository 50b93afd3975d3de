"""The 2D datasets as their archives unpack: what is found, and what is said."""

import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
from datasets.layouts.layout_checks import opened, reasons, samples
from datasets.layouts.picture_trees import (
    LEFT,
    TREES,
    colour,
    eight_bit,
    grey,
    hip,
    radiograph,
    shape,
    write,
)
from PIL import Image

from medsam.datasets.catalog import entry
from medsam.errors import InputError

ALL = pytest.mark.parametrize("name", TREES)
MUSCLES = "Polito-Radboud-DeepLearningUS"


@ALL
def test_everything_is_found(name, tmp_path):
    """Tasks, ids, groups, masks, images, what is left out, and settings."""
    tree = TREES[name]
    dataset = opened(tree.key, write(tmp_path, {**tree.files, "notes.txt": "mine"}))
    cases = list(dataset.cases())
    assert dataset.tasks == tuple(task.key for task in entry(tree.key).tasks)
    assert [case.id for case in cases] == sorted(tree.cases)
    assert len(dataset) == len(tree.cases)
    assert dataset.settings == {"intensity": "max"}
    expected = (grey() / grey().max() * 255).astype(np.uint8)[..., None]
    for case in cases:
        group, objects = tree.cases[case.id]
        sample = case.load()
        assert (case.group, sample.group, sample.id) == (group, group, case.id)
        assert case.tasks == dataset.tasks
        for task, boxes in objects.items():
            assert (sample.masks[task] == shape(*boxes)).all(), (case.id, task)
        # JPEG is close to what was saved, the other formats keep it.
        far = np.abs(sample.image.astype(int) - expected).max()
        assert far <= (6 if tree.key == "us_ovary" else 0), case.id
    assert dict(dataset.skipped) == {"notes.txt": "not part of the layout", **tree.left_out}


@ALL
def test_order_of_files_does_not_matter(name, tmp_path):
    tree, found = TREES[name], []
    for number, order in enumerate((sorted(tree.files), sorted(tree.files, reverse=True))):
        dataset = opened(tree.key, write(tmp_path / str(number), tree.files, order))
        found.append([(case.id, case.group, case.digest()) for case in dataset.cases()])
    assert found[0] == found[1]


@pytest.mark.parametrize("name", [name for name in TREES if TREES[name].missing])
def test_a_missing_mask_or_one_twice_is_one_broken_case(name, tmp_path):
    tree = TREES[name]
    path, broken, text = tree.missing
    write(tmp_path / "missing", tree.files)
    (tmp_path / "missing" / path).unlink()
    found = reasons(opened(tree.key, tmp_path / "missing"))
    assert list(found) == [broken]
    assert text in found[broken]
    write(tmp_path / "twice", tree.files)
    write(tmp_path / "twice" / "copy", {path: tree.files[path]})
    found = reasons(opened(tree.key, tmp_path / "twice"))
    assert list(found) == [broken]
    assert "one copy" in found[broken]


@ALL
def test_a_folder_too_deep_names_the_one_that_is_expected(name, tmp_path):
    tree = TREES[name]
    write(tmp_path, tree.files)
    with pytest.raises(InputError, match="Allowed: the folder that holds") as error:
        opened(tree.key, tmp_path / tree.too_deep)
    named = re.search(r"Give '(.+?)'\.$", str(error.value))
    assert samples(tree.key, named[1]).keys() <= tree.cases.keys()


@pytest.mark.parametrize("side", ["slice", "mask"])
def test_images_or_masks_alone_are_one_error(side, tmp_path):
    write(tmp_path, TREES["kidney"].files)
    with pytest.raises(InputError, match=r"US-Kidney: 2 (images|masks) below .*none of their"):
        opened("us_kidney", tmp_path / side)


def test_shenzhen_masks_that_were_never_unpacked(tmp_path):
    files = TREES["chest-official"].files
    write(tmp_path, {path: files[path] for path in files if not path.startswith("shcxr")})
    with pytest.raises(InputError, match="Xray-Chest: 3 images below .*none of their masks"):
        opened("xray_chest", tmp_path)


def test_two_copies_of_chests_and_their_masks(tmp_path):
    write(tmp_path, TREES["chest-official"].files)
    joined = TREES["chest-joined"].files
    write(tmp_path, {path: joined[path] for path in joined if "/masks/" in path})
    found = reasons(opened("xray_chest", tmp_path))
    assert sorted(found) == sorted(TREES["chest-official"].cases)
    write(tmp_path, joined)
    assert reasons(opened("xray_chest", tmp_path)).keys() == found.keys()


def test_two_copies_of_the_ovaries(tmp_path):
    write(tmp_path, TREES["ovary"].files)
    write(tmp_path, TREES["ovary-figshare"].files)
    with pytest.raises(InputError, match=r"two forms .*'OTU_2d/images/1.JPG' and 'dataset/OTU_2D/"):
        opened("us_ovary", tmp_path)


@pytest.mark.parametrize("name", ["OTU_3d", "OTU_CEUS"])
def test_contrast_enhanced_ovaries_are_another_dataset(name, tmp_path):
    files = {f"{name}/images/1.JPG": colour(grey()), f"{name}/annotations/1_binary.PNG": grey()}
    write(tmp_path, files)
    for root in (tmp_path, tmp_path / name):
        with pytest.raises(InputError, match=r"holds images and annotations \(OTU_2d\)"):
            opened("us_ovary", root)


def test_first_of_two_breast_masks_is_missing(tmp_path):
    """The second mask alone would pass for the whole lesion."""
    write(tmp_path, TREES["breast"].files)
    (tmp_path / "Dataset_BUSI_with_GT/benign/benign (4)_mask.png").unlink()
    found = reasons(opened("us_breast", tmp_path))
    assert list(found) == ["benign (4)"]
    assert "has the masks 'benign (4)_mask_1.png'" in found["benign (4)"]


def test_unpaired_muscles(tmp_path):
    """A picture that loses its mask is left out and listed; if all do, it is an error."""
    tree = TREES["muscle"]
    write(tmp_path, tree.files)
    (tmp_path / MUSCLES / "BB/Healthy/Masks/12.png").unlink()
    dataset = opened("us_muscle", tmp_path)
    assert len(dataset) == len(tree.cases) - 1
    lost = {f"{MUSCLES}/BB/Healthy/Images/12.png": "an image without a mask"}
    assert dict(dataset.skipped) == tree.left_out | lost
    top = tmp_path / "alone" / "BB/Healthy"
    write(top, {"Images/1.png": grey(), "Masks/2.png": eight_bit(LEFT)})
    with pytest.raises(InputError, match="1 images below .*none of their masks"):
        opened("us_muscle", tmp_path / "alone")


def test_nerves_in_upper_case_and_zips_inside(tmp_path):
    files = {path.replace(".tif", ".TIF"): pixels for path, pixels in TREES["nerve"].files.items()}
    assert len(samples("us_nerve", write(tmp_path / "upper", files))) == 5
    write(tmp_path / "zips", {"train.zip": "PK", "test.zip": "PK", "train_masks.csv": "subject"})
    with pytest.raises(InputError, match=r"train, unpacked from train\.zip"):
        opened("us_nerve", tmp_path / "zips")


def with_hip(root, image=None, labels=None):
    files = dict(TREES["hip"].files)
    files |= {} if image is None else {"images/image_001.nii.gz": image}
    files |= {} if labels is None else {"labels/label_001.nii.gz": labels}
    return write(root, files)


def test_radiograph_below_zero_is_shifted(tmp_path):
    with_hip(tmp_path, image=radiograph(grey(dtype=np.int16) - 100))
    found = samples("xray_hip", tmp_path)
    assert (found["image_001"].image == found["image_044"].image).all()


@pytest.mark.parametrize(
    ("image", "labels", "text"),
    [
        (np.repeat(radiograph(grey()), 2, axis=2), None, "Allowed: a radiograph"),
        (None, hip()[:-1], "Allowed: equal height and width"),
        (None, hip(femur=3), "label values 3. Allowed: 0 for the background and 1, 2"),
    ],
    ids=["two slices", "another size", "another value"],
)
def test_hips_that_cannot_be_used(image, labels, text, tmp_path):
    found = reasons(opened("xray_hip", with_hip(tmp_path, image, labels)))
    assert list(found) == ["image_001"]
    assert text in found["image_001"]


def test_headers_of_hips_that_disagree(tmp_path):
    with_hip(tmp_path)
    moved = np.diag([0.2, 0.2, 1, 1])
    moved[0, 3] = 0.4
    nibabel.save(nibabel.Nifti1Image(hip(), moved), tmp_path / "labels" / "label_001.nii.gz")
    assert "lies up to 2.0 pixels" in reasons(opened("xray_hip", tmp_path))["image_001"]
    assert not reasons(opened("xray_hip", tmp_path, headers="image"))


def test_real_breasts():
    root = Path(__file__).parents[4] / "shared" / "data" / "busi"
    if not root.is_dir():
        pytest.skip("real breast ultrasound is not here")
    found = samples("us_breast", root)
    pixels = {name: int(sample.masks["us_breast"].sum()) for name, sample in found.items()}
    assert len(found) == 15
    assert {name for name, count in pixels.items() if not count} == {"normal (1)", "normal (2)"}
    # Lesions of two or three masks: their union, counted here with another reader.
    for name in ("benign (195)", "benign (4)", "malignant (53)"):
        masks = (root / "data" / name.partition(" ")[0] / "mask").glob(f"{name}_mask*.png")
        each = [np.asarray(Image.open(path).convert("L")) > 0 for path in masks]
        assert pixels[name] == np.logical_or.reduce(each).sum() > max(one.sum() for one in each)
