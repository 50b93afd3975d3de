"""Every 3D dataset from a tiny tree in its official layout: what is found, and what is said."""

import shutil

import nibabel as nib
import numpy as np
import pytest
from datasets.layouts.scan_trees import SIZE, TREES, picture, write_dicom, write_nifti

from medsam.datasets.catalog import catalog, entry
from medsam.datasets.intensity import Intensity
from medsam.datasets.layouts import open_dataset
from medsam.errors import DataError, InputError, UnknownName

ALL = pytest.mark.parametrize("name", TREES)

# Slices with an object, by task: slice 1 of both patients has all; slice 2 has the first object
# in the first patient, and all in the second.
COUNTS = {
    "mri_heart": [4],
    "ct_colon": [4],
    "ct_hepaticvessel": [4],
    "ct_pancreas": [4],
    "ct_spleen": [4],
    "mri_spine": [4, 4],
    "mri_prostate": [4],
    "mri_brain": [4, 3, 3],
    "mri_breast": [4, 4],
    "ct_liver": [4],
    "ct_organ": [4, 3, 3, 3, 3],
    "pet_wholebody": [4],  # of three studies, one of them without a lesion
    "pet_flat": [4],
}


def grey(channel, unit):
    return Intensity().grey(channel, unit=unit)


def compare(dataset, tree):
    """Everything that a dataset says against everything that was drawn."""
    assert dataset.key == tree.key
    assert dataset.tasks == tree.tasks
    assert dataset.modality == entry(tree.key).modality
    assert dataset.settings == tree.settings
    assert [name for name, _ in dataset.skipped] == tree.skipped
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
        greys = [grey(c, u) for c, u in zip(wanted.channels, wanted.units, strict=True)]
        shown = np.stack(greys * (1 if len(greys) == 3 else 3), axis=-1)
        assert (sample.image == shown).all(), name


def failed(dataset):
    """Id of the scan and reason, of every case that cannot be read."""
    reasons = []
    for case in dataset.cases():
        try:
            case.load()
        except DataError as error:
            reasons.append((case.id, str(error)))
    return reasons


def test_every_3d_dataset_has_a_tree(tmp_path):
    keys = {write(tmp_path / name).key for name, write in TREES.items()}
    assert keys == {one.key for one in catalog().values() if one.dimensionality == "3D"}


@ALL
def test_as_unpacked(name, tmp_path):
    tree = TREES[name](tmp_path)
    dataset = open_dataset(tree.key, tmp_path, progress=False)
    compare(dataset, tree)
    counts = [sum(task in case.tasks for case in dataset.cases()) for task in dataset.tasks]
    assert counts == COUNTS[name]


@ALL
def test_labels_in_another_order_are_noticed(name, tmp_path):
    tree = TREES[name](tmp_path, swap=True)
    with pytest.raises((AssertionError, DataError)):
        compare(open_dataset(tree.key, tmp_path, progress=False), tree)


@ALL
def test_a_folder_higher_up_is_the_same(name, tmp_path):
    tree = TREES[name](tmp_path / "here")
    tree.skipped = [f"here/{one}" for one in tree.skipped]
    compare(open_dataset(tree.key, tmp_path, progress=False), tree)


@ALL
def test_a_missing_mask_is_one_broken_case(name, tmp_path):
    tree = TREES[name](tmp_path)
    lost = tmp_path / tree.a_mask
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    dataset = open_dataset(tree.key, tmp_path, progress=False)
    (broken,) = failed(dataset)
    assert "Allowed:" in broken[1]
    left = {one: wanted for one, wanted in tree.slices.items() if not one.startswith(broken[0])}
    assert 0 < len(left) < len(tree.slices)
    assert {case.id for case in dataset.cases()} == {*left, broken[0]}
    tree.slices = left
    run = {case.id: case for case in dataset.cases()}
    for one, wanted in left.items():
        sample = run[one].load()
        assert all((sample.masks[task] == mask).all() for task, mask in wanted.masks.items())


@pytest.mark.parametrize(
    ("name", "below", "said"),
    [
        ("mri_heart", "Task02_Heart/imagesTr", "Task02_Heart"),
        ("ct_spleen", "Task09_Spleen/labelsTr", ""),
        ("mri_prostate", "GE/Patient 1036587", "GE"),
        ("mri_prostate", "GE/Patient 1036587/T2W", "GE"),
        ("pet_flat", "imagesTr", "."),
        (
            "pet_wholebody",
            "FDG-PET-CT-Lesions/PETCT_0011f3deaf/03-23-2003-NA-PET-CT Ganzkoerper primaer mit "
            "KM-90817",
            "FDG-PET-CT-Lesions",
        ),
    ],
)
def test_a_folder_too_low_is_said(name, below, said, tmp_path):
    tree = TREES[name](tmp_path)
    with pytest.raises(InputError) as error:
        open_dataset(tree.key, tmp_path / below)
    words = str(error.value)
    assert "Allowed: the folder that holds" in words
    if said:
        assert f"Give {str((tmp_path / said).resolve())!r}." in words


def test_the_folder_of_another_dataset_is_said(tmp_path):
    TREES["ct_spleen"](tmp_path)
    with pytest.raises(InputError, match="MRI-Spine: none of the .* is one of its images"):
        open_dataset("mri_spine", tmp_path)


def test_other_options_are_refused(tmp_path):
    TREES["mri_spine"](tmp_path)
    with pytest.raises(UnknownName, match="Allowed: 1, 2, 3, 4, vote"):
        open_dataset("mri_spine", tmp_path, options={"rater": "5"})


# ----------------------------------------------------------------- what each has of its own
def test_organ_labels_beyond_the_list_are_refused(tmp_path):
    tree = TREES["ct_organ"](tmp_path)
    write_nifti(tmp_path / tree.a_mask, np.full((4, 20, 26), 7), "LAS")
    ((name, reason),) = failed(open_dataset("ct_organ", tmp_path, progress=False))
    assert name == "volume-139"
    assert "label values 7. Allowed: 0 for the background and 1, 2, 3, 4, 5, 6." in reason


def test_real_ct_is_shown_the_radiological_way(shared_data, tmp_path):
    """A CT of an abdomen, stored turned, with organs of a model, under CT-ORG's names."""
    folder = shared_data / "abdomen_ct"
    image, seg = (nib.load(folder / f"example_{name}.nii.gz") for name in ("ct_sm", "seg"))
    organs = np.asarray(seg.dataobj)  # 2 and 3: right and left kidney; 5: liver
    labels = np.where(organs == 5, 1, np.where((organs == 2) | (organs == 3), 4, 0))
    stored = nib.Nifti1Image(labels.astype(np.uint8), seg.affine)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(seg.affine), nib.orientations.axcodes2ornt("PSL")
    )
    nib.save(image.as_reoriented(turn), tmp_path / "volume-0.nii.gz")
    nib.save(stored.as_reoriented(turn), tmp_path / "labels-0.nii.gz")
    dataset = open_dataset("ct_organ", tmp_path, progress=False)
    both = [case.load() for case in dataset.cases() if len(case.tasks) == 2]
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


def test_two_copies_of_a_liver_are_said(tmp_path):
    TREES["ct_liver"](tmp_path)
    shutil.copy(tmp_path / "Training Batch 1/volume-0.nii", tmp_path / "volume-0.nii")
    ((name, reason),) = failed(open_dataset("ct_liver", tmp_path, progress=False))
    assert name == "volume-0"
    assert reason == (
        "'volume-0': 2 of volume. Allowed: one file each of volume, segmentation. Take the copies "
        "out."
    )


def test_pet_red_ct_green_and_blue(tmp_path):
    tree = TREES["pet_wholebody"](tmp_path)
    sample = next(iter(open_dataset("pet_wholebody", tmp_path, progress=False).cases())).load()
    red, green, blue = np.moveaxis(sample.image, -1, 0)
    suv, ct, _ = tree.slices[sample.id].channels
    assert suv[0, 0] == pytest.approx(2 / 60)  # of SUV 10: 0.85, cut to 0
    assert (red[0, 0], red[10, 0]) == (0, int(suv[10, 0] / 10 * 255))
    assert ct[3, 4] == -160 + 31 + 82  # of -160 to 240
    assert green[3, 4] == int((31 + 82) / 400 * 255)
    assert (green == blue).all()


def test_both_forms_of_pet_are_not_mixed(tmp_path):
    TREES["pet_wholebody"](tmp_path)
    TREES["pet_flat"](tmp_path)
    with pytest.raises(InputError, match="side by side. Allowed: one form"):
        open_dataset("pet_wholebody", tmp_path)


def test_prostate_mask_slices_must_be_all_there(tmp_path):
    tree = TREES["mri_prostate"](tmp_path)
    files = sorted((tmp_path / tree.a_mask).glob("1-*.dcm"))
    files[0].unlink()  # the slice at z = 1: names are in another order
    ((name, reason),) = failed(open_dataset("mri_prostate", tmp_path, progress=False))
    assert name == "Patient 387"
    assert "3 mask slices for 4 slices of T2W. Allowed: a mask slice for each." in reason
    empty = open_dataset("mri_prostate", tmp_path, options={"gaps": "empty"}, progress=False)
    assert not failed(empty)
    # Slice 2 still lies where it should, by its position.
    sample = {case.id: case for case in empty.cases()}["Patient 387/axial-0002"].load()
    wanted = tree.slices[sample.id].masks["mri_prostate"]
    assert (sample.masks["mri_prostate"] == wanted).all()


def test_two_patients_of_one_number_are_said(tmp_path):
    TREES["mri_prostate"](tmp_path)
    write_dicom(tmp_path / "GE/Patient 387/T2W", picture(1))
    ((name, reason),) = failed(open_dataset("mri_prostate", tmp_path, progress=False))
    assert name == "Patient 387"
    assert "2 images 'Patient 387'" in reason
