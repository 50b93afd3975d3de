"""The 3D datasets as their archives unpack: what is found, and what is said."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from datasets.checks import opened, reasons, samples
from datasets.layouts.scan_trees import SIZE, TREES, picture, scene, write_nifti
from datasets.nifti_files import ORIENTATIONS, stored, write

from medsam.datasets import to_uint8_rgb
from medsam.datasets.catalog import entry
from medsam.datasets.intensity import Intensity
from medsam.errors import InputError

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "abdomen_ct"
"""Beside a checkout of the developers."""

ALL = pytest.mark.parametrize("name", TREES)


@ALL
def test_everything_is_found_as_unpacked(name, tmp_path):
    """All that a dataset says, of a folder higher up, against all that was drawn."""
    tree = TREES[name](tmp_path / "here")
    dataset = opened(tree.key, tmp_path)
    assert (dataset.key, dataset.tasks) == (tree.key, tree.tasks)
    assert dataset.modality == entry(tree.key).modality
    assert dataset.settings == tree.settings
    assert [path for path, _ in dataset.skipped] == ["here/notes of mine.odt"]
    cases = {case.id: case for case in dataset.cases()}
    assert list(cases) == sorted(tree.slices)
    assert len(dataset) == len(cases)
    for name, wanted in tree.slices.items():
        case = cases[name]
        assert (case.group, set(case.tasks)) == (wanted.group, set(wanted.masks)), name
        sample = case.load()
        assert (sample.id, sample.group) == (name, wanted.group)
        for task, mask in wanted.masks.items():
            assert (sample.masks[task] == mask).all(), (name, task)
        assert sample.spacing == pytest.approx(SIZE[1:])
        pairs = zip(wanted.channels, wanted.units, strict=True)
        greys = [Intensity().grey(channel, unit=unit) for channel, unit in pairs]
        shown = np.stack(greys * (1 if len(greys) == 3 else 3), axis=-1)
        assert (sample.image == shown).all(), name


@ALL
def test_a_missing_mask_is_one_broken_case(name, tmp_path):
    tree = TREES[name](tmp_path)
    lost = tmp_path / tree.a_mask
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    dataset = opened(tree.key, tmp_path)
    ((broken, reason),) = reasons(dataset).items()
    assert "Allowed: one file each of" in reason
    left = {one for one in tree.slices if not one.startswith(broken)}
    assert 0 < len(left) < len(tree.slices)
    assert {case.id for case in dataset.cases()} == {*left, broken}


# ----------------------------------------------------------------- the cord: raters
LATE = (slice(17, 19), slice(20, 24))  # on slice 2, drawn by raters 1 and 4 alone


@pytest.mark.parametrize(
    ("rater", "cord_there", "late_there"),
    [("vote", True, False), ("1", True, True), ("2", True, False), ("4", False, True)],
)
def test_rater(rater, cord_there, late_there, tmp_path):
    TREES["mri_spine"](tmp_path)
    found = samples(opened("mri_spine", tmp_path, options={"rater": rater}))
    mask = found["site1-sc01/axial-0002"].masks["mri_spine_gm"]
    assert mask[LATE].all() == mask[LATE].any() == late_there
    assert mask[8:13, 6].any() == cord_there


def test_a_chosen_rater_needs_no_other(tmp_path):
    tree = TREES["mri_spine"](tmp_path)
    (tmp_path / tree.a_mask).unlink()  # rater 4 of site3-sc10
    assert not reasons(opened("mri_spine", tmp_path, options={"rater": "3"}))
    assert "has no mask of rater 4" in reasons(opened("mri_spine", tmp_path))["site3-sc10"]


# ----------------------------------------------------------------- the brain: sequences, releases
SEEDS = {"flair": 1, "t1": 21, "t1ce": 41, "t2": 61}  # of the first case in the tree


@pytest.mark.parametrize("sequence", [*SEEDS, "flair+t1ce+t2"])
def test_sequence(sequence, tmp_path):
    TREES["mri_brain"](tmp_path)
    dataset = opened("mri_brain", tmp_path, options={"sequence": sequence})
    image = next(dataset.cases()).load().image
    shown = sequence.split("+") if "+" in sequence else [sequence] * 3
    for channel, one in enumerate(shown):
        assert (image[..., channel] == to_uint8_rgb(picture(SEEDS[one])[1])[..., 0]).all()


def test_two_releases_at_once_are_refused_and_later_ones_are_not_read(tmp_path):
    later = tmp_path / "later"
    write_nifti(later / "BraTS-GLI-00000-000/BraTS-GLI-00000-000-seg.nii.gz", picture(1))
    with pytest.raises(InputError, match="Allowed: .*2017 to 2021"):
        opened("mri_brain", later)
    TREES["mri_brain"](tmp_path)
    assert len([path for path, _ in opened("mri_brain", tmp_path).skipped if "GLI" in path]) == 1
    for part in ("flair", "seg"):
        write_nifti(tmp_path / f"HGG/Brats18_CBICA_AAB_1_{part}.nii.gz", scene(3, 1))
    with pytest.raises(InputError, match="two forms of the dataset"):
        opened("mri_brain", tmp_path)


# ----------------------------------------------------------------- what others have of their own


def test_prostate_mask_slices_must_be_all_there(tmp_path):
    tree = TREES["mri_prostate"](tmp_path)
    (tmp_path / tree.a_mask / "im2").unlink()  # the slice at z = 1, by its place
    ((name, reason),) = reasons(opened("mri_prostate", tmp_path)).items()
    assert name == "Patient_387"
    assert "3 mask slices for 4 slices. Allowed: a mask slice for each." in reason
    found = samples(opened("mri_prostate", tmp_path, options={"gaps": "empty"}))
    # Slice 2 still lies where it should, by its position.
    wanted = tree.slices["Patient_387/axial-0002"].masks["mri_prostate"]
    assert (found["Patient_387/axial-0002"].masks["mri_prostate"] == wanted).all()


def test_prostate_masks_flipped(tmp_path):
    """The stack of masks turned over, slice by slice, and no mask itself turned."""
    tree = TREES["mri_prostate"](tmp_path)
    dataset = opened("mri_prostate", tmp_path, options={"gt": "flipped"})
    found = {case.id: case.load() for case in dataset.cases()}
    assert dataset.settings["gt"] == "flipped"
    last = 3  # of four slices
    assert found.keys() == {f"{name[:-1]}{last - int(name[-1])}" for name in tree.slices}
    for name, wanted in tree.slices.items():
        sample = found[f"{name[:-1]}{last - int(name[-1])}"]
        assert (sample.masks["mri_prostate"] == wanted.masks["mri_prostate"]).all()


# ----------------------------------------------------------------- real files
@pytest.mark.skipif(not REAL.is_dir(), reason="the real test images are not here")
def test_real_ct_is_shown_the_radiological_way(tmp_path):
    """A CT of an abdomen, stored turned, with organs of a model, under CT-ORG's names."""
    image, seg = (nib.load(REAL / f"example_{name}.nii.gz") for name in ("ct_sm", "seg"))
    organs = np.asarray(seg.dataobj)  # 2 and 3: right and left kidney; 5: liver
    labels = np.where(organs == 5, 1, np.where((organs == 2) | (organs == 3), 4, 0))
    for name, array in (("volume", np.asarray(image.dataobj)), ("labels", np.uint8(labels))):
        write(tmp_path / f"{name}-0.nii.gz", *stored(array, seg.affine, ORIENTATIONS[21]))
    both = [case.load() for case in opened("ct_organ", tmp_path).cases() if len(case.tasks) == 2]
    liver = [one.masks["ct_organ_liver"] for one in both]
    kidneys = [one.masks["ct_organ_kidney"] for one in both]
    assert len(both) > 5
    rows, columns = (np.mean([np.nonzero(mask)[axis].mean() for mask in liver]) for axis in (0, 1))
    assert columns < both[0].image.shape[1] / 2  # the patient's right is on the left
    assert rows < np.mean([np.nonzero(mask)[0].mean() for mask in kidneys])  # anterior is up
    # Soft tissue lies about the middle of the window, air is black.
    grey = np.concatenate([one.image[mask, 0] for one, mask in zip(both, liver, strict=True)])
    assert 110 < np.median(grey) < 200
    assert np.median(both[0].image[:3]) == 0
