"""The 3D datasets as their archives unpack: what is found, and what is said."""

import shutil

import nibabel as nib
import numpy as np
import pytest
from datasets.layouts.layout_checks import opened, reasons, samples
from datasets.layouts.scan_trees import (
    SHAPE,
    SIZE,
    TREES,
    picture,
    relabel,
    scene,
    write_dicom,
    write_nifti,
)

from medsam.datasets import to_uint8_rgb
from medsam.datasets.catalog import catalog, entry
from medsam.datasets.intensity import Intensity
from medsam.errors import DataError, InputError, UnknownName

ALL = pytest.mark.parametrize("name", TREES)

# Slices with an object, by task: slice 1 of both patients has all; slice 2 has the first object
# in the first patient, and all in the second.
COUNTS = {
    **{key: [4] for key in TREES},
    "mri_spine": [4, 4],
    "mri_brain": [4, 3, 3],
    "mri_breast": [4, 4],
    "ct_organ": [4, 3, 3, 3, 3],
}


def compare(dataset, tree):
    """Everything that a dataset says against everything that was drawn."""
    assert (dataset.key, dataset.tasks) == (tree.key, tree.tasks)
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
        pairs = zip(wanted.channels, wanted.units, strict=True)
        greys = [Intensity().grey(channel, unit=unit) for channel, unit in pairs]
        shown = np.stack(greys * (1 if len(greys) == 3 else 3), axis=-1)
        assert (sample.image == shown).all(), name


def only_reason(dataset):
    ((name, reason),) = reasons(dataset).items()
    return name, reason


def test_every_3d_dataset_has_a_tree(tmp_path):
    keys = {make(tmp_path / name).key for name, make in TREES.items()}
    assert keys == {one.key for one in catalog().values() if one.dimensionality == "3D"}


@ALL
def test_as_unpacked_and_a_folder_higher_up(name, tmp_path):
    tree = TREES[name](tmp_path / "here")
    dataset = opened(tree.key, tmp_path / "here")
    compare(dataset, tree)
    counts = [sum(task in case.tasks for case in dataset.cases()) for task in dataset.tasks]
    assert counts == COUNTS[name]
    tree.skipped = [f"here/{one}" for one in tree.skipped]
    compare(opened(tree.key, tmp_path), tree)


@ALL
def test_labels_in_another_order_are_noticed(name, tmp_path):
    tree = TREES[name](tmp_path, swap=True)
    with pytest.raises((AssertionError, DataError)):
        compare(opened(tree.key, tmp_path), tree)


@ALL
def test_a_missing_mask_is_one_broken_case(name, tmp_path):
    tree = TREES[name](tmp_path)
    lost = tmp_path / tree.a_mask
    shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    dataset = opened(tree.key, tmp_path)
    broken, reason = only_reason(dataset)
    assert "Allowed: one file each of" in reason
    left = {one for one in tree.slices if not one.startswith(broken)}
    assert 0 < len(left) < len(tree.slices)
    assert {case.id for case in dataset.cases()} == {*left, broken}


@pytest.mark.parametrize(
    ("name", "below", "named"),
    [
        ("mri_heart", "Task02_Heart/imagesTr", "Task02_Heart"),
        ("ct_spleen", "Task09_Spleen/labelsTr", "Task09_Spleen"),
        ("mri_prostate", "GE/Patient 1036587/T2W", "GE"),
        ("pet_flat", "imagesTr", "."),
    ],
)
def test_a_folder_too_low_names_the_one_that_is_expected(name, below, named, tmp_path):
    tree = TREES[name](tmp_path)
    with pytest.raises(InputError, match="Allowed: the folder that holds") as error:
        opened(tree.key, tmp_path / below)
    assert f"Give {str((tmp_path / named).resolve())!r}." in str(error.value)


def test_the_folder_of_another_dataset_is_said(tmp_path):
    TREES["ct_spleen"](tmp_path)
    with pytest.raises(InputError, match="MRI-Spine: none of the .* is one of its images"):
        opened("mri_spine", tmp_path)


def test_other_options_are_refused(tmp_path):
    with pytest.raises(UnknownName, match="Allowed: 1, 2, 3, 4, vote"):
        opened("mri_spine", tmp_path, options={"rater": "5"})
    with pytest.raises(UnknownName, match="Unknown option of ct_spleen 'rater'"):
        opened("ct_spleen", tmp_path, options={"rater": "1"})


def test_labels_that_lie_elsewhere_are_refused_unless_the_image_is_trusted(tmp_path):
    tree = TREES["ct_spleen"](tmp_path)
    path = tmp_path / tree.a_mask
    stored = nib.load(path)
    moved = stored.affine.copy()
    moved[2, 3] += 30  # ten slices
    nib.save(nib.Nifti1Image(np.asarray(stored.dataobj), moved), path)
    found = reasons(opened("ct_spleen", tmp_path))
    assert all("lies up to 10.0 voxels from" in reason for reason in found.values())
    trusted = opened("ct_spleen", tmp_path, headers="image")
    assert trusted.settings["headers"] == "image"
    *_, last = trusted.cases()
    assert (last.load().masks["ct_spleen"] == tree.slices[last.id].masks["ct_spleen"]).all()


def test_other_planes(tmp_path):
    tree = TREES["ct_spleen"](tmp_path)
    dataset = opened("ct_spleen", tmp_path, plane="coronal")
    assert dataset.settings["plane"] == "coronal"
    # The first patient's L covers rows 1 to 3 of 20 from anterior; slices count from posterior.
    found = {case.id: case for case in dataset.cases() if case.group == "spleen_2"}
    assert list(found) == [f"spleen_2/coronal-{y:04d}" for y in (16, 17, 18)]
    sample = found["spleen_2/coronal-0016"].load()
    shown = np.stack([tree.slices[f"spleen_2/axial-{z:04d}"].masks["ct_spleen"] for z in (1, 2)])
    assert (sample.masks["ct_spleen"][[2, 1]] == shown[:, 3]).all()  # superior up
    assert sample.spacing == (3.0, 1.5)


# ----------------------------------------------------------------- the cord: raters
LATE = (slice(17, 19), slice(20, 24))  # on slice 2, drawn by raters 1 and 4 alone


@pytest.mark.parametrize(
    ("rater", "cord_there", "late_there"),
    [("vote", True, False), ("1", True, True), ("2", True, False), ("4", False, True)],
)
def test_rater(rater, cord_there, late_there, tmp_path):
    TREES["mri_spine"](tmp_path)
    found = samples("mri_spine", tmp_path, options={"rater": rater})
    mask = found["site1-sc01/axial-0002"].masks["mri_spine_gm"]
    assert mask[LATE].all() == mask[LATE].any() == late_there
    assert mask[4:9, 6].any() == cord_there


def test_a_chosen_rater_needs_no_other_and_a_subject_without_any_is_said(tmp_path):
    tree = TREES["mri_spine"](tmp_path)
    (tmp_path / tree.a_mask).unlink()  # rater 4 of site3-sc10
    assert not reasons(opened("mri_spine", tmp_path, options={"rater": "3"}))
    assert "has no mask of rater 4" in reasons(opened("mri_spine", tmp_path))["site3-sc10"]
    write_nifti(tmp_path / "site2-sc05-image.nii.gz", np.ones((4, 20, 26)))
    found = reasons(opened("mri_spine", tmp_path, options={"rater": "3"}))
    assert list(found) == ["site2-sc05"]


# ----------------------------------------------------------------- the brain: sequences, releases
SEEDS = {"flair": 1, "t1": 20, "t1ce": 40, "t2": 60}  # of the first case in the tree


def brain(root, name, *, folder="", sequences=("flair",), end=".nii.gz"):
    for sequence in sequences:
        write_nifti(root / folder / name / f"{name}_{sequence}{end}", picture(1))
    labels = relabel(scene(3, 1), {1: 1, 2: 2, 3: 4})
    write_nifti(root / folder / name / f"{name}_seg{end}", labels, dtype="i2")


@pytest.mark.parametrize("sequence", [*SEEDS, "flair+t1ce+t2"])
def test_sequence(sequence, tmp_path):
    TREES["mri_brain"](tmp_path)
    image = next(
        iter(samples("mri_brain", tmp_path, options={"sequence": sequence}).values())
    ).image
    shown = sequence.split("+") if "+" in sequence else [sequence] * 3
    for channel, one in enumerate(shown):
        assert (image[..., channel] == to_uint8_rgb(picture(SEEDS[one])[1])[..., 0]).all()


def test_brains_that_lack_a_file(tmp_path):
    brain(tmp_path, "Brats18_CBICA_AAB_1", folder="HGG", sequences=("flair", "t1ce"), end=".nii")
    brain(tmp_path, "Brats18_TCIA10_109_1", folder="LGG", sequences=("t1", "t1ce"), end=".nii")
    write_nifti(tmp_path / "Brats18_X/Brats18_X_flair.nii.gz", picture(2))
    write_nifti(tmp_path / "Validation/Brats18_Y_flair.nii.gz", picture(2))
    found = reasons(opened("mri_brain", tmp_path))
    assert list(found) == ["Brats18_TCIA10_109_1", "Brats18_X"]
    assert "Seg 'Brats18_TCIA10_109_1_seg.nii' has no flair" in found["Brats18_TCIA10_109_1"]
    assert len(opened("mri_brain", tmp_path, options={"sequence": "t1ce"})) == 5


def test_other_releases_and_two_at_once_are_refused(tmp_path):
    brain(tmp_path, "Brats18_CBICA_AAB_1", folder="HGG")
    brain(tmp_path, "BraTS20_Training_001")
    with pytest.raises(InputError, match="two forms of the dataset"):
        opened("mri_brain", tmp_path)
    write_nifti(tmp_path / "BraTS-GLI-00000-000/BraTS-GLI-00000-000-seg.nii.gz", picture(1))
    with pytest.raises(InputError, match="'BraTS-GLI-00000-000-seg.nii.gz' is of a release from"):
        opened("mri_brain", tmp_path)


# ----------------------------------------------------------------- what others have of their own
@pytest.mark.parametrize(("name", "value"), [("mri_brain", 3), ("ct_organ", 7)])
def test_labels_beyond_the_list_are_refused(name, value, tmp_path):
    tree = TREES[name](tmp_path)
    write_nifti(tmp_path / tree.a_mask, np.full(SHAPE, value), "LPS")
    _, reason = only_reason(opened(name, tmp_path))
    assert f"label values {value}. Allowed: 0 for the background and 1, 2," in reason


def test_two_copies_are_said(tmp_path):
    TREES["ct_liver"](tmp_path / "liver")
    copy = tmp_path / "liver" / "volume-0.nii"
    shutil.copy(tmp_path / "liver/Training Batch 1/volume-0.nii", copy)
    name, reason = only_reason(opened("ct_liver", tmp_path / "liver"))
    assert (name, reason[:40]) == (
        "volume-0",
        "2 files of 'volume-0' for volume: '" + reason[35:40],
    )
    TREES["mri_prostate"](tmp_path / "prostate")
    write_dicom(tmp_path / "prostate/GE/Patient 387/T2W", picture(1))
    name, reason = only_reason(opened("mri_prostate", tmp_path / "prostate"))
    assert (name, reason[:7]) == ("Patient 387", "2 files")


def test_pet_red_ct_green_and_blue(tmp_path):
    tree = TREES["pet_wholebody"](tmp_path)
    sample = next(iter(opened("pet_wholebody", tmp_path).cases())).load()
    red, green, blue = np.moveaxis(sample.image, -1, 0)
    suv, ct, _ = tree.slices[sample.id].channels
    assert (red[0, 0], red[10, 0]) == (0, int(suv[10, 0] / 10 * 255))
    assert ct[3, 4] == -160 + 31 + 82  # of -160 to 240
    assert green[3, 4] == int((31 + 82) / 400 * 255)
    assert (green == blue).all()


def test_both_forms_of_pet_are_not_mixed(tmp_path):
    TREES["pet_wholebody"](tmp_path)
    TREES["pet_flat"](tmp_path)
    with pytest.raises(InputError, match="two forms of the dataset"):
        opened("pet_wholebody", tmp_path)


def test_prostate_mask_slices_must_be_all_there(tmp_path):
    tree = TREES["mri_prostate"](tmp_path)
    files = sorted((tmp_path / tree.a_mask).glob("1-*.dcm"))
    files[0].unlink()  # the slice at z = 1: names are in another order
    name, reason = only_reason(opened("mri_prostate", tmp_path))
    assert name == "Patient 387"
    assert "3 mask slices for 4 slices. Allowed: a mask slice for each." in reason
    found = samples("mri_prostate", tmp_path, options={"gaps": "empty"})
    # Slice 2 still lies where it should, by its position.
    wanted = tree.slices["Patient 387/axial-0002"].masks["mri_prostate"]
    assert (found["Patient 387/axial-0002"].masks["mri_prostate"] == wanted).all()


# ----------------------------------------------------------------- real files
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


def test_real_cord_with_grey_matter(shared_data, tmp_path):
    """Masks that people drew of a cord and its grey matter, put under the challenge's names."""
    folder = shared_data / "sct_spinal_cord" / "t2s"
    image, grey, whole = (
        nib.load(folder / f"{name}.nii.gz") for name in ("t2s", "t2s_gmseg_manual", "t2s_seg")
    )
    inner, outer = (np.asarray(one.dataobj) > 0 for one in (grey, whole))
    labels = np.where(inner, 1, np.where(outer, 2, 0)).astype(np.uint8)
    nib.save(image, tmp_path / "site1-sc01-image.nii.gz")
    mask = nib.Nifti1Image(labels, image.affine)
    nib.save(mask, tmp_path / "site1-sc01-mask-r1.nii.gz")
    found = samples("mri_spine", tmp_path, options={"rater": "1"})
    assert list(found) == [f"site1-sc01/axial-{z:04d}" for z in range(9)]
    for z, one in enumerate(found.values()):
        # Stored L, A, S: columns run from right to left as shown, rows from posterior up.
        assert (one.masks["mri_spine_gm"] == inner[:, ::-1, z].T).all()
        assert (one.masks["mri_spine_sc"] == (inner | outer)[:, ::-1, z].T).all()
        assert one.spacing == pytest.approx((0.5, 0.5))
