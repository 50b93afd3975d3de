"""X-rays of chests and hips, as they are unpacked."""

import re

import numpy as np
import pytest
from datasets.layouts.picture_checks import CHECKS
from datasets.layouts.picture_trees import XRAYS, grey, hip, radiograph, shape, write

from medsam.datasets.layouts import open_dataset
from medsam.datasets.layouts.pictures import ASSUMPTIONS
from medsam.datasets.sample import Sample
from medsam.errors import DataError, InputError


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", XRAYS)
def test_layout(name, check, tmp_path):
    check(XRAYS[name], tmp_path)


def loaded(key, root, **kwargs):
    return {case.id: case.load() for case in open_dataset(key, root, **kwargs).cases()}


def reasons(key, root, **kwargs):
    """Words of each case that cannot be used, by id."""
    found = {}
    for case in open_dataset(key, root, **kwargs).cases():
        try:
            case.load()
        except DataError as error:
            found[case.id] = str(error)
    return found


def test_one_mask_folder_is_as_good_as_two(tmp_path):
    files = {
        path.replace("mask/mask/", "mask/"): content
        for path, content in XRAYS["chest-official"].files.items()
    }
    assert any("shcxr-lung-mask/mask/CHN" in path for path in files)
    assert len(loaded("xray_chest", write(tmp_path, files))) == 4


def test_montgomery_alone(tmp_path):
    write(tmp_path, XRAYS["chest-official"].files)
    found = loaded("xray_chest", tmp_path / "MontgomerySet")
    assert sorted(found) == ["MCUCXR_0001_0", "MCUCXR_0104_1"]


def test_both_copies_at_once_are_noticed(tmp_path):
    write(tmp_path, XRAYS["chest-official"].files)
    write(tmp_path, XRAYS["chest-joined"].files)
    found = reasons("xray_chest", tmp_path)
    assert sorted(found) == sorted(XRAYS["chest-official"].cases)
    assert all("2 images" in text and "Take the copies out" in text for text in found.values())


def test_masks_of_both_copies_are_not_joined(tmp_path):
    write(tmp_path, XRAYS["chest-official"].files)
    joined = XRAYS["chest-joined"].files
    write(tmp_path, {path: content for path, content in joined.items() if "/masks/" in path})
    found = reasons("xray_chest", tmp_path)
    assert "'MCUCXR_0001_0.png' has 3 masks" in found["MCUCXR_0001_0"]
    assert "'CHNCXR_0001_0.png' has 2 masks" in found["CHNCXR_0001_0"]


def test_hip_masks_that_are_there_twice(tmp_path):
    write(tmp_path, XRAYS["hip"].files)
    write(tmp_path / "copy", {"labels/label_044.nii.gz": hip()})
    found = reasons("xray_hip", tmp_path)
    assert list(found) == ["image_044"]
    assert "2 masks 'image_044'" in found["image_044"]


def test_shenzhen_masks_that_were_never_unpacked(tmp_path):
    files = {
        path: content
        for path, content in XRAYS["chest-official"].files.items()
        if not path.startswith("shcxr")
    }
    with pytest.raises(InputError) as error:
        open_dataset("xray_chest", write(tmp_path, files))
    assert str(error.value) == (
        f"Xray-Chest: 3 Shenzhen images below {str(tmp_path)!r}, and no mask of any. Allowed: "
        "their masks (CHNCXR_…_mask.png, an archive of its own) below the same folder. Unpack the "
        "masks beside the images, or give the folder MontgomerySet alone."
    )


def test_masks_alone(tmp_path):
    write(tmp_path, XRAYS["hip"].files)
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    with pytest.raises(InputError) as error:
        open_dataset("xray_hip", tmp_path)
    assert str(error.value) == (
        f"Xray-Hip: 2 masks below {str(tmp_path)!r}, such as 'label_001.nii.gz', and none of the "
        "images. Allowed: the folder that holds images and labels. Give the folder above, or "
        "unpack the images too."
    )


def with_hip(root, image=None, labels=None):
    files = dict(XRAYS["hip"].files)
    if image is not None:
        files["images/image_001.nii.gz"] = image
    if labels is not None:
        files["labels/label_001.nii.gz"] = labels
    return write(root, files)


def test_radiograph_below_zero_is_shifted(tmp_path):
    with_hip(tmp_path, image=radiograph(grey(dtype=np.int16) - 100))
    sample = loaded("xray_hip", tmp_path)["image_001"]
    assert (sample.image == loaded("xray_hip", tmp_path)["image_044"].image).all()


@pytest.mark.parametrize(
    ("image", "labels", "text"),
    [
        (np.repeat(radiograph(grey()), 2, axis=2), None, "2 slices. Allowed: a radiograph"),
        (None, hip()[:-1], "Allowed: equal height and width"),
        (None, hip(femur=3), "label values 3. Allowed: 0 for the background and 1, 2"),
        (radiograph(grey())[..., 0], None, "Allowed: three dimensions"),
    ],
    ids=["two slices", "another size", "another value", "no third axis"],
)
def test_hips_that_cannot_be_used(image, labels, text, tmp_path):
    found = reasons("xray_hip", with_hip(tmp_path, image, labels))
    assert list(found) == ["image_001"]
    assert text in found["image_001"]


def test_headers_that_disagree(tmp_path):
    import nibabel

    with_hip(tmp_path)
    path = tmp_path / "labels" / "label_001.nii.gz"
    moved = np.diag([0.2, 0.2, 1, 1])
    moved[0, 3] = 0.4
    nibabel.save(nibabel.Nifti1Image(hip(), moved), path)
    found = reasons("xray_hip", tmp_path)
    assert "lies up to 2.0 pixels from NIfTI 'image_001.nii.gz'" in found["image_001"]
    assert not reasons("xray_hip", tmp_path, trust_image=True)


def test_swapped_labels_are_noticed(tmp_path):
    """What the values mean is inferred: a hip with the values the other way round says so."""
    with_hip(tmp_path, labels=hip(ilium=2, femur=1))
    found = loaded("xray_hip", tmp_path)
    tree = XRAYS["hip"].cases["image_001"][1]
    for task, boxes in tree.items():
        assert (found["image_044"].masks[task] == shape(*boxes)).all()
        assert not (found["image_001"].masks[task] == shape(*boxes)).all()
    told = {name: ASSUMPTIONS["xray_hip"](sample) for name, sample in found.items()}
    assert told["image_044"] == (
        "Held on image_044: 1 is the ilium and 2 the femur, since the ilium is above; value 1 "
        "begins at row 1 (mean 3), value 2 at row 6 (mean 8) of 12."
    )
    assert re.match("Did not hold on image_001: the ilium .* look at it", told["image_001"])


def hip_sample(ilium, femur):
    image = np.zeros((*ilium.shape, 3), np.uint8)
    return Sample("a", "a", image, {"xray_hip_ilium": ilium, "xray_hip_femur": femur})


def pelvis():
    """A pelvis, both sides: the wing, the seat bone below the socket; head and shaft of a femur."""
    ilium, femur = np.zeros((60, 80), bool), np.zeros((60, 80), bool)
    ilium[5:25, 5:28] = ilium[25:40, 22:28] = True
    femur[26:33, 12:20] = femur[33:60, 8:13] = True
    return ilium | ilium[:, ::-1], femur | femur[:, ::-1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda i, f: (i, f), "Held"),
        (lambda i, f: (i[:, ::-1], f[:, ::-1]), "Held"),  # mirrored: left and right are not asked
        (lambda i, f: (i[:, :40], f[:, :40]), "Held"),  # one hip of the two
        (lambda i, f: (i[15:], f[15:]), "Held"),  # the wing is cut off
        (lambda i, f: (i[:45], f[:45]), "Held"),  # the shaft is cut off
        (lambda i, f: (f, i), "Did not hold"),
        (lambda i, f: (i[::-1], f[::-1]), "Did not hold"),  # stored upside down
        (lambda i, f: (i, f & False), None),
        (lambda i, f: (i & False, f), None),
        (lambda i, f: (i, i), None),
        (lambda i, f: (i[30:42], f[30:42]), None),  # seat bone and shaft side by side
    ],
)
def test_what_a_hip_can_tell(change, expected):
    told = ASSUMPTIONS["xray_hip"](hip_sample(*change(*pelvis())))
    assert told is None if expected is None else told.startswith(expected)
    ilium, femur = change(*pelvis())
    back = ASSUMPTIONS["xray_hip"](hip_sample(femur, ilium))
    assert (back is None) == (told is None)
    if told:
        assert back.startswith("Held") != told.startswith("Held")


def test_a_sample_of_one_task_decides_nothing():
    ilium, _ = pelvis()
    image = np.zeros((*ilium.shape, 3), np.uint8)
    assert ASSUMPTIONS["xray_hip"](Sample("a", "a", image, {"xray_hip_ilium": ilium})) is None
