"""Tiny trees of the 3D datasets in their official layout, and what a reader has to find in them.

Everything is drawn as it should be shown (axial, anterior up, the patient's right on the left) and
then stored the way of the dataset: turned, as NIfTI, DICOM or NRRD. What is expected is stated
here by hand, without the catalog and without the layouts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from datasets.dicom_files import series, write_segments
from datasets.nifti_files import ORIENTATIONS, stored, write
from pydicom.uid import generate_uid

from medsam.datasets.readers.itk import Segment

SHAPE = (4, 20, 26)  # slices, rows, columns
SIZE = (3.0, 2.0, 1.5)  # mm, of the same


@dataclass
class Wanted:
    """One slice that should be found."""

    group: str
    masks: dict[str, np.ndarray]
    channels: list[np.ndarray]  # as stored
    units: tuple[str, ...]


@dataclass
class Tree:
    """What was written, and what should be found."""

    key: str
    root: Path
    tasks: tuple[str, ...]
    settings: dict[str, str]
    slices: dict[str, Wanted] = field(default_factory=dict)
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
                self.slices[f"{scan}/axial-{z:04d}"] = Wanted(group, masks, shown, units)

    def junk(self):
        """What Macs and Windows leave behind, and one file that nobody knows."""
        for folder in [self.root, *(path for path in self.root.rglob("*") if path.is_dir())]:
            for name in (".DS_Store", "._volume-0.nii.gz", "Thumbs.db"):
                (folder / name).write_bytes(b"\0\5\26\7")
        (self.root / "notes of mine.odt").write_bytes(b"?")


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


def nested(patient: int) -> np.ndarray:
    """A breast (1) with vessels (2) and dense tissue (3) inside; or a cord around its parts."""
    labels = np.zeros(SHAPE, np.uint8)
    for z in (1, 2):
        labels[z, 2:15, 3 : 18 + patient] = 1
        labels[z, 4:6, 5:9] = 2
        labels[z, 8:13, 6] = labels[z, 12, 6:11] = 3
    return labels


def picture(seed: int) -> np.ndarray:
    """Values of which no two in a slice are the same."""
    step = np.arange(np.prod(SHAPE[1:])).reshape(SHAPE[1:])
    return np.stack([seed + z + step for z in range(SHAPE[0])]).astype(np.int16)


# ----------------------------------------------------------------- how it is stored
def placed(shown: np.ndarray, way: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """In one of the 48 ways, and its affine; (slices, rows, columns) in."""
    ras = shown[:, ::-1, ::-1].transpose(2, 1, 0)
    return stored(ras, np.diag([SIZE[2], SIZE[1], SIZE[0], 1.0]), ORIENTATIONS[way])


def write_nifti(path: Path, shown: np.ndarray, way: int = 0) -> None:
    """As NIfTI."""
    write(path, *placed(shown, way))


def write_dicom(folder: Path, shown: np.ndarray, *, number=1, about="", way=6) -> None:
    """As one file a slice, named in another order than they lie."""
    told = {"SeriesNumber": number, "SeriesDescription": about, "SeriesInstanceUID": generate_uid()}
    series(folder, *placed(shown.astype(np.uint16), way), **told)


def write_slicer(path: Path, layers: list[np.ndarray], *segments, crop: int = 0) -> None:
    """As 3D Slicer's .seg.nrrd: layers of labels, and name, value and layer of each segment.

    Slicer may store no more than the part around the segments (``crop`` rows off the bottom).
    """
    each = [placed(layer) for layer in layers]
    arrays = [array[:, crop:] for array, _ in each]
    grid = each[0][1]
    grid[1, 3] += crop * SIZE[1]
    array = arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_segments(path, array, grid, [Segment(*one) for one in segments])


# ----------------------------------------------------------------- the datasets of NIfTI files
@dataclass(frozen=True)
class Files:
    """A dataset of NIfTI files; braces are the id of a case, or its part of that number.

    Attributes
    ----------
    objects : dict
        A task and the numbers of the shapes that are it.
    images : dict of str to str
        Path and unit.
    mask : str
    cases : tuple of str
        Ids.
    unused : tuple of str
        Paths that are known and not read.
    settings : dict of str to str
    values : tuple of int
        Of the shapes.
    names : dict of str to str
        Paths that are other ones than the patterns say.
    """

    objects: dict[str, tuple[int, ...]]
    images: dict[str, str]
    mask: str
    cases: tuple[str, ...]
    unused: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    values: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    names: dict[str, str] = field(default_factory=dict)


def image_of(patient: int, number: int, unit: str) -> np.ndarray:
    """An image of a patient, in its unit."""
    one = picture(patient + 20 * number)
    return one.astype(np.float32) / 60 if unit == "SUV" else one - 160 * (unit == "HU")


def nifti(root: Path, key: str) -> Tree:
    """Write the files of a dataset below a folder."""
    told = FILES[key]
    key = re.sub("_(flat|221|decathlon|nnunet)$", "", key)
    tree = Tree(key, root, tuple(told.objects), {"plane": "axial", **told.settings})
    units = tuple(told.images.values())
    shapes = max(number for numbers in told.objects.values() for number in numbers)
    values = np.array((0, *told.values), np.uint8)
    for patient, case in enumerate(told.cases, start=1):
        labels = scene(shapes + (key == "ct_organ"), patient)
        images = [image_of(patient, number, unit) for number, unit in enumerate(units)]
        parts = re.split(r"PETCT_|volume-|/", case)
        paths = [path.format(case, *parts[1:]) for path in (*told.images, told.mask)]
        paths = [told.names.get(path, path) for path in paths]
        for path, array in zip(paths, [*images, values[labels]], strict=True):
            write_nifti(root / path, array, way=7 * patient)
        shown, of = (images, units) if key != "mri_brain" else (images[:1], units[:1])
        if key == "pet_wholebody":
            pet, ct = (images[units.index(unit)] for unit in ("SUV", "HU"))
            shown, of = [pet, ct, ct], ("SUV", "HU", "HU")
        tree.add(case, case.split("/")[0], labels, shown, told.objects, of)
    tree.a_mask = paths[-1]
    for path in told.unused:
        if path.endswith(".nii.gz"):
            write_nifti(root / path, picture(3))
        else:
            (root / path).write_text("")
    tree.junk()
    return tree


_FILE = Path(__file__).with_name("scans.yaml")
FILES = {key: Files(**told) for key, told in yaml.safe_load(_FILE.read_text()).items()}


# ----------------------------------------------------------------- the others
def mri_spine(root: Path) -> Tree:
    """Four raters; three agree on all, the fourth on nothing, and two of four is no vote."""
    objects = {"mri_spine_gm": (1,), "mri_spine_sc": (1, 2)}
    told = {"plane": "axial", "intensity": "max", "rater": "vote"}
    tree = Tree("mri_spine", root, tuple(objects), told)
    values = np.array([0, 2, 2, 1], np.uint8)
    for patient, case in enumerate(("site1-sc01", "site3-sc10"), start=1):
        labels, image = values[nested(patient)], picture(patient)
        write_nifti(root / f"training/{case}-image.nii.gz", image, 7)
        for rater in (1, 2, 3, 4):
            drawn = labels * np.uint8(rater < 4)
            if rater in (1, 4):
                drawn[2, 17:19, 20:24] = 1  # two of four
            tree.a_mask = f"training/{case}-mask-r{rater}.nii.gz"
            write_nifti(root / tree.a_mask, drawn, 7)
        tree.add(case, case, labels, [image], objects)
    write_nifti(root / "test/site1-sc11-image.nii.gz", picture(3))
    (root / "test/site1-sc11-levels.txt").write_text("1,3")
    tree.junk()
    return tree


def mri_prostate(root: Path) -> Tree:
    """Two scanners, one with other names of files and folder; masks above 0, whatever number."""
    told = {"plane": "axial", "intensity": "max", "gaps": "refuse", "gt": "stored"}
    tree = Tree("mri_prostate", root, ("mri_prostate",), told)
    cases = ("GE/Patient 1036587", "Siemens/Patient_387")
    for patient, case in enumerate(cases, start=1):
        labels, image = scene(1, patient), picture(patient)
        tree.a_mask = f"{case}/GT/prostate"
        for part, shown in (
            ("T2W", image),
            ("ADC", image + 5),
            ("GT/prostate", labels * 255),
            ("GT/cg", np.roll(labels, 3, axis=2) * 255),
        ):
            write_dicom(root / case / part, shown, way=6 * (patient - 1))
        for path in (root / case).rglob("*.dcm") if patient == 2 else ():
            path.rename(path.with_suffix(""))
        name = case.partition("/")[2]
        tree.add(name, name, labels, [image], {"mri_prostate": (1,)})
    tree.junk()
    return tree


def mri_breast(root: Path) -> Tree:
    """Segments in one layer and in two, in either order; told by their names alone."""
    objects = {"mri_breast_breast": (1, 2, 3), "mri_breast_fgt": (3,)}
    told = {"plane": "axial", "intensity": "max", "flagged": "keep"}
    tree = Tree("mri_breast", root, tuple(objects), told)
    rows = ["original_path_and_filename,classic_path,descriptive_path"]
    for patient, case in enumerate(("Breast_MRI_002", "Breast_MRI_246"), start=1):
        study = f"Duke-Breast-Cancer-MRI/{case}/01-01-1990-NA-MRI BREAST-97538"
        labels, image = nested(patient), picture(patient)
        for number, about, kind, shown in (
            (3, "ax t1", "t1", picture(70)),
            (4, "ax dyn pre", "pre", image),
            (5, "ax dyn 1st pass", "post_1", picture(90)),
        ):
            folder = f"{study}/{number}.000000-{about}-{number}0817"
            write_dicom(root / folder, shown, number=number, about=about, way=6 * (patient - 1))
            rows.append(
                f"DICOM_Images/{case}/{kind}/{case}_{kind}_1.dcm,a/b/c.dcm,{folder}/1-1.dcm"
            )
        whole, two, three = (np.isin(labels, of).astype(np.uint8) for of in ((1, 2, 3), 2, 3))
        stem = f"Segmentation_Masks_NRRD/{case}/Segmentation_{case}"
        write_slicer(root / f"{stem}_Breast.seg.nrrd", [whole], ("Segment_1", 1, 0))
        tree.a_mask = f"{stem}_Dense_and_Vessels.seg.nrrd"
        if patient == 1:  # dense has value 1, and stands first
            segments = ("Dense", 1, 0), ("Vessels", 2, 0)
            write_slicer(root / tree.a_mask, [three + 2 * two], *segments)
        else:  # a layer each, and each of value 1
            segments = ("Vessels", 1, 0), ("Dense", 1, 1)
            write_slicer(root / tree.a_mask, [two, three], *segments, crop=1)
        tree.add(case, case, labels, [image], objects)
    # One of the 822 patients without masks.
    write_dicom(root / "Duke-Breast-Cancer-MRI/Breast_MRI_003/study/series", picture(3))
    table = root / "Breast-Cancer-MRI-filepath_filename-mapping.csv"
    table.write_text("\n".join(rows) + "\n")
    tree.junk()
    return tree


TREES: dict[str, Callable[..., Tree]] = {
    **{key: partial(nifti, key=key) for key in FILES},
    **{make.__name__: make for make in (mri_spine, mri_prostate, mri_breast)},
}
"""By name: writes a tree below a folder and says what should be found in it."""
