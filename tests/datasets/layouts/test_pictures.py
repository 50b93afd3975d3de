"""The 2D datasets as their archives unpack: what is found, and what is said."""

import numpy as np
import pytest
from datasets.checks import opened, reasons
from datasets.layouts.picture_trees import TREES, grey, write

from medsam.datasets.catalog import entry
from medsam.errors import InputError


@pytest.mark.parametrize("name", TREES)
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


@pytest.mark.parametrize(
    ("below", "words"),
    [
        ("slice/slice", "Allowed: the folder that holds slice and mask"),
        ("slice", "US-Kidney: 3 images below .*none of their"),
        ("mask", "US-Kidney: 3 masks below .*none of their"),
    ],
)
def test_a_folder_too_deep(tmp_path, below, words):
    write(tmp_path, TREES["kidney"].files)
    with pytest.raises(InputError, match=words):
        opened("us_kidney", tmp_path / below)


def test_first_of_two_breast_masks_is_missing(tmp_path):
    """The second mask alone would pass for the whole lesion."""
    write(tmp_path, TREES["breast"].files)
    (tmp_path / "benign/benign (4)_mask.png").unlink()
    found = reasons(opened("us_breast", tmp_path))
    assert list(found) == ["benign (4)"]
    assert "'benign (4).png' has no mask. Allowed: one file each of" in found["benign (4)"]


def test_lungs_drawn_together_and_apart(tmp_path):
    tree = TREES["chest-joined"]
    apart = {f"Lung/ManualMask/{side}Mask/MCUCXR_0001_0.png": grey() for side in ("left", "right")}
    found = reasons(opened("xray_chest", write(tmp_path, {**tree.files, **apart})))
    assert list(found) == ["MCUCXR_0001_0"]
    words = "has left mask and mask and right mask. Allowed: mask, or left mask and right mask."
    assert words in found["MCUCXR_0001_0"]


def test_a_hip_of_two_slices(tmp_path):
    two = {"images/image_001.nii.gz": np.repeat(grey()[..., None], 2, axis=2)}
    found = reasons(opened("xray_hip", write(tmp_path, TREES["hip"].files | two)))
    assert list(found) == ["image_001"]
    assert "Allowed: a radiograph" in found["image_001"]
