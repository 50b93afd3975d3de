"""Your own images: a YAML file, and two folders of volumes."""

import numpy as np
import pytest
from toys import SquareModel, blob, write_pair, write_volume

from medsam.datasets.own import OwnData, open_own, open_volumes, read_own
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


def test_any_folder_between(tmp_path):
    for patient in ("p1", "p2"):
        write_pair(tmp_path, f"{patient}_1", blob(0))
        deep = tmp_path / "deep" / patient / f"study-{patient}"
        deep.mkdir(parents=True)
        (tmp_path / "images" / f"{patient}_1.png").rename(deep / f"{patient}_1.png")
    text = PICTURES.replace("images/{id}.png", "'deep/{group}/*/{id}.png'")
    dataset = select(data=yaml(tmp_path, text), progress=False)
    assert {c.id: c.group for c in dataset.cases()} == {"p1/p1_1": "p1", "p2/p2_1": "p2"}
    assert all(case.load().masks["lung"].any() for case in dataset.cases())


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
    dataset = open_volumes(tmp_path / "images", tmp_path / "masks", plane="coronal", progress=False)
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
        ("- a", InputError, r"holds list. Allowed: keys and values, at least key, images"),
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


def test_no_file():
    with pytest.raises(InputError, match=r"'nowhere.yaml' cannot be read .*No such file"):
        select(data="nowhere.yaml")


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
        "case1": "Image 'case1.png' has no mask. Allowed: a mask of the same number or name. "
        "Unpack the masks too, or take the image out."
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
