"""Your own images described by a YAML file: patterns, labels, and where images and masks lie."""

import imageio.v3 as iio
import numpy as np
import pytest
from datasets.dicom_files import phantom, series
from toys import blob, write_volume

from medsam.datasets.own import OwnData, open_own
from medsam.datasets.select import select
from medsam.errors import InputError, UnknownName

PICTURES = """
key: mine
modality: X-ray
images: images/{id}.png
masks: masks/{id}.png
labels: {lung: 1, node: [2], any: '>0'}
"""


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


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[", InputError, r"'.*data.yaml' cannot be read \(.*\). Allowed: a YAML file"),
        (PICTURES + "colour: red", UnknownName, r"Unknown key in data.yaml 'colour'.* Allowed: "),
        (PICTURES.replace("lung: 1", "lung: 0"), InputError, r"task 'lung': \(0,\). Allowed"),
        (PICTURES.replace("masks/{id}", "masks/x_{id}"), InputError, r"fits the masks 'masks/x_"),
        (PICTURES + "plane: oblique", InputError, r"plane is 'oblique'. Allowed: Input should be"),
    ],
)
def test_a_file_that_cannot_be_used(folder, text, error, message):
    with pytest.raises(error, match=message):
        select(data=yaml(folder, text), progress=False)


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
