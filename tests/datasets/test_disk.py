"""A dataset on disk: order and names of its cases, and that one bad file stops nothing else."""

import nibabel
import numpy as np
import pytest
from datasets.nifti_files import body, objects, write_pair
from toys import SquareModel

from medsam.datasets.layouts.layout import open_dataset
from medsam.datasets.source import DiskDataset
from medsam.errors import DataError
from medsam.results.rows import read
from medsam.study.runner import run

SPLEEN = np.uint8(objects() == 1)


def spleen(folder, *numbers, **more):
    for number in numbers:
        write_pair(folder, f"spleen_{number}", **{"labels": SPLEEN, **more})
    return folder


def opened(root) -> DiskDataset:
    return open_dataset("ct_spleen", root, progress=False)


def break_scan(folder, how):
    """spleen_2 made unusable in one way."""
    image, labels = (folder / name / "spleen_2.nii.gz" for name in ("imagesTr", "labelsTr"))
    noise = np.random.default_rng(0).integers(-999, 999, (64, 64, 5)).astype(np.int16)
    if how == "no mask":
        labels.unlink()
    elif how == "another grid":
        spleen(folder, 2)
        moved = nibabel.load(labels)
        nibabel.save(nibabel.Nifti1Image(SPLEEN, moved.affine + np.eye(4)[:, [3, 3, 3, 0]]), labels)
    elif how == "torn pixels":
        # No object on the first slice: ids come from the labels, the tear shows in the image.
        spleen(folder, 2, image=noise, labels=np.uint8(noise > 0) * np.uint8([0, 1, 1, 1, 1]))
        image.write_bytes(image.read_bytes()[: int(0.6 * image.stat().st_size)])
    elif how == "not finite":
        spleen(folder, 2, image=np.where(body() > 500, np.inf, 1).astype(np.float32))


BROKEN = {
    "no mask": "Image 'spleen_2.nii.gz' has no mask. Allowed",
    "another grid": "voxels from NIfTI 'spleen_2.nii.gz' of ",
    "torn pixels": "EOFError: Compressed file ended before the end",
    "not finite": "values are NaN or infinite. Allowed: finite values",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_bad_scan_is_rows_with_its_reason(tmp_path, how):
    break_scan(spleen(tmp_path / "in", 1, 2, 3), how)
    dataset = opened(tmp_path / "in")
    good = bad = 0
    for case in dataset.cases():
        if case.id.startswith("spleen_2"):
            bad += 1
            with pytest.raises(DataError) as error:
                case.load()
            assert BROKEN[how] in str(error.value)
            assert "Allowed: " in str(error.value)
        else:
            good += case.load().masks["ct_spleen"].any()
    assert good == 6
    assert bad >= 1
    report = run(dataset, SquareModel(), tmp_path / "out", experiments=["mode"], progress=False)
    assert report.status == {"ok": 6, "empty": 0, "error": bad}
    rows = read(tmp_path / "out").query("image.str.startswith('spleen_2')")
    assert set(rows.status) == {"error"}
    assert set(rows.task) == {"ct_spleen"}
    assert rows.iou.isna().all()
    assert len(rows) == bad
    assert all(BROKEN[how] in reason for reason in rows.reason)
