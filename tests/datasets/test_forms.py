"""Data in the forms that people have them: pictures turned, 255, DICOM, segments, nnU-Net."""

import json
import os
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from datasets.checks import reasons, samples
from datasets.dicom_files import image as dicom_image
from datasets.dicom_files import phantom, series, write_segments
from datasets.nifti_files import affine, body, objects, write
from PIL import Image
from pydicom.data import get_testdata_file
from toys import SquareModel, blob

from medsam.datasets import open_folders
from medsam.datasets.check import check
from medsam.datasets.own import OwnData, open_own
from medsam.datasets.readers.itk import Segment
from medsam.datasets.select import select
from medsam.datasets.source import Reading
from medsam.errors import InputError, UnknownName
from medsam.results.rows import read
from medsam.study.runner import run

DISC = np.hypot(*(np.mgrid[:16, :16] - 5)) < 4
GREY = np.where(DISC, 200, 40).astype(np.uint8)


def picture(path, array, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array)).save(path, **more)


def masks_of(dataset):
    """Pixels of each object by case."""
    return {
        name: {task: int(mask.sum()) for task, mask in sample.masks.items()}
        for name, sample in samples(dataset).items()
    }


def folders(folder, **reading):
    return select(
        images=folder / "images", masks=folder / "masks", reading=Reading(**reading), progress=False
    )


# Pictures that a viewer turns.


def turned_pair(folder, name, tag, wide):
    mask = np.pad(DISC, ((0, 0), (0, 8 if wide else 0)))
    exif = Image.Exif()
    exif[274] = tag
    stored = {3: mask[::-1, ::-1], 6: np.rot90(mask)}[tag]  # what a viewer turns into the mask
    picture(folder / f"images/{name}.png", stored * np.uint8(200), exif=exif)
    picture(folder / f"masks/{name}.png", mask * np.uint8(255))
    return mask


def test_turned_as_a_viewer_does(tmp_path):
    mask = turned_pair(tmp_path, "a", 6, wide=True)
    (case,) = folders(tmp_path).cases()
    sample = case.load()
    assert (sample.masks["object-1"] == mask).all()
    assert (sample.image[..., 0] > 0).tolist() == mask.tolist()
    # A mask drawn on the stored pixels fits these alone.
    picture(tmp_path / "masks/a.png", np.rot90(mask) * np.uint8(255))
    sample = next(folders(tmp_path).cases()).load()
    assert ((sample.image[..., 0] > 0) == sample.masks["object-1"]).all()


@pytest.mark.parametrize(("tag", "wide"), [(3, True), (6, False)])
def test_what_fits_both_ways_is_asked(tmp_path, tag, wide):
    mask = turned_pair(tmp_path, "a", tag, wide)
    (reason,) = reasons(folders(tmp_path)).values()
    assert "fit turned or not. Allowed: --option turn=shown" in reason
    shown = folders(tmp_path, options={"turn": "shown"})
    assert shown.settings["turn"] == "as shown (EXIF)"
    assert ((next(shown.cases()).load().image[..., 0] > 0) == mask).all()
    stored = folders(tmp_path, options={"turn": "stored"})
    assert ((next(stored.cases()).load().image[..., 0] > 0) != mask).any()


# What 255 means, in a whole dataset.

CORNER = np.zeros_like(DISC)
CORNER[12:, 12:] = True


def labelled(folder, **names):
    for name, values in names.items():
        mask = np.select([DISC, CORNER], values, 0)
        picture(folder / f"images/{name}.png", GREY)
        picture(folder / f"masks/{name}.png", mask.astype(np.uint8))


def test_255_is_decided_once(tmp_path):
    labelled(tmp_path, a=(1, 255), b=(2, 255), c=(255, 255))
    dataset = folders(tmp_path)
    assert dataset.settings["255"] == "unsure, no object"
    assert masks_of(dataset) == {
        "a": {"object-1": int(DISC.sum()), "object-2": 0},
        "b": {"object-1": 0, "object-2": int(DISC.sum())},
        "c": {"object-1": 0, "object-2": 0},
    }
    found = masks_of(folders(tmp_path, options={"255": "object"}))
    assert found["c"]["object-255"] == (DISC | CORNER).sum()
    # A file that names its values lists 255, or refuses it.
    own = {"key": "k", "images": "images", "masks": "masks", "labels": {"one": 1}}
    assert "label values" in reasons(open_own(OwnData(**own), tmp_path))["c"]
    own |= {"labels": {"one": 1, "two": 2}, "ignore": [255]}
    assert masks_of(open_own(OwnData(**own), tmp_path))["c"] == {"one": 0, "two": 0}


def test_255_beside_other_values(tmp_path):
    labelled(tmp_path / "one", a=(255, 0), b=(1, 1))
    assert folders(tmp_path / "one").tasks == ("object-1",)
    labelled(tmp_path / "greys", a=(128, 255))
    assert folders(tmp_path / "greys").tasks == ("object-128", "object-255")
    labelled(tmp_path / "either", a=(2, 1), b=(255, 0))
    with pytest.raises(InputError, match="others 1, 2: it may be an object, or mean unsure"):
        folders(tmp_path / "either")
    scan(tmp_path / "signed", labels=np.where(objects() == 2, -1, objects()).astype(np.int8))
    signed = folders(tmp_path / "signed")
    assert (signed.tasks, signed.settings["255"]) == (("object-1",), "unsure, no object")


# Options act, or are an error.


def scan(folder, labels=None, name="a", grid=None):
    write(folder / f"images/{name}.nii.gz", body(), grid)
    write(folder / f"masks/{name}.nii.gz", objects() if labels is None else labels, grid)


def own_file(folder, text="", labels="{one: 1, two: 2}", masks="masks/{id}"):
    file = folder / "own.yaml"
    ending = ".nii.gz" if (folder / "images/a.nii.gz").exists() else ".png"
    patterns = f"images: images/{{id}}{ending}\nmasks: {masks}{ending}\n"
    file.write_text(f"key: mine\n{patterns}labels: {labels}\n{text}")
    return file


@pytest.mark.parametrize("way", ["folders", "yaml", "yaml says"])
def test_a_window_acts(tmp_path, way):
    scan(tmp_path)
    file = own_file(tmp_path, "window: [500, 100]" if way == "yaml says" else "modality: ct")
    how = {"images": tmp_path / "images", "masks": tmp_path / "masks"}
    how = how if way == "folders" else {"data": file}
    reading = None if way == "yaml says" else Reading(window=(500, 100))
    dataset = select(**how, reading=reading, progress=False)
    assert dataset.modality == ("CT" if way == "yaml" else "unknown")
    assert "window 500/100" in dataset.settings["intensity"]
    sample = next(dataset.cases()).load()
    assert {0, 255} < set(np.unique(sample.image).tolist())


def test_a_window_of_pictures(folder):
    sample = next(folders(folder, window=(115, 150)).cases()).load()
    assert set(np.unique(sample.image)) == {0, 255}


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"plane": "coronal"}, "plane coronal has no effect on .*. Allowed: with volumes"),
        ({"headers": "image"}, "headers image has no effect on .*. Allowed: with volumes"),
        ({"headers": "pixdim"}, "headers pixdim has no effect on .*. Allowed: with NIfTI"),
        ({"options": {"rater": "1"}}, "option of such data 'rater'"),
    ],
)
def test_what_cannot_act_is_an_error(folder, tmp_path, asked, error):
    images, masks = folder / "images", folder / "masks"
    for given in ({"images": images, "masks": masks}, {"data": own_file(folder)}):
        with pytest.raises((InputError, UnknownName), match=error):
            select(**given, reading=Reading(**asked), progress=False)
    with pytest.raises(InputError, match="Leave them out"):
        select("all", reading=Reading(**asked))


def test_an_option_of_pictures_beside_scans(tmp_path):
    scan(tmp_path)
    with pytest.raises(InputError, match="has no effect on .*Allowed: with pictures"):
        folders(tmp_path, options={"turn": "shown"})


def test_a_window_beside_an_intensity_that_uses_none():
    with pytest.raises(InputError, match="A window with intensity 'max', which uses none"):
        Reading("max", window=(1, 2))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"text": "["}, r"'.*own.yaml' cannot be read \(.*\). Allowed: a YAML file"),
        ({"text": "colour: red"}, r"Unknown key in own.yaml 'colour'.* Allowed: "),
        ({"text": "plane: oblique"}, r"plane is 'oblique'. Allowed: Input should be"),
        ({"text": "plane: coronal"}, "plane coronal has no effect"),
        ({"text": "unit: HU"}, "unit HU has no effect"),
        ({"labels": "{lung: 0}"}, r"task 'lung': \(0,\). Allowed"),
        ({"masks": "masks/x_{id}"}, r"fits the masks 'masks/x_"),
    ],
)
def test_a_file_that_cannot_be_used(folder, told, message):
    with pytest.raises((InputError, UnknownName), match=message):
        select(data=own_file(folder, **told), progress=False)


def test_names_of_values(folder):
    told = own_file(folder, "modality: X-ray", labels="{lung: 1, node: [2], any: '>0'}")
    dataset = select(data=told, progress=False)
    assert dataset.tasks == ("lung", "node", "any")
    assert (dataset.key, dataset.modality, len(dataset)) == ("mine", "X-ray", 5)
    sample = next(dataset.cases()).load()
    assert (sample.masks["lung"] == (blob(0) == 1)).all()
    assert (sample.masks["node"] == (blob(0) == 2)).all()
    assert (sample.masks["any"] == (blob(0) > 0)).all()
    assert dataset.settings["labels"] == "lung (1,); node (2,); any >0"


def test_a_mask_file_an_object(tmp_path):
    """Of one image a liver, and a hip in two files; of the other a liver only."""
    drawn = {"a_liver": DISC, "a_hip_0": CORNER, "a_hip_1": CORNER[::-1], "b_liver": DISC}
    for name, mask in drawn.items():
        picture(tmp_path / f"images/{name[0]}.png", GREY)
        picture(tmp_path / f"masks/{name}.png", mask * np.uint8(255))
    masks = {"liver": "masks/{id}_liver.png", "hip": "masks/{id}_hip_*.png"}
    dataset = open_own(OwnData(key="k", images="images/{id}.png", masks=masks), tmp_path)
    assert dataset.tasks == ("liver", "hip")
    disc = int(DISC.sum())
    assert masks_of(dataset) == {"a": {"liver": disc, "hip": 2 * 16}, "b": {"liver": disc}}


# The size of a pixel is known, or is not said.


def test_headers_that_contradict_each_other(tmp_path):
    scan(tmp_path)
    assert next(folders(tmp_path).cases()).load().spacing is not None
    for name in ("images", "masks"):
        file = tmp_path / name / "a.nii.gz"
        stored = nibabel.load(file)
        stored.header["pixdim"][3] = 9
        nibabel.save(nibabel.Nifti1Image(np.asarray(stored.dataobj), None, stored.header), file)
    dataset = folders(tmp_path)
    assert {case.load().spacing for case in dataset.cases()} == {None}
    (note,) = check(dataset, progress=False).assumptions
    assert "not known (no mm) in 1 scans, such as 'a': its affine tells" in note
    for headers, size in (("affine", (3, 0.5)), ("image+pixdim", (9, 0.5))):
        counted = folders(tmp_path, headers=headers, plane="coronal")
        (spacing,) = {case.load().spacing for case in counted.cases()}
        assert spacing == pytest.approx(size)
        assert (counted.settings["headers"], counted.notes) == (headers, [])
    scan(tmp_path / "eye", grid=np.eye(4))
    assert {case.load().spacing for case in folders(tmp_path / "eye").cases()} == {None}


def test_labels_that_were_scaled(tmp_path):
    scan(tmp_path)
    wanted = masks_of(folders(tmp_path))
    for folder, labels in (("s", objects() * 0.9999), ("t", objects() * 1.0004)):
        scan(tmp_path / folder, labels=labels.astype(np.float32))
        assert masks_of(folders(tmp_path / folder)) == wanted
        assert masks_of(select(data=own_file(tmp_path / folder), progress=False))


# Nothing vanishes.


def test_files_that_no_pattern_matches_are_listed(folder):
    (folder / "images/case0.png").rename(folder / "images/case0.PNG")
    picture(folder / "images/other.jpg", GREY)
    dataset = select(data=own_file(folder), progress=False)
    assert dataset.skipped == [("images/other.jpg", "not of a pattern")]
    assert "case0" in masks_of(dataset)


def test_names_that_are_no_utf_8(tmp_path):
    labelled(tmp_path / "in", a=(1, 1), b=(1, 1))
    for name in ("images", "masks"):
        there = os.fsencode(tmp_path / "in" / name)
        Path(os.fsdecode(there + b"/a.png")).rename(os.fsdecode(there + b"/caf\xe9.png"))
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9")
    shutil.move(tmp_path / "in", odd)
    dataset = open_folders(f"{odd}/images", f"{odd}/masks", progress=False)
    assert (dataset.key, dataset.title) == ("d_xe9", r"d\xe9")
    report = run(dataset, SquareModel(), tmp_path / "out", experiments=["mode"], progress=False)
    assert report.status == {"ok": 2, "empty": 0, "error": 0}
    assert set(read(tmp_path / "out").image) == {r"caf\xe9", "b"}


# Forms.


def test_a_dicom_folder_a_patient(tmp_path):
    array, grid = phantom()
    for name in ("p0", "p1"):
        series(tmp_path / "images" / name, array, grid)
        write(tmp_path / f"masks/{name}.nii.gz", (array > 40).astype(np.uint8), grid)
    (tmp_path / "images/p1/notes.txt").write_text("x")
    wanted = {f"{p}/axial-{k:04d}" for p in ("p0", "p1") for k in range(6)}
    assert masks_of(folders(tmp_path)).keys() == wanted
    told = {"key": "k", "masks": "masks/{id}.nii.gz", "labels": {"x": 1}}
    for pattern in ("images/{id}", "images/{id}/*.dcm", "images", "images/{id}/im**"):
        assert masks_of(open_own(OwnData(images=pattern, **told), tmp_path)).keys() == wanted
    told |= {"images": "images/p0", "masks": "masks/p0.nii.gz"}  # one series alone
    alone = masks_of(open_own(OwnData(**told), tmp_path))
    assert alone.keys() == {name for name in wanted if name.startswith("p0")}


def test_radiographs_with_masks_as_pictures(tmp_path):
    array = np.arange(16 * 12, dtype=np.uint16).reshape(16, 12)  # columns, rows
    (tmp_path / "images").mkdir()
    dicom_image(
        tmp_path / "images/a.dcm", array, np.eye(4), SOPClassUID="1.2.840.10008.5.1.4.1.1.1.1"
    )
    shutil.copy(tmp_path / "images/a.dcm", tmp_path / "images/b")  # without an ending
    mask = np.zeros((12, 16), np.uint8)
    mask[2:4, 5:9] = 255
    for name in "ab":
        picture(tmp_path / f"masks/{name}.png", mask)
    for case in folders(tmp_path).cases():
        sample = case.load()
        assert (sample.masks["object-1"] == (mask > 0)).all()
        assert (sample.image[..., 0] == np.uint8(array.T / array.max() * 255)).all()


def test_ultrasound_in_colour(tmp_path):
    path = get_testdata_file("SC_rgb_jpeg_dcmtk.dcm", download=False)
    wanted = pydicom.pixels.pixel_array(path)  # RGB, whatever is stored
    (tmp_path / "images").mkdir()
    shutil.copy(path, tmp_path / "images/a.dcm")
    picture(tmp_path / "masks/a.png", (wanted[..., 0] > 100) * np.uint8(255))
    found = next(folders(tmp_path).cases()).load().image
    assert abs(found - np.floor(wanted / wanted.max() * 255)).max() <= 3  # decoders differ


@pytest.mark.parametrize("layers", [1, 2])
def test_segments_of_slicer_by_name(tmp_path, layers):
    write(tmp_path / "images/a.nii.gz", body())
    crop, moved = objects()[1:, :5, 1:], affine()
    moved[:3, 3] += affine()[:3, :3] @ [1, 0, 1]
    (tmp_path / "masks").mkdir()
    both = np.stack([crop == 1, crop == 2], axis=-1).astype(np.uint8)
    stored = crop if layers == 1 else both
    named = [Segment("Ell", 1, 0), Segment("The bar", 3 - layers, layers - 1)]
    write_segments(tmp_path / "masks/a.seg.nrrd", stored, moved, named)
    write(tmp_path / "plain/a.nii.gz", objects())
    plain = masks_of(open_folders(tmp_path / "images", tmp_path / "plain")).values()
    wanted = [list(masks.values()) for masks in plain]
    dataset = folders(tmp_path)
    assert dataset.tasks == ("object-ell", "object-the_bar")
    assert [list(masks.values()) for masks in masks_of(dataset).values()] == wanted
    told = {"key": "k", "images": "images", "masks": "masks", "labels": {"x": "the bar"}}
    (named,) = {tuple(m) for m in masks_of(open_own(OwnData(**told), tmp_path)).values()}
    assert named == ("x",)
    told["labels"] = {"x": "liver"}
    (reason,) = reasons(open_own(OwnData(**told), tmp_path)).values()
    assert "has the segments 'Ell', 'The bar'. Allowed: 'liver'" in reason


@pytest.mark.parametrize("first", ["background", "objects"])
def test_one_hot(tmp_path, first):
    channels = [objects() == value for value in ((0, 1, 2) if first == "background" else (1, 2))]
    scan(tmp_path, labels=np.stack(channels, axis=-1).astype(np.uint8))
    scan(tmp_path / "plain")
    wanted = select(data=own_file(tmp_path / "plain"), progress=False)
    found = select(data=own_file(tmp_path, f"one_hot: {first}"), progress=False)
    assert found.settings["one_hot"] == first
    assert masks_of(found) == masks_of(wanted)


def test_instances(tmp_path):
    mask = np.zeros((16, 16), np.uint16)
    for value in range(1, 65):
        mask.flat[value * 4 - 4 : value * 4 - 1] = value * 10
    picture(tmp_path / "images/a.png", GREY)
    picture(tmp_path / "masks/a.png", mask)
    told = {"key": "k", "images": "images", "masks": "masks", "labels": "instances"}
    dataset = open_own(OwnData(**told), tmp_path)
    cases = list(dataset.cases())
    assert (dataset.tasks, len(cases)) == (("object",), 64)
    assert (cases[0].id, cases[0].group, cases[-1].id) == ("a/000010", "a", "a/000640")
    sample = cases[1].load()
    assert (sample.masks["object"] == (mask == 20)).all()
    assert (sample.any_object == (mask > 0)).all()


NNUNET = {"channel_names": {"0": "CT", "1": "PET"}, "file_ending": ".nii.gz"}


@pytest.mark.parametrize("old", [False, True])
def test_nnunet(tmp_path, old):
    root = tmp_path / "Dataset007_Toy"
    for number in (0, 1):
        write(root / f"imagesTr/x_{number:04d}.nii.gz", body() + 1000 * number)
    write(root / "labelsTr/x.nii.gz", objects() + 3 * (objects() == 2))
    (root / "imagesTs").mkdir()
    told = NNUNET | {"labels": {"background": 0, "ell": 1, "any": [1, 2], "ignore": 5}}
    if old:
        told = {"modality": {"0": "CT", "1": "PET"}}
        told["labels"] = {"0": "background", "1": "ell", "5": "bar"}
    (root / "dataset.json").write_text(json.dumps(told))
    dataset = select(data=f"nnunet={root}", progress=False)
    assert dataset.tasks == (("ell", "bar") if old else ("ell", "any"))
    assert (dataset.key, dataset.modality, dataset.skipped) == ("Dataset007_Toy", "CT", [])
    assert dataset.settings["intensity"] == "window 40/400"
    found = masks_of(dataset)
    assert list(found) == [f"x/axial-{k:04d}" for k in ((1, 2, 3, 4) if old else (1, 2, 3))]
    assert found["x/axial-0001"]["ell"] == (objects()[:, :, 1] == 1).sum()
    second = select(data=f"nnunet={root}", reading=Reading(options={"channel": "1"}))
    assert (second.modality, second.settings["channel"]) == ("unknown", "1 (PET)")
    (root / "dataset.json").write_text("{}")
    with pytest.raises(InputError, match=r"dataset.json' cannot be used .*Allowed: nnU-Net's"):
        select(data=f"nnunet={root}")
