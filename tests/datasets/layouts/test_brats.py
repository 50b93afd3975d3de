"""The brain tumour benchmark: its releases, sequences, and which are refused."""

import numpy as np
import pytest
from datasets.layouts.scan_trees import SHAPE, TREES, picture, relabel, scene, write_nifti

from medsam.datasets import to_uint8_rgb
from medsam.datasets.layouts import open_dataset
from medsam.errors import DataError, InputError

TOP = "MICCAI_BraTS2020_TrainingData"
SEEDS = {"flair": 1, "t1": 20, "t1ce": 40, "t2": 60}  # of the first case in the tree


def first(root, **options):
    dataset = open_dataset("mri_brain", root, options=options, progress=False)
    return next(iter(dataset.cases())).load()


def case_of(root, name, *, folder="", sequences=("flair",), end=".nii.gz"):
    for sequence in sequences:
        write_nifti(root / folder / name / f"{name}_{sequence}{end}", picture(1))
    labels = relabel(scene(3, 1), {1: 1, 2: 2, 3: 4})
    write_nifti(root / folder / name / f"{name}_seg{end}", labels, dtype="i2")


@pytest.mark.parametrize("sequence", SEEDS)
def test_sequence(sequence, tmp_path):
    TREES["mri_brain"](tmp_path)
    sample = first(tmp_path, sequence=sequence)
    assert (sample.image == to_uint8_rgb(picture(SEEDS[sequence])[1])).all()


def test_three_sequences_as_colours(tmp_path):
    TREES["mri_brain"](tmp_path)
    image = first(tmp_path, sequence="flair+t1ce+t2").image
    for channel, sequence in enumerate(("flair", "t1ce", "t2")):
        grey = to_uint8_rgb(picture(SEEDS[sequence])[1])
        assert (image[..., channel] == grey[..., 0]).all()


def test_grades_in_folders_and_plain_files(tmp_path):
    case_of(tmp_path, "Brats18_CBICA_AAB_1", folder="HGG", end=".nii")
    case_of(tmp_path, "Brats18_TCIA10_109_1", folder="LGG", end=".nii")
    dataset = open_dataset("mri_brain", tmp_path, progress=False)
    assert {case.group for case in dataset.cases()} == {
        "Brats18_CBICA_AAB_1",
        "Brats18_TCIA10_109_1",
    }


def test_a_missing_sequence_is_one_broken_case(tmp_path):
    case_of(tmp_path, "BraTS2021_00000", sequences=("flair", "t1ce"))
    case_of(tmp_path, "BraTS2021_00002", sequences=("t1", "t1ce"))
    dataset = open_dataset("mri_brain", tmp_path, progress=False)
    *_, broken = dataset.cases()
    with pytest.raises(DataError) as error:
        broken.load()
    assert str(error.value) == (
        "'BraTS2021_00002': 0 of flair. Allowed: one file each of flair, seg. Unpack what is "
        "missing."
    )
    assert len(open_dataset("mri_brain", tmp_path, options={"sequence": "t1ce"})) == 4


def test_a_training_case_without_mask_is_said_and_a_validation_case_is_not(tmp_path):
    case_of(tmp_path, "BraTS2021_00000")
    write_nifti(tmp_path / "BraTS2021_00001/BraTS2021_00001_flair.nii.gz", picture(2))
    write_nifti(tmp_path / "Validation/BraTS2021_00009_flair.nii.gz", picture(2))
    dataset = open_dataset("mri_brain", tmp_path, progress=False)
    assert [source.id for source in dataset.sources] == ["BraTS2021_00000", "BraTS2021_00001"]
    with pytest.raises(DataError, match="'BraTS2021_00001': 0 of seg"):
        list(dataset.cases())[-1].load()


def test_label_3_is_refused(tmp_path):
    tree = TREES["mri_brain"](tmp_path)
    write_nifti(tmp_path / tree.a_mask, np.full(SHAPE, 3), "LPS")
    *_, broken = open_dataset("mri_brain", tmp_path, progress=False).cases()
    with pytest.raises(
        DataError, match="label values 3. Allowed: 0 for the background and 1, 2, 4"
    ):
        broken.load()


def test_releases_from_2023_on_are_refused(tmp_path):
    for part in ("t2f", "t1c", "seg"):
        write_nifti(tmp_path / f"BraTS-GLI-00000-000/BraTS-GLI-00000-000-{part}.nii.gz", picture(1))
    with pytest.raises(InputError) as error:
        open_dataset("mri_brain", tmp_path)
    assert str(error.value) == (
        "MRI-Brain: 'BraTS-GLI-00000-000-seg.nii.gz' is of a release from 2023 on, where label 3 "
        "is the enhancing tumour. Allowed: a release of 2017 to 2021 (<case>_seg.nii.gz, labels 1, "
        "2 and 4), whose labels the tasks are. Give the folder of such a release."
    )


def test_two_releases_are_not_mixed(tmp_path):
    case_of(tmp_path, "Brats18_CBICA_AAB_1", folder="HGG")
    case_of(tmp_path, "BraTS20_Training_001")
    with pytest.raises(InputError, match=r"2 releases in one folder \(Brats18, BraTS20\)"):
        open_dataset("mri_brain", tmp_path)
