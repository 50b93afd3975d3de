"""Two folders of equal stems: what is read, what is refused, and with which words."""

import os
import random
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from datasets.checks import reasons
from PIL import Image

from medsam.datasets import open_folders
from medsam.datasets.check import check

GREY = np.array([[0, 1, 2], [3, 4, 5]], np.uint8)
MASK = np.array([[0, 1, 1], [0, 2, 0]], np.uint8)


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path / "images", tmp_path / "masks"


def write(path: Path, array, **kwargs) -> Path:
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, **kwargs)
    else:
        Image.fromarray(array).save(path)
    return path


def pair(folders, stem="a", mask=MASK):
    write(folders[0] / f"{stem}.png", GREY)
    write(folders[1] / f"{stem}.png", mask)


def test_a_pair_by_hand(folders):
    pair(folders)
    pair(folders, "b", mask=np.ones((2, 3), np.uint8))
    dataset = open_folders(*folders)
    assert (dataset.tasks, len(dataset)) == (("object-1", "object-2"), 2)
    assert dataset.key == folders[0].parent.name
    sample, other = (case.load() for case in dataset.cases())
    assert (sample.id, sample.group, sample.spacing) == ("a", "a", None)
    assert sample.image[..., 0].tolist() == [[0, 51, 102], [153, 204, 255]]
    assert sample.masks["object-1"].tolist() == [[False, True, True], [False, False, False]]
    assert sample.masks["object-2"].tolist() == [[False] * 3, [False, True, False]]
    assert other.masks["object-1"].all()
    assert not other.masks["object-2"].any()  # absent is an empty mask


MANY = np.arange(33 * 2, dtype=np.uint8).reshape(2, 33)


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (MANY, "65 distinct values other than 0: this looks like compression noise"),
        (np.dstack([MASK, MASK, MASK * 0]), "a colour image whose channels differ. Allowed: one"),
        (MASK / 2, "fractional values from 0 to 1. Allowed: whole numbers. Threshold it"),
        (-MASK.astype(np.int16), "values from -2 to 0. Allowed: 0 for the background and 1..n."),
        (np.where(MASK == 1, np.nan, MASK), "2 of 6 values are NaN or infinite. Allowed"),
        (MASK[:, :2], "has shape (2, 2), image 'a.png' has (2, 3). Allowed: equal height and"),
        (np.stack([MASK[:, :2]] * 2), "2 pages"),
    ],
    ids=["noise", "colour", "half", "negative", "nan", "shape", "pages"],
)
def test_masks_that_are_refused(folders, mask, text):
    write(folders[0] / "a.png", GREY)
    colour = mask.shape[2:] == (3,)
    write(folders[1] / "a.tif", mask, photometric="rgb" if colour else "minisblack")
    (reason,) = reasons(open_folders(*folders)).values()
    assert "Mask 'a.tif'" in reason
    assert text in reason


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg"])
@pytest.mark.parametrize("keep", [0, 300])
def test_torn_files(folders, suffix, keep):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    write(folders[1] / "a.png", MASK)
    path = write(folders[0] / f"a{suffix}", noise)
    path.write_bytes(path.read_bytes()[:keep])
    (reason,) = reasons(open_folders(*folders)).values()
    assert f"Image 'a{suffix}' cannot be read (" in reason
    assert "Copy or export it again." in reason


def test_ids_do_not_depend_on_order_or_file_system(tmp_path):
    stems = ["z", "B", "a10", "a9", unicodedata.normalize("NFD", "é")]
    seen = []
    for run in range(3):
        random.Random(run).shuffle(stems)
        folders = tmp_path / f"{run}i", tmp_path / f"{run}m"
        for folder in folders:
            folder.mkdir()
        for stem in stems:
            pair(folders, stem, mask=MASK * (1 + len(stem)))
        dataset = open_folders(*folders, key="k")
        seen.append((dataset.tasks, [(case.id, case.digest()) for case in dataset.cases()]))
    assert seen[0] == seen[1] == seen[2]
    assert [case_id for case_id, _ in seen[0][1]] == ["B", "a10", "a9", "z", "\u00e9"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.timeout(60)
def test_a_pipe_is_told_and_never_opened(folders):
    pair(folders)
    for folder in folders:
        os.mkfifo(folder / "b.png")
    data = open_folders(*folders, progress=False)
    found = check(data, progress=False)
    assert found.cases == 1
    assert ("images/b.png", "a pipe, socket or device") in found.skipped
