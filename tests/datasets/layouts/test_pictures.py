"""The 2D datasets as their archives unpack: what is found, and what is said."""

import re

import numpy as np
import pytest
from datasets.layouts.layout_checks import opened, reasons, samples
from datasets.layouts.picture_trees import (
    MUSCLES,
    TREES,
    grey,
    hip,
    radiograph,
    write,
)

from medsam.datasets.catalog import entry
from medsam.errors import InputError

ALL = pytest.mark.parametrize("name", TREES)


@ALL
def test_everything_is_found(name, tmp_path):
    """Tasks, ids, groups, masks, images, what is left out, and settings."""
    tree = TREES[name]
    dataset = opened(tree.key, write(tmp_path, {**tree.files, "notes.txt": "mine"}))
    cases = list(dataset.cases())
    assert dataset.tasks == tuple(task.key for task in entry(tree.key).tasks)
    assert [case.id for case in cases] == sorted(tree.paths)
    assert dataset.settings == {"intensity": "max"}
    expected = (grey() / grey().max() * 255).astype(np.uint8)[..., None]
    for case in cases:
        sample = case.load()
        group = f"subject-{case.id[:2]}" if name == "nerve" else case.id
        assert (case.group, sample.group, sample.id) == (group, group, case.id)
        assert case.tasks == dataset.tasks
        for task, mask in tree.objects(case.id).items():
            assert (sample.masks[task] == mask).all(), (case.id, task)
        # JPEG is close to what was saved, the other formats keep it.
        far = np.abs(sample.image.astype(int) - expected).max()
        assert far <= (6 if tree.key == "us_ovary" else 0), case.id
    assert dict(dataset.skipped) == {"notes.txt": "not part of the layout", **tree.reasons}


@pytest.mark.parametrize("name", [name for name in TREES if TREES[name].without])
def test_a_missing_mask_or_one_twice_is_one_broken_case(name, tmp_path):
    tree = TREES[name]
    broken, (_, masks) = list(tree.paths.items())[-1]
    path = next(iter(masks))
    write(tmp_path / "missing", tree.files)
    (tmp_path / "missing" / path).unlink()
    found = reasons(opened(tree.key, tmp_path / "missing"))
    assert list(found) == [broken]
    assert tree.without in found[broken]
    # All of it once more counts once; a mask that differs from its copy is another mask.
    write(tmp_path / "twice", tree.files)
    write(tmp_path / "twice" / "z", tree.files)
    dataset = opened(tree.key, tmp_path / "twice")
    assert [case.id for case in dataset.cases()] == sorted(tree.paths)
    assert not reasons(dataset)
    copies = [path for path, why in dataset.skipped if why.endswith("equal to the byte")]
    assert {f"z/{image}" for image, _ in tree.paths.values()} <= set(copies)
    write(tmp_path / "twice" / "z", {path: np.roll(tree.files[path], 1, axis=0)})
    found = reasons(opened(tree.key, tmp_path / "twice"))
    assert list(found) == [broken]
    assert "one copy" in found[broken]


@ALL
def test_a_folder_too_deep_names_the_one_that_is_expected(name, tmp_path):
    tree = TREES[name]
    write(tmp_path, tree.files)
    image, _ = list(tree.paths.values())[-1]
    with pytest.raises(InputError, match="Allowed: the folder that holds") as error:
        opened(tree.key, (tmp_path / image).parent)
    named = re.search(r"Give '(.+?)'\.$", str(error.value))
    assert samples(tree.key, named[1]).keys() <= tree.paths.keys()


@pytest.mark.parametrize("side", ["slice", "mask"])
def test_images_or_masks_alone_are_one_error(side, tmp_path):
    write(tmp_path, TREES["kidney"].files)
    with pytest.raises(InputError, match=r"US-Kidney: 3 (images|masks) below .*none of their"):
        opened("us_kidney", tmp_path / side)


def test_first_of_two_breast_masks_is_missing(tmp_path):
    """The second mask alone would pass for the whole lesion."""
    write(tmp_path, TREES["breast"].files)
    (tmp_path / "benign/benign (4)_mask.png").unlink()
    found = reasons(opened("us_breast", tmp_path))
    assert list(found) == ["benign (4)"]
    assert "has the masks 'benign (4)_mask_1.png'" in found["benign (4)"]


def test_unpaired_muscles(tmp_path):
    """A picture that loses its mask is left out and listed; if all do, it is an error."""
    tree = TREES["muscle"]
    write(tmp_path, tree.files)
    (tmp_path / MUSCLES / "BB/Healthy/Masks/12.png").unlink()
    dataset = opened("us_muscle", tmp_path)
    assert len(dataset) == len(tree.paths) - 1
    lost = {f"{MUSCLES}/BB/Healthy/Images/12.png": "an image without a mask"}
    assert dict(dataset.skipped) == tree.reasons | lost


def with_hip(root, image=None, labels=None):
    files = dict(TREES["hip"].files)
    files |= {} if image is None else {"images/image_001.nii.gz": image}
    files |= {} if labels is None else {"labels/label_001.nii.gz": labels}
    return write(root, files)


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
