"""Tiny trees of the 3D datasets in their official layout, and what a reader has to find in them.

Everything is drawn as it should be shown (axial, anterior up, the patient's right on the left) and
then stored the way of the dataset: turned, as NIfTI, DICOM or NRRD. What is expected is stated
here by hand, without the catalog and without the layouts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

SHAPE = (4, 20, 26)  # slices, rows, columns
SIZE = (3.0, 2.0, 1.5)  # mm, of the same


@dataclass
class Wanted:
    """One slice that should be found."""

    group: str
    masks: dict[str, np.ndarray]
    channels: list[np.ndarray]  # as stored
    units: list[str]


@dataclass
class Tree:
    """What was written, and what should be found."""

    key: str
    root: Path
    tasks: tuple[str, ...]
    slices: dict[str, Wanted] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    a_mask: str = ""  # a file without which one scan is broken

    def add(self, scan, group, labels, channels, objects, units=("",)):
        """Expect the slices of a scan that hold something.

        ``objects``: key of a task and the numbers of the shapes that are it; ``labels``:
        (slices, rows, columns) of these numbers.
        """
        for z, plane in enumerate(labels):
            masks = {task: np.isin(plane, numbers) for task, numbers in objects.items()}
            masks = {task: mask for task, mask in masks.items() if mask.any()}
            if masks:
                shown = [channel[z] for channel in channels]
                self.slices[f"{scan}/axial-{z:04d}"] = Wanted(group, masks, shown, list(units))

    def junk(self, *folders):
        """What Macs and Windows leave behind, and one file that nobody knows."""
        for folder in folders:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
            (self.root / folder / ".DS_Store").write_bytes(b"\0")
            (self.root / folder / "._volume-0.nii.gz").write_bytes(b"\0\5\26\7")
        (self.root / "Thumbs.db").write_bytes(b"\0")
        (self.root / "notes of mine.odt").write_bytes(b"?")
        self.skipped.append("notes of mine.odt")


# ----------------------------------------------------------------- what is drawn
def shape(number: int) -> np.ndarray:
    """An L of its own size (number + 4 pixels) and place; no turn or mirror image is the same."""
    mask = np.zeros(SHAPE[1:], bool)
    y, x = (1, 1 + 6 * (number - 1)) if number < 5 else (9, 3 + 9 * (number - 5))
    mask[y : y + number + 2, x] = True
    mask[y + number + 1, x : x + 3] = True
    return mask


def scene(count: int, patient: int) -> np.ndarray:
    """Shapes 1 to ``count`` on slice 1; on slice 2 the first alone, or all in patient 2."""
    labels = np.zeros(SHAPE, np.uint8)
    for number in range(1, count + 1):
        labels[1][shape(number)] = number
        if number == 1 or patient == 2:
            labels[2][shape(number)] = number
    return labels


def picture(seed: int) -> np.ndarray:
    """Values of which no two in a slice are the same."""
    step = np.arange(np.prod(SHAPE[1:])).reshape(SHAPE[1:])
    return np.stack([seed + z + step for z in range(SHAPE[0])]).astype(np.int16)


def relabel(labels: np.ndarray, values: dict[int, int]) -> np.ndarray:
    """Shapes by the values that a dataset gives them."""
    table = np.zeros(256, np.uint8)
    for number, value in values.items():
        table[number] = value
    return table[labels]


def values_of(*values: int, swap: bool) -> dict[int, int]:
    """Shape 1, 2, … and their values; in reverse where a test wants them wrong."""
    return dict(enumerate(reversed(values) if swap else values, start=1))


# ----------------------------------------------------------------- how it is stored
def write_nifti(path: Path, shown: np.ndarray, codes: str = "RAS", dtype: str = "i2") -> None:
    """As NIfTI, stored along any axes; (slices, rows, columns) in."""
    ras = shown[:, ::-1, ::-1].transpose(2, 1, 0).astype(dtype)
    image = nib.Nifti1Image(ras, np.diag([SIZE[2], SIZE[1], SIZE[0], 1.0]))
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(image.affine), nib.orientations.axcodes2ornt(codes)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image.as_reoriented(turn), path)


def write_dicom(
    folder: Path, shown: np.ndarray, *, number: int = 1, about: str = "", turned: bool = False
) -> None:
    """As one file a slice, named in another order than they lie."""
    folder.mkdir(parents=True, exist_ok=True)
    series, (depth, height, width) = generate_uid(), shown.shape
    for z in range(depth):
        one = pydicom.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        one.SOPClassUID, one.SOPInstanceUID = MRImageStorage, generate_uid()
        one.file_meta.MediaStorageSOPClassUID = MRImageStorage
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.SeriesInstanceUID, one.SeriesNumber, one.SeriesDescription = series, number, about
        one.Modality, one.InstanceNumber = "MR", z + 1
        one.Rows, one.Columns, one.PixelSpacing = height, width, [SIZE[1], SIZE[2]]
        one.SliceThickness = SIZE[0]
        corner = [-(width - 1) * SIZE[2], -(height - 1) * SIZE[1], z * SIZE[0]]
        one.ImagePositionPatient = [0, 0, z * SIZE[0]] if turned else corner
        one.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0] if turned else [1, 0, 0, 0, 1, 0]
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        plane = shown[z, ::-1, ::-1] if turned else shown[z]
        one.PixelData = np.ascontiguousarray(plane, np.uint16).tobytes()
        one.save_as(folder / f"1-{(7 * z + 3) % 11:02d}.dcm", enforce_file_format=True)


def write_segments(
    path: Path, layers: list[np.ndarray], segments: list[tuple[str, int, int]], crop: int = 0
) -> None:
    """As 3D Slicer's .seg.nrrd: layers of labels, and (name, value, layer) of each segment.

    Slicer may store no more than the part around the segments (``crop`` rows off the top).
    """
    each = [sitk.GetImageFromArray(np.ascontiguousarray(layer[:, crop:])) for layer in layers]
    image = each[0] if len(each) == 1 else sitk.Compose(*each)
    image.SetSpacing((SIZE[2], SIZE[1], SIZE[0]))
    height, width = layers[0].shape[1:]
    image.SetOrigin((-(width - 1) * SIZE[2], -(height - 1 - crop) * SIZE[1], 0.0))
    for n, (name, value, layer) in enumerate(segments):
        image.SetMetaData(f"Segment{n}_ID", f"Segment_{n + 1}")
        image.SetMetaData(f"Segment{n}_Name", name)
        image.SetMetaData(f"Segment{n}_LabelValue", str(value))
        image.SetMetaData(f"Segment{n}_Layer", str(layer))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path), useCompression=True)


def _text(path: Path, words: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(words)


# ----------------------------------------------------------------- the datasets
_DECATHLON = {
    "mri_heart": ("Task02_Heart", "la_{:03d}", {"mri_heart": (1,)}, "f4"),
    "ct_colon": ("Task10_Colon", "colon_{:03d}", {"ct_colon": (1,)}, "i2"),
    "ct_hepaticvessel": (
        "Task08_HepaticVessel",
        "hepaticvessel_{:03d}",
        {"ct_hepaticvessel": (1, 2)},
        "i2",
    ),
    "ct_pancreas": ("Task07_Pancreas", "pancreas_{:03d}", {"ct_pancreas": (1, 2)}, "i2"),
    "ct_spleen": ("Task09_Spleen", "spleen_{:d}", {"ct_spleen": (1,)}, "f4"),
}


def decathlon(root: Path, key: str, *, swap: bool = False) -> Tree:
    """imagesTr, labelsTr, imagesTs, dataset.json; one object, of one or two values."""
    folder, name, objects, dtype = _DECATHLON[key]
    tree = Tree(key, root, (key,))
    count = len(objects[key])
    # With one value, the wrong order is the background's and the object's.
    values = values_of(*range(1, count + 1), swap=False)
    ct = key.startswith("ct")
    for patient, number in enumerate((2, 41), start=1):
        case = name.format(number)
        labels, image = scene(count, patient), picture(patient) - 160 * ct
        codes = ("RAS", "LAS")[patient - 1]
        stored = relabel(labels, values)
        write_nifti(root / folder / f"imagesTr/{case}.nii.gz", image, codes, dtype)
        file = f"{folder}/labelsTr/{case}.nii.gz"
        write_nifti(root / file, 1 - stored if swap else stored, codes, "u1")
        tree.add(case, case, labels, [image], objects, ("HU",) if ct else ("",))
    tree.a_mask = file
    write_nifti(root / folder / f"imagesTs/{name.format(7)}.nii.gz", picture(3))
    _text(root / folder / "dataset.json", "{}")
    tree.junk(folder, f"{folder}/imagesTr", f"{folder}/labelsTr")
    tree.settings = {"plane": "axial", "intensity": "window 40/400" if ct else "max"}
    return tree


def mri_spine(root: Path, *, swap: bool = False) -> Tree:
    """Four raters; three agree on all, the fourth on nothing, and two of four is no vote."""
    objects = {"mri_spine_gm": (1,), "mri_spine_sc": (1, 2)}
    tree = Tree("mri_spine", root, tuple(objects))
    values = values_of(1, 2, swap=swap)
    train = root / "training-data-gm-sc-challenge-ismrm16-v20160302b"
    test = root / "test-data-gm-sc-challenge-ismrm16-v20160401"
    for patient, case in enumerate(("site1-sc01", "site3-sc10"), start=1):
        labels, image = cord(patient), picture(patient)
        write_nifti(train / f"{case}-image.nii.gz", image, "RPS", "f4")
        _text(train / f"{case}-levels.txt", "1,3")
        for rater in (1, 2, 3, 4):
            drawn = labels.copy()
            if rater == 4:
                drawn[:] = 0
            if rater in (1, 4):
                drawn[2, 17:19, 20:24] = 1  # two of four
            stored = relabel(drawn, values)
            file = f"{train.name}/{case}-mask-r{rater}.nii.gz"
            write_nifti(root / file, stored, "RPS", "u1")
        tree.add(case, case, labels, [image], objects)
    tree.a_mask = file
    write_nifti(test / "site1-sc11-image.nii.gz", picture(3))
    _text(test / "site1-sc11-levels.txt")
    _text(train / "license.txt")
    tree.junk(train.name, test.name)
    tree.settings = {"plane": "axial", "intensity": "max", "rater": "vote"}
    return tree


def cord(patient: int) -> np.ndarray:
    """White matter (2) around grey (1)."""
    labels = np.zeros(SHAPE, np.uint8)
    for z in (1, 2):
        labels[z, 2:14, 4 : 14 + patient] = 2
        labels[z, 4 : 9 + patient, 6] = labels[z, 8 + patient, 6:10] = 1
    return labels


def mri_prostate(root: Path, *, swap: bool = False) -> Tree:
    """Two scanners; masks above 0, whatever the number; the other folders are not the object."""
    tree = Tree("mri_prostate", root, ("mri_prostate",))
    for patient, (scanner, case) in enumerate(
        (("GE", "Patient 1036587"), ("Siemens", "Patient 387")), start=1
    ):
        folder = root / scanner / case
        labels, image = scene(1, patient), picture(patient)
        write_dicom(folder / "T2W", image, turned=patient == 2)
        other = np.roll(labels, 3, axis=2)
        gland, zone = (other, labels) if swap else (labels, other)
        write_dicom(folder / "GT/prostate", gland * 255, turned=patient == 2)
        write_dicom(folder / "GT/cg", zone * 255, turned=patient == 2)
        write_dicom(folder / "ADC", image + 5)
        tree.add(case, case, labels, [image], {"mri_prostate": (1,)})
    tree.a_mask = "Siemens/Patient 387/GT/prostate"
    tree.junk("GE", "Siemens/Patient 387/T2W", "Siemens/Patient 387/GT/prostate")
    tree.settings = {"plane": "axial", "intensity": "max", "gaps": "refuse"}
    return tree


def mri_brain(root: Path, *, swap: bool = False) -> Tree:
    """The release of 2020, with its one mask of an odd name."""
    objects = {"mri_brain_core": (1,), "mri_brain_edema": (2,), "mri_brain_gd": (3,)}
    tree = Tree("mri_brain", root, tuple(objects))
    values = values_of(1, 2, 4, swap=swap)
    top = root / "MICCAI_BraTS2020_TrainingData"
    for patient, number in enumerate((1, 355), start=1):
        case = f"BraTS20_Training_{number:03d}"
        labels = scene(3, patient)
        images = {"flair": picture(patient), "t1": picture(20), "t1ce": picture(40)}
        images["t2"] = picture(60)
        for sequence, image in images.items():
            write_nifti(top / case / f"{case}_{sequence}.nii.gz", image, "LPS")
        seg = "W39_1998.09.19_Segm.nii" if number == 355 else f"{case}_seg.nii.gz"
        file = f"{top.name}/{case}/{seg}"
        write_nifti(root / file, relabel(labels, values), "LPS", "u1")
        tree.add(case, case, labels, [images["flair"]], objects)
    tree.a_mask = file
    _text(top / "name_mapping.csv")
    _text(top / "survival_info.csv")
    unlabelled = "MICCAI_BraTS2020_ValidationData/BraTS20_Validation_001"
    write_nifti(root / unlabelled / "BraTS20_Validation_001_flair.nii.gz", picture(3))
    tree.junk(top.name)
    tree.settings = {"plane": "axial", "intensity": "max", "sequence": "flair"}
    return tree


def mri_breast(root: Path, *, swap: bool = False) -> Tree:
    """Segments in one layer and in two, in either order; told by their names alone."""
    objects = {"mri_breast_breast": (1, 2, 3), "mri_breast_fgt": (3,)}
    tree = Tree("mri_breast", root, tuple(objects))
    rows = ["original_path_and_filename,classic_path,descriptive_path"]
    masks = "Segmentation_Masks_NRRD"
    dense, vessels = ("Vessels", "Dense") if swap else ("Dense", "Vessels")
    for patient, number in enumerate((2, 246), start=1):
        case = f"Breast_MRI_{number:03d}"
        study = root / "Duke-Breast-Cancer-MRI" / case / "01-01-1990-NA-MRI BREAST-97538"
        labels, image = breast(patient), picture(patient)
        for series, (about, shown) in enumerate(
            (("ax t1", picture(70)), ("ax dyn pre", image), ("ax dyn 1st pass", picture(90))), 3
        ):
            folder = f"{series}.000000-{about}-{series}0817"
            write_dicom(study / folder, shown, number=series, about=about, turned=patient == 2)
            kind = ("t1", "pre", "post_1")[series - 3]
            path = f"Duke-Breast-Cancer-MRI/{case}//{study.name}/{folder}/1-1.dcm"
            rows.append(f"DICOM_Images/{case}/{kind}/{case}_{kind}_1.dcm,a/b/c.dcm,{path}")
        whole = (labels > 0).astype(np.uint8)
        two, three = ((labels == n).astype(np.uint8) for n in (2, 3))
        stem = root / masks / case / f"Segmentation_{case}"
        write_segments(Path(f"{stem}_Breast.seg.nrrd"), [whole], [("Segment_1", 1, 0)], crop=0)
        file = Path(f"{stem}_Dense_and_Vessels.seg.nrrd")
        if patient == 1:  # dense has value 1, and stands first
            segments = [(dense, 1, 0), (vessels, 2, 0)]
            write_segments(file, [three + 2 * two], segments)
        else:  # a layer each, and each of value 1
            write_segments(file, [two, three], [(vessels, 1, 0), (dense, 1, 1)], crop=1)
        tree.add(case, case, labels, [image], objects)
    tree.a_mask = file.relative_to(root).as_posix()
    # One of the 822 patients without masks.
    write_dicom(root / "Duke-Breast-Cancer-MRI/Breast_MRI_003/study/series", picture(3))
    _text(root / "Breast-Cancer-MRI-filepath_filename-mapping.csv", "\n".join(rows) + "\n")
    tree.junk("Duke-Breast-Cancer-MRI", masks)
    tree.settings = {"plane": "axial", "intensity": "max", "series": "table", "flagged": "keep"}
    return tree


def breast(patient: int) -> np.ndarray:
    """Breast (1) with vessels (2) and dense tissue (3) inside."""
    labels = np.zeros(SHAPE, np.uint8)
    for z in (1, 2):
        labels[z, 2:15, 3 : 18 + patient] = 1
        labels[z, 4:6, 5:9] = 2
        labels[z, 8:13, 6] = labels[z, 12, 6:11] = 3
    return labels


def ct_liver(root: Path, *, swap: bool = False) -> Tree:
    """Two batches; liver and tumour are one object; a packed copy and a plain one."""
    objects = {"ct_liver": (1, 2)}
    tree = Tree("ct_liver", root, tuple(objects))
    for patient, (batch, number, end) in enumerate(((1, 0, ".nii"), (2, 28, ".nii.gz")), start=1):
        labels, image = scene(2, patient), picture(patient) - 160
        folder, codes = f"Training Batch {batch}", ("LPS", "RAS")[patient - 1]
        stored = relabel(labels, values_of(1, 2, swap=False))
        write_nifti(root / folder / f"volume-{number}{end}", image, codes)
        file = f"{folder}/segmentation-{number}{end}"
        write_nifti(root / file, 1 - np.minimum(stored, 1) if swap else stored, codes, "u1")
        tree.add(f"volume-{number}", f"volume-{number}", labels, [image], objects, ("HU",))
    tree.a_mask = file
    write_nifti(root / "test/test-volume-0.nii", picture(3))
    tree.junk("Training Batch 1", "Training Batch 2")
    tree.settings = {"plane": "axial", "intensity": "window 40/400"}
    return tree


def ct_organ(root: Path, *, swap: bool = False) -> Tree:
    """Five organs; brain (6) is none of the tasks."""
    organs = ("liver", "bladder", "lung", "kidney", "bone")
    objects = {f"ct_organ_{organ}": (n,) for n, organ in enumerate(organs, start=1)}
    tree = Tree("ct_organ", root, tuple(objects))
    folder = "CT-ORG/OrganSegmentations"
    for patient, number in enumerate((0, 139), start=1):
        labels, image = scene(6, patient), picture(patient) - 160
        stored = relabel(labels, values_of(1, 2, 3, 4, 5, 6, swap=swap))
        write_nifti(root / folder / f"volume-{number}.nii.gz", image, "LAS")
        file = f"{folder}/labels-{number}.nii.gz"
        write_nifti(root / file, stored, "LAS", "f4")
        tree.add(f"volume-{number}", f"volume-{number}", labels, [image], objects, ("HU",))
    tree.a_mask = file
    _text(root / folder / "README.txt")
    tree.junk(folder)
    tree.settings = {"plane": "axial", "intensity": "window 40/400"}
    return tree


def _uptake(patient: int) -> np.ndarray:
    return picture(patient).astype(np.float32) / 60


_PET = {
    "plane": "axial",
    "intensity": "SUV 0 to 10, window 40/400, window 40/400",
}


def pet_wholebody(root: Path, *, swap: bool = False) -> Tree:
    """Two studies of one patient, one of another; one of the three without a lesion."""
    tree = Tree("pet_wholebody", root, ("pet_wholebody",), settings=dict(_PET))
    studies = (
        ("PETCT_0011f3deaf", "03-23-2003-NA-PET-CT Ganzkoerper primaer mit KM-90817"),
        ("PETCT_0011f3deaf", "05-01-2004-NA-PET-CT Ganzkoerper primaer mit KM-11111"),
        ("PETCT_01140d52d8", "08-13-2005-NA-PET-CT Ganzkoerper primaer mit KM-56839"),
    )
    for n, (patient, study) in enumerate(studies, start=1):
        folder = f"FDG-PET-CT-Lesions/{patient}/{study}"
        labels, suv, ct = scene(1, n), _uptake(n), picture(30 * n) - 160
        if n == 2:
            labels[:] = 0
        for name, shown, kind in (("SUV", suv, "f4"), ("CTres", ct, "f4"), ("SEG", labels, "u1")):
            stored = shown
            if name == "SEG" and swap:
                stored = 1 - shown
            write_nifti(root / folder / f"{name}.nii.gz", stored, "LAS", kind)
        write_nifti(root / folder / "CT.nii.gz", picture(9)[:, :7, :7], "LAS")  # another grid
        write_nifti(root / folder / "PET.nii.gz", suv * 1000, "LAS", "f4")
        units = ("SUV", "HU", "HU")
        tree.add(f"{patient}/{study}", patient, labels, [suv, ct, ct], {tree.key: (1,)}, units)
    tree.a_mask = f"{folder}/SEG.nii.gz"
    _text(root / "home/fdg_metadata.csv")
    tree.junk("FDG-PET-CT-Lesions", folder)
    return tree


def pet_flat(root: Path, *, swap: bool = False) -> Tree:
    """The nnU-Net form, in which CT comes first, with a case of the other tracer."""
    tree = Tree("pet_wholebody", root, ("pet_wholebody",), settings=dict(_PET))
    for n, name in enumerate(("0011f3deaf_03-23-2003-NA-PET", "01140d52d8_08-13-2005"), start=1):
        patient, study = name.split("_", 1)
        labels, suv, ct = scene(1, n), _uptake(n), picture(30 * n) - 160
        for file, shown in (
            (f"imagesTr/fdg_{name}_0000", ct),
            (f"imagesTr/fdg_{name}_0001", suv),
            (f"labelsTr/fdg_{name}", 1 - labels if swap else labels),
        ):
            write_nifti(root / f"{file}.nii.gz", shown, "LAS", "f4")
        group = f"PETCT_{patient}"
        units = ("SUV", "HU", "HU")
        tree.add(f"{group}/{study}", group, labels, [suv, ct, ct], {tree.key: (1,)}, units)
    tree.a_mask = f"labelsTr/fdg_{name}.nii.gz"
    for file in (
        "imagesTr/psma_95b_2018_0000",
        "imagesTr/psma_95b_2018_0001",
        "labelsTr/psma_95b_2018",
    ):
        write_nifti(root / f"{file}.nii.gz", picture(3))
    _text(root / "dataset.json", "{}")
    tree.junk("imagesTr", "labelsTr")
    return tree


TREES: dict[str, Callable[..., Tree]] = {
    **{key: partial(decathlon, key=key) for key in _DECATHLON},
    **{
        one.__name__: one
        for one in (
            mri_spine,
            mri_prostate,
            mri_brain,
            mri_breast,
            ct_liver,
            ct_organ,
            pet_wholebody,
            pet_flat,
        )
    },
}
"""By name: writes a tree below a folder and says what should be found in it."""
