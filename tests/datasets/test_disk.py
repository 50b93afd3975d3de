"""A dataset on disk: order and names of its cases, and that one bad file stops nothing else."""

import nibabel
import numpy as np
import pytest
from datasets.checks import opened, reasons
from datasets.nifti_files import body, objects, write_pair
from toys import SquareModel

from medsam.results.rows import read
from medsam.study.runner import run

SPLEEN = np.uint8(objects() == 1)


def spleen(folder, *numbers, **more):
    for number in numbers:
        write_pair(folder, f"spleen_{number}", **{"labels": SPLEEN, **more})
    return folder


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
    dataset = opened("ct_spleen", tmp_path / "in")
    found = reasons(dataset)
    assert found
    for name, reason in found.items():
        assert name.startswith("spleen_2")
        assert BROKEN[how] in reason
        assert "Allowed: " in reason
    report = run(dataset, SquareModel(), tmp_path / "out", experiments=["mode"], progress=False)
    assert report.status == {"ok": 6, "empty": 0, "error": len(found)}
    rows = read(tmp_path / "out").query("image.str.startswith('spleen_2')")
    assert set(rows.status) == {"error"}
    assert set(rows.task) == {"ct_spleen"}
    assert rows.iou.isna().all()
    assert len(rows) == len(found)
    assert all(BROKEN[how] in reason for reason in rows.reason)
