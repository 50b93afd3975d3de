"""The cord: which rater, when a vote counts, and what the labels are believed to be."""

import nibabel as nib
import numpy as np
import pytest
from datasets.layouts.scan_trees import TREES, cord, write_nifti

from medsam.datasets.layouts import open_dataset
from medsam.datasets.layouts.scans import ASSUMPTIONS
from medsam.errors import DataError

NAME = "training-data-gm-sc-challenge-ismrm16-v20160302b"
LATE = (2, slice(17, 19), slice(20, 24))  # drawn by raters 1 and 4 alone


def load(root, case="site1-sc01/axial-0002", **options):
    dataset = open_dataset("mri_spine", root, options=options, progress=False)
    return {one.id: one for one in dataset.cases()}[case].load()


@pytest.mark.parametrize(
    ("rater", "cord_there", "late_there"),
    [("vote", True, False), ("1", True, True), ("2", True, False), ("4", False, True)],
)
def test_rater(rater, cord_there, late_there, tmp_path):
    TREES["mri_spine"](tmp_path)
    mask = load(tmp_path, rater=rater).masks["mri_spine_gm"]
    assert mask[LATE[1:]].all() == mask[LATE[1:]].any() == late_there
    assert mask[4:9, 6].any() == cord_there


def test_a_chosen_rater_needs_no_other(tmp_path):
    tree = TREES["mri_spine"](tmp_path)
    (tmp_path / tree.a_mask).unlink()  # rater 4 of site3-sc10
    case = "site3-sc10/axial-0002"
    assert load(tmp_path, case, rater="3").masks["mri_spine_sc"].any()
    with pytest.raises(DataError) as error:
        load(tmp_path, "site3-sc10", rater="vote")
    assert str(error.value) == (
        "'site3-sc10': 0 of mask of rater 4. Allowed: one file each of image, mask of rater 1, "
        "mask of rater 2, mask of rater 3, mask of rater 4. Unpack what is missing. Or ask one "
        "rater (--option rater=1)."
    )


def test_a_subject_of_the_training_part_without_any_mask_is_said(tmp_path):
    TREES["mri_spine"](tmp_path)
    write_nifti(tmp_path / NAME / "site2-sc05-image.nii.gz", np.ones((4, 20, 26)))
    with pytest.raises(DataError, match="'site2-sc05': 0 of mask of rater 1, 0 of mask of"):
        load(tmp_path, "site2-sc05")


def test_files_at_the_top_are_the_same(tmp_path):
    TREES["mri_spine"](tmp_path)
    for file in (tmp_path / NAME).iterdir():
        file.rename(tmp_path / file.name)
    assert load(tmp_path).masks["mri_spine_gm"].any()


# ----------------------------------------------------------------- what is assumed of the labels
def test_assumption_holds_on_the_tree(tmp_path):
    TREES["mri_spine"](tmp_path)
    assert ASSUMPTIONS["mri_spine"](load(tmp_path)) == (
        "Cord = labels 1 (grey matter) and 2 (white matter), tested on site1-sc01/axial-0002: 100% "
        "of the outline of their union is label 2 (expected: above 50%), 0 of its pixels are "
        "holes (expected: 0). Held."
    )


def test_assumption_fails_where_the_values_are_swapped(tmp_path):
    TREES["mri_spine"](tmp_path, swap=True)
    words = ASSUMPTIONS["mri_spine"](load(tmp_path))
    assert ": 0% of the outline" in words
    assert words.endswith("Did not hold.")


def test_assumption_fails_where_the_cord_has_holes(tmp_path):
    labels = cord(1)
    labels[2, 3, 5] = 0  # the ring of white matter is open inside
    for rater in (1, 2, 3, 4):
        write_nifti(tmp_path / f"site1-sc01-mask-r{rater}.nii.gz", labels, dtype="u1")
    write_nifti(tmp_path / "site1-sc01-image.nii.gz", labels + 1)
    words = ASSUMPTIONS["mri_spine"](load(tmp_path))
    assert "1 of its pixels are holes" in words
    assert words.endswith("Did not hold.")


def test_a_slice_without_grey_matter_cannot_tell(tmp_path):
    labels = cord(1)
    labels[labels == 1] = 2
    for rater in (1, 2, 3, 4):
        write_nifti(tmp_path / f"site1-sc01-mask-r{rater}.nii.gz", labels, dtype="u1")
    write_nifti(tmp_path / "site1-sc01-image.nii.gz", labels + 1)
    assert ASSUMPTIONS["mri_spine"](load(tmp_path)) is None


def test_real_cord_with_grey_matter(shared_data, tmp_path):
    """Masks that people drew of a cord and its grey matter, put under the challenge's names."""
    folder = shared_data / "sct_spinal_cord" / "t2s"
    image, grey, whole = (
        nib.load(folder / f"{name}.nii.gz") for name in ("t2s", "t2s_gmseg_manual", "t2s_seg")
    )
    inner, outer = (np.asarray(one.dataobj) > 0 for one in (grey, whole))
    labels = np.where(inner, 1, np.where(outer, 2, 0)).astype(np.uint8)
    nib.save(image, tmp_path / "site1-sc01-image.nii.gz")
    for rater in (1, 2, 3, 4):
        one = nib.Nifti1Image(labels, image.affine)
        nib.save(one, tmp_path / f"site1-sc01-mask-r{rater}.nii.gz")
    dataset = open_dataset("mri_spine", tmp_path, progress=False)
    samples = [case.load() for case in dataset.cases()]
    assert [one.id for one in samples] == [f"site1-sc01/axial-{z:04d}" for z in range(9)]
    for z, one in enumerate(samples):
        # Stored L, A, S: columns run from right to left as shown, rows from posterior up.
        assert (one.masks["mri_spine_gm"] == inner[:, ::-1, z].T).all()
        assert (one.masks["mri_spine_sc"] == (inner | outer)[:, ::-1, z].T).all()
        assert one.spacing == pytest.approx((0.5, 0.5))
    told = [ASSUMPTIONS["mri_spine"](one) for one in samples]
    assert all(words.endswith("Held.") for words in told), told
