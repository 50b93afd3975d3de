"""Masks beside the rows: coded, found again, and written for other viewers."""

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from toys import SquareModel, write_volume
from typer.testing import CliRunner

from medsam.cli import app
from medsam.datasets.select import select
from medsam.results.masks import attach, decode, encode
from medsam.results.rows import read
from medsam.study import runner

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(SHAPES.flatmap(lambda shape: arrays(bool, shape)))
def test_a_mask_comes_back(mask):
    assert np.array_equal(decode(encode(mask), *mask.shape), mask)


@pytest.fixture
def scan(tmp_path):
    """A scan that is stored from the right, and a run on its three slices with an object."""
    labels = np.zeros((30, 24, 5), np.uint8)
    labels[6:16, 5:15, 1:4] = 1
    affine = np.diag([-1.5, 1.5, 3.0, 1.0])
    for kind, array in (("images", labels.astype(np.int16) * 100), ("masks", labels)):
        write_volume(tmp_path / kind / "scan.nii.gz", array, affine)
    data = select((), tmp_path / "images", tmp_path / "masks", progress=False)
    runner.run(data, SquareModel(), tmp_path / "r", progress=False)
    return tmp_path, data, affine


def command(folder, out, *given):
    told = ["results", "mask", str(folder / "r"), str(out), "--task", "object-1", *given]
    return CliRunner().invoke(app, told)


def test_a_volume_is_written_on_the_grid_of_its_image(scan, tmp_path):
    folder, _, affine = scan
    where = ["--images", str(folder / "images"), "--masks", str(folder / "masks")]
    run = command(folder, tmp_path / "m.nii.gz", "--image", "scan", "--k", "4", *where)
    assert run.output == f"3 masks in {tmp_path / 'm.nii.gz'}\n"
    written = nibabel.load(tmp_path / "m.nii.gz")
    assert np.array_equal(written.affine, affine)
    rows = read(folder / "r").query("experiment == 'mode' and k == 4 and choice == 'top'")
    volume, of = np.asarray(written.dataobj), dict(zip(rows.image, rows.iou, strict=True))
    truth = np.asarray(nibabel.load(folder / "masks" / "scan.nii.gz").dataobj)
    for index in (1, 2, 3):
        one, other = volume[..., index] > 0, truth[..., index] > 0
        iou = (one & other).sum() / (one | other).sum()
        assert iou == pytest.approx(of[f"scan/axial-{index:04d}"])
    assert not volume[..., [0, 4]].any()


def test_one_mask_is_written_as_a_picture_or_an_error_says_what_there_is(scan, tmp_path):
    folder, *_ = scan
    given = ["--image", "scan/axial-0002", "--experiment", "clicks"]
    assert command(folder, tmp_path / "m.png", *given).exit_code == 0
    rows = read(folder / "r").query("image == 'scan/axial-0002' and experiment == 'clicks'")
    (wanted,) = attach(folder / "r", rows.query("k == 1 and choice == 'top'"))["mask"]
    picture = np.asarray(Image.open(tmp_path / "m.png"))
    assert np.array_equal(picture, 255 * decode(wanted, *picture.shape))
    run = command(folder, tmp_path / "m.png", "--image", "scan/axial-0009")
    assert "scan/axial-0001, scan/axial-0002" in str(run.exception)
    run = command(folder, tmp_path / "m.png", "--image", "scan")
    assert "3 masks into m.png. Allowed: one mask" in str(run.exception)
