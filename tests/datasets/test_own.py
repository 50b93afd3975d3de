"""Your own images described by a YAML file: patterns, labels, and where images and masks lie."""

import imageio.v3 as iio
import numpy as np
import pytest
from datasets.dicom_files import phantom, series
from toys import SquareModel, blob, write_pair, write_volume

from medsam.datasets.own import OwnData, open_own, read_own
from medsam.datasets.select import Reading, select
from medsam.errors import InputError, UnknownName
from medsam.results.rows import read
from medsam.study import runner

PICTURES = """
key: mine
modality: X-ray
images: images/{id}.png
masks: masks/{id}.png
labels: {lung: 1, node: [2], any: '>0'}
"""

VOLUMES = """
key: mine-ct
modality: CT
images: "{group}/ct_{id}.nii.gz"
masks: "{group}/seg_{id}.nii.gz"
labels: {liver: 1}
"""


def scan(folder, name, image="image", mask="mask"):
    """A 12 x 10 x 4 CT with object 1 on slices 1 and 2, and object 2 on slice 2."""
    stored = np.full((12, 10, 4), -1000, np.int16)
    stored[2:6, 3:8] = 40
    labels = np.zeros((12, 10, 4), np.uint8)
    labels[2:6, 3:8, 1:3] = 1
    labels[8:10, 1:3, 2] = 2
    write_volume(folder / image / f"{name}.nii.gz", stored)
    write_volume(folder / mask / f"{name}.nii.gz", labels)


def yaml(folder, text):
    file = folder / "data.yaml"
    file.write_text(text)
    return file


def test_pictures_with_a_name_per_value(folder):
    dataset = select(data=yaml(folder, PICTURES), progress=False)
    assert dataset.tasks == ("lung", "node", "any")
    assert (dataset.key, dataset.modality, len(dataset)) == ("mine", "X-ray", 5)
    sample = next(dataset.cases()).load()
    stored = blob(0)
    assert (sample.masks["lung"] == (stored == 1)).all()
    assert (sample.masks["node"] == (stored == 2)).all()
    assert (sample.masks["any"] == (stored > 0)).all()
    assert dataset.settings["labels"] == "lung (1,); node (2,); any >0"


def test_tasks_restrict_it(folder):
    file = yaml(folder, PICTURES)
    dataset = select("node", data=file, progress=False)
    assert dataset.tasks == ("node",)
    assert list(next(dataset.cases()).load().masks) == ["node"]
    with pytest.raises(UnknownName, match=r"Unknown task 'nod'. Did you mean 'node'"):
        select("nod", data=file)


def test_volumes_by_pattern_with_group(tmp_path):
    stored, labels = np.full((12, 10, 4), 40, np.int16), np.zeros((12, 10, 4), np.uint8)
    labels[2:6, 3:8, 1] = 1
    for patient, visit in (("p1", "a"), ("p1", "b"), ("p2", "a")):
        write_volume(tmp_path / patient / f"ct_{visit}.nii.gz", stored)
        write_volume(tmp_path / patient / f"seg_{visit}.nii.gz", labels)
    dataset = select(data=yaml(tmp_path, VOLUMES), progress=False)
    groups = {case.id: case.group for case in dataset.cases()}
    assert groups == {
        "p1/a/axial-0001": "p1",
        "p1/b/axial-0001": "p1",
        "p2/a/axial-0001": "p2",
    }


def test_volumes(tmp_path):
    scan(tmp_path, "a")
    scan(tmp_path, "b")
    text = "key: m\nmodality: CT\nimages: image\nmasks: mask\nlabels: {liver: 1, lesion: 2}\n"
    dataset = select(data=yaml(tmp_path, text), progress=False)
    cases = {case.id: case for case in dataset.cases()}
    assert list(cases) == ["a/axial-0001", "a/axial-0002", "b/axial-0001", "b/axial-0002"]
    assert cases["a/axial-0001"].tasks == ("liver",)
    assert cases["a/axial-0002"].tasks == ("liver", "lesion")
    sample = cases["a/axial-0002"].load()
    assert sample.spacing == (2.0, 0.5)
    # Air is black, 40 HU the middle of the soft-tissue window.
    assert sorted(np.unique(sample.image)) == [0, 127]
    assert dataset.settings == {
        "plane": "axial",
        "intensity": "window 40/400",
        "labels": "liver (1,); lesion (2,)",
    }


def test_two_folders_of_volumes(tmp_path):
    scan(tmp_path, "a", "images", "masks")
    dataset = select(images=tmp_path / "images", masks=tmp_path / "masks", progress=False)
    assert dataset.tasks == ("object-1", "object-2")
    assert dataset.key == tmp_path.name
    assert len(dataset) == 2


def test_a_plane_of_choice(tmp_path):
    scan(tmp_path, "a", "images", "masks")
    reading = Reading(plane="coronal")
    dataset = select(images=tmp_path / "images", masks=tmp_path / "masks", reading=reading)
    assert {case.id for case in dataset.cases()} == {
        f"a/coronal-{i:04d}" for i in (1, 2, *range(3, 8))
    }


def test_run_on_own_volumes(tmp_path):
    scan(tmp_path, "a", "images", "masks")
    (tmp_path / "images" / "b.nii.gz").write_bytes(b"\x1f\x8b torn")
    (tmp_path / "masks" / "b.nii.gz").write_bytes(b"\x1f\x8b torn")
    dataset = select(images=tmp_path / "images", masks=tmp_path / "masks", progress=False)
    report = runner.run(dataset, SquareModel(), tmp_path / "out", progress=False)
    assert report.status == {"ok": 3, "empty": 0, "error": 2}
    assert "b.nii.gz" in report.reasons["b"]
    assert set(read(tmp_path / "out").status) == {"ok", "error"}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[", InputError, r"'.*data.yaml' cannot be read \(.*\). Allowed: a YAML file"),
        ("- a", InputError, r"holds list. Allowed: keys and values"),
        (PICTURES + "colour: red", UnknownName, r"Unknown key of data.yaml 'colour'.* Allowed: "),
        (PICTURES.replace("key: mine", "key: a b"), InputError, r"data.yaml', key: .*pattern"),
        (PICTURES.replace("lung: 1", "lung: 0"), InputError, r"task 'lung': \(0,\). Allowed"),
        (PICTURES.replace("'>0'", "'0'"), InputError, r"task 'any': '0'. Allowed: whole numbers"),
        (PICTURES.replace("{lung: 1, node: [2], any: '>0'}", "{}"), InputError, r"labels: "),
        (PICTURES.replace("images/{id}.png", "images/*.png"), InputError, "does not exist"),
        (
            PICTURES.replace("masks/{id}", "masks/x_{id}"),
            InputError,
            r"No file below '.*masks' \(such as 'case0.png'\) fits the masks 'masks/x_{id}.png'",
        ),
        (
            PICTURES.replace("images/{id}.png", "'{group}/a'"),
            InputError,
            r"has no {id}. Allowed: {id}",
        ),
        (PICTURES + "plane: oblique", InputError, r"plane: Input should be 'axial'"),
        (PICTURES + "intensity: dark", UnknownName, r"Unknown intensity 'dark'. .*percentile"),
        (PICTURES.replace("labels:", "label:"), UnknownName, r"Did you mean 'labels'"),
    ],
)
def test_a_file_that_cannot_be_used(folder, text, error, message):
    with pytest.raises(error, match=message):
        select(data=yaml(folder, text), progress=False)


def test_no_mask_of_equal_id(folder):
    for path in (folder / "masks").iterdir():
        path.rename(path.with_name("x" + path.name))
    with pytest.raises(InputError, match=r"No image and mask of equal {id}: 5 images match"):
        select(data=yaml(folder, PICTURES))


def test_a_missing_mask_is_a_row(folder):
    (folder / "masks" / "case1.png").unlink()
    dataset = select(data=yaml(folder, PICTURES), progress=False)
    report = runner.run(dataset, SquareModel(), folder / "out", progress=False)
    assert report.reasons == {
        "case1": "Image 'case1.png' has no mask. Allowed: one file each of image, mask. "
        "Unpack what is missing."
    }


def test_a_label_outside_the_list(tmp_path):
    write_pair(tmp_path, "a", np.uint8([[0, 1], [3, 0]]))
    write_pair(tmp_path, "b", np.uint8([[0, 1], [0, 0]]))
    text = PICTURES.replace(", any: '>0'", "")
    bad, good = select(data=yaml(tmp_path, text)).cases()
    with pytest.raises(InputError, match=r"Mask 'a.png': label values 3. Allowed: 0 .* 1, 2"):
        bad.load()
    assert good.load().masks["lung"].sum() == 1
    allowed = read_own(yaml(tmp_path, text + "ignore: [3]\n"))
    assert open_own(allowed, tmp_path).sources[0].cases(("lung",))


def test_intensity_asked_for_wins(tmp_path):
    scan(tmp_path, "a")
    own = OwnData(key="m", images="image", masks="mask", labels={"liver": 1, "x": 2}, unit="HU")
    assert open_own(own, tmp_path).settings["intensity"] == "window 40/400"
    text = (
        "key: m\nimages: image\nmasks: mask\nlabels: {liver: 1, x: 2}\nunit: HU\nintensity: max\n"
    )
    file = yaml(tmp_path, text)
    assert select(data=file).settings["intensity"] == "max"
    asked = select(data=file, reading=Reading("percentile"))
    assert asked.settings["intensity"] == "percentile"


# Where images and masks lie: in one folder, a file an object, one scan alone.


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
        ("b.png", r"the images 'b.png': nothing is there. Allowed: one image, a file or"),
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
