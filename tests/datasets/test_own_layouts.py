"""Where images and masks of one's own lie: in one folder, a file an object, one scan alone."""

import imageio.v3 as iio
import numpy as np
import pytest
from datasets.dicom_files import phantom, series
from toys import SquareModel, write_volume

from medsam.datasets.own import OwnData, open_own
from medsam.errors import InputError
from medsam.results.rows import read
from medsam.study import runner


def own(**told):
    return OwnData.model_validate({"key": "mine", **told})


def picture(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    iio.imwrite(path, np.asarray(array, np.uint8))


def square(*at, size=8):
    mask = np.zeros((size, size), np.uint8)
    for row, column in at:
        mask[row : row + 2, column : column + 2] = 255
    return mask


def test_masks_beside_the_images_are_no_images(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.png", np.full((8, 8), 90))
        picture(tmp_path / f"{name}_seg.png", square((1, 1)))
    told = own(images="{id}.png", masks="{id}_seg.png", labels={"lung": 1})
    cases = list(open_own(told, tmp_path).cases())
    assert [case.id for case in cases] == ["a", "b"]
    assert cases[0].load().masks["lung"].sum() == 4


def objects(folder):
    """Two images: of one a liver, and a hip in two files; of the other a liver only."""
    for name in ("a", "b"):
        picture(folder / "images" / f"{name}.png", np.full((8, 8), 90))
        picture(folder / "masks" / f"{name}_liver.png", square((1, 1)))
    for part, at in enumerate(((4, 0), (4, 5))):
        picture(folder / "masks" / f"a_hip_{part}.png", square(at))
    masks = {"liver": "masks/{id}_liver.png", "hip": "masks/{id}_hip_*.png"}
    return {"images": "images/{id}.png", "masks": masks}


def test_a_mask_file_an_object(tmp_path):
    dataset = open_own(own(**objects(tmp_path)), tmp_path)
    assert dataset.tasks == ("liver", "hip")
    assert dataset.settings["labels"] == "liver >0; hip >0"
    first, second = dataset.cases()
    assert (first.tasks, second.tasks) == (("liver", "hip"), ("liver",))
    sample = first.load()
    assert {task: int(mask.sum()) for task, mask in sample.masks.items()} == {"liver": 4, "hip": 8}
    assert sample.masks["hip"][4, 0]
    assert sample.masks["hip"][4, 5]
    assert list(second.load().masks) == ["liver"]


def test_the_object_that_an_image_lacks_is_no_case(tmp_path):
    dataset = open_own(own(**objects(tmp_path)), tmp_path)
    assert [case.id for case in dataset.only(["hip"]).cases()] == ["a"]
    runner.run(dataset, SquareModel(), tmp_path / "out", progress=False)
    found = read(tmp_path / "out").groupby(["image", "task"]).status.unique()
    assert {key: list(value) for key, value in found.items()} == {
        ("a", "liver"): ["ok"],
        ("a", "hip"): ["ok"],
        ("b", "liver"): ["ok"],
    }


def test_an_image_without_any_of_the_files_says_so(tmp_path):
    told = objects(tmp_path)
    picture(tmp_path / "images" / "c.png", np.full((8, 8), 90))
    *_, last = open_own(own(**told), tmp_path).cases()
    with pytest.raises(InputError, match=r"Image 'c.png' has no mask"):
        last.load()


def test_labels_of_a_mask_file_an_object(tmp_path):
    told = objects(tmp_path) | {"labels": {"liver": ">=128", "hip": 255}}
    first, _ = open_own(own(**told), tmp_path).cases()
    assert first.load().masks["hip"].sum() == 8


def test_objects_of_volumes(tmp_path):
    stored, liver, kidney = (np.zeros((6, 5, 4), np.int16) for _ in range(3))
    stored[:, :, 2], liver[1:3, 1:3, 1:3], kidney[4, 4, 2] = 40, 1, 1
    for name, array in (("ct", stored), ("liver", liver), ("kidney", kidney)):
        write_volume(tmp_path / "p1" / f"{name}.nii.gz", array)
    masks = {"liver": "{id}/liver.nii.gz", "kidney": "{id}/kidney.nii.gz"}
    dataset = open_own(own(modality="CT", images="{id}/ct.nii.gz", masks=masks), tmp_path)
    found = {case.id: case.tasks for case in dataset.cases()}
    assert found == {"p1/axial-0001": ("liver",), "p1/axial-0002": ("liver", "kidney")}


def test_one_image_and_its_mask(tmp_path):
    array = np.zeros((6, 5, 4), np.int16)
    array[2, 2, 3] = 1
    write_volume(tmp_path / "scan.nii.gz", array)
    write_volume(tmp_path / "label-of-it.nii.gz", array)
    told = own(images="scan.nii.gz", masks="label-of-it.nii.gz", labels={"node": 1})
    (case,) = open_own(told, tmp_path).cases()
    assert (case.id, case.group) == ("scan/axial-0003", "scan")


def test_one_series_of_dicom_files_and_its_mask(tmp_path):
    array, affine = phantom()
    series(tmp_path / "ct", array, affine)
    labels = np.zeros(array.shape, np.uint8)
    labels[1, 2, 4] = 1
    write_volume(tmp_path / "liver.nii.gz", labels, affine)
    told = own(modality="CT", images="ct", masks="liver.nii.gz", labels={"liver": 1})
    (case,) = open_own(told, tmp_path).cases()
    assert case.id == "ct/axial-0004"
    assert case.load().masks["liver"].sum() == 1


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("{id}.png", r"'a_seg.png' are one file each, and the images '{id}.png': a pattern"),
        ("b.png", r"the images 'b.png': nothing is there. Allowed: then one image, a file or"),
    ],
)
def test_one_mask_and_no_image_for_it(tmp_path, images, message):
    picture(tmp_path / "a.png", np.full((8, 8), 90))
    picture(tmp_path / "a_seg.png", square((1, 1)))
    with pytest.raises(InputError, match=message):
        open_own(own(images=images, masks="a_seg.png", labels={"x": 1}), tmp_path)


def test_tasks_of_labels_and_masks_differ():
    with pytest.raises(ValueError, match=r"Tasks liver, but masks of liver, hip"):
        own(images="i", masks={"liver": "l", "hip": "h"}, labels={"liver": 1})
    with pytest.raises(ValueError, match=r"Tasks .*at least 1|labels"):
        own(images="i", masks={})
