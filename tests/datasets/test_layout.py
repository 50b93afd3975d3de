"""From a folder as it was downloaded to a dataset, and what is said of one that is not."""

import shutil
import unicodedata
from functools import partial

import numpy as np
import pytest
from datasets.nifti_files import objects, write_pair

from medsam.datasets.layouts import layout_of
from medsam.datasets.layouts.layout import Settings, grouped, labels_of, open_layout, paired
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.source import Broken, Picture
from medsam.errors import DataError, InputError, UnknownName

SPLEEN = np.uint8(objects() == 1)
IMAGE, MASK = r"imagesTr/(?P<id>[^/]+)\.png", r"labelsTr/(?P<id>[^/]+)\.png"


def spleen(folder, *stems):
    for stem in stems:
        write_pair(folder, stem, labels=SPLEEN)
    return folder


def opened(root, **more):
    return open_layout(layout_of("ct_spleen"), root, progress=False, **more)


def broken(dataset):
    out = {}
    for case in dataset.cases():
        try:
            case.load()
        except DataError as error:
            out[case.id] = str(error)
    return out


def names(key, image, masks):
    return Picture(key[0], key[0], image, tuple(masks))


def test_settings_are_told(tmp_path):
    dataset = opened(spleen(tmp_path, "spleen_2", "spleen_10"))
    assert dataset.settings == {"plane": "axial", "intensity": "window 40/400"}
    assert [case.id for case in dataset.cases()] == [
        f"spleen_{number}/axial-000{at}" for number in (10, 2) for at in (1, 2, 3)
    ]
    assert dataset.skipped == []
    other = opened(tmp_path, plane="coronal", trust_image=True)
    assert other.settings["plane"] == "coronal"
    assert other.settings["headers"] == "image"
    assert next(other.cases()).id == "spleen_10/coronal-0001"


def test_every_other_file_is_told(tmp_path):
    spleen(tmp_path, "spleen_2")
    (tmp_path / "readme.txt").write_text("x")
    (tmp_path / "._readme.txt").write_text("x")
    assert opened(tmp_path).skipped == [("readme.txt", "not part of the layout")]


def test_level_above_is_fine_below_is_told(tmp_path):
    spleen(tmp_path / "Task09_Spleen", "spleen_2")
    assert len(opened(tmp_path)) == 3
    with pytest.raises(InputError) as error:
        opened(tmp_path / "Task09_Spleen" / "imagesTr")
    assert str(error.value).endswith(
        "(such as 'spleen_2.nii.gz') is one of its images. Allowed: the folder that holds imagesTr "
        f"and labelsTr (Task09_Spleen). Give {str(tmp_path.resolve() / 'Task09_Spleen')!r}."
    )


def test_another_dataset(tmp_path):
    write_pair(tmp_path, "colon_001")
    with pytest.raises(InputError) as error:
        opened(tmp_path)
    assert "none of the 2 files below" in str(error.value)
    assert "Check the path, or unpack the archive." in str(error.value)


def test_missing_halves(tmp_path):
    spleen(tmp_path, "spleen_1", "spleen_2", "spleen_3")
    (tmp_path / "labelsTr" / "spleen_1.nii.gz").unlink()
    (tmp_path / "imagesTr" / "spleen_3.nii.gz").unlink()
    dataset = opened(tmp_path)
    assert broken(dataset) == {
        "spleen_1": "Image 'spleen_1.nii.gz' has no mask. Allowed: a mask of the same number or "
        "name. Unpack the masks too, or take the image out.",
        "spleen_3": "Mask 'spleen_3.nii.gz' has no image. Allowed: an image of the same number or "
        "name. Unpack the images too, or take the mask out.",
    }
    assert len(dataset) == 2 + 3


def test_unpacked_twice(tmp_path):
    spleen(tmp_path / "a", "spleen_1", "spleen_2")
    shutil.copytree(tmp_path / "a" / "imagesTr", tmp_path / "a (2)" / "imagesTr")
    (tmp_path / "a (2)" / "imagesTr" / "spleen_2.nii.gz").unlink()
    dataset = opened(tmp_path)
    ((name, reason),) = broken(dataset).items()
    assert name == "spleen_1"
    assert reason.startswith("2 images 'spleen_1': ")
    assert reason.endswith("Allowed: one. Take the copies out.")
    assert len(dataset) == 1 + 3


def test_masks_unpacked_twice():
    masks = {("a",): ["x/a.png", "y/a.png"]}
    images = {("a",): ["a.png"]}
    make = partial(names)
    assert isinstance(paired(images, masks, make)[0], Picture)  # joined: BUSI has several
    from pathlib import Path

    masks = {("a",): [Path("x/a.png"), Path("y/a.png")]}
    (one,) = paired({("a",): [Path("a.png")]}, masks, make, one_mask=True)
    assert isinstance(one, Broken)
    assert one.reason == (
        "2 masks 'a': 'x/a.png' and 'y/a.png'. Allowed: one. Take the copies out."
    )


def test_unlabelled_images_may_be_left_out(tmp_path):
    for name in ("imagesTr/a.png", "imagesTr/b.png", "labelsTr/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    tree = Tree(tmp_path)
    both = grouped(tree.match(IMAGE), "id"), grouped(tree.match(MASK), "id")
    assert [one.id for one in paired(*both, names, alone=True)] == ["b"]
    assert [type(one) for one in paired(*both, names)] == [Broken, Picture]


def test_composed_and_decomposed_names_pair(tmp_path):
    for name in (f"imagesTr/{unicodedata.normalize('NFD', 'é')}.png", "labelsTr/é.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    tree = Tree(tmp_path)
    (one,) = paired(grouped(tree.match(IMAGE), "id"), grouped(tree.match(MASK), "id"), names)
    assert (type(one), one.id) == (Picture, "é")


def test_options(tmp_path):
    spleen(tmp_path, "spleen_2")
    with pytest.raises(UnknownName, match=r"Unknown option of ct_spleen 'rater'"):
        opened(tmp_path, options={"rater": "1"})
    assert Settings().plane == "axial"


def test_labels_come_from_the_catalog():
    from medsam.datasets.catalog import entry

    labels = labels_of(entry("ct_spleen"), others=(9,))
    (rule,) = labels.tasks.values()
    assert (rule, labels.others) == ((1,), (9,))
