"""Tiny folders of the 2D datasets, as their archives unpack: names, and where objects are drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import tifffile
from PIL import Image

HEIGHT, WIDTH = 12, 16  # not square, so that a picture on its side is noticed
Box = tuple[int, int, int, int]
"""Rows from and to, columns from and to; the ends are outside."""

JUNK = (".DS_Store", "Thumbs.db", "._{}")
LEFT, RIGHT, OTHER = (3, 9, 9, 14), (3, 8, 2, 6), (2, 10, 4, 7)
ILIUM, FEMUR = (1, 6, 3, 12), (6, 12, 5, 9)


def shape(*boxes: Box, value: int | bool = True, dtype: Any = bool) -> np.ndarray:
    """(H, W) array with a value inside some boxes."""
    out = np.zeros((HEIGHT, WIDTH), dtype)
    for y0, y1, x0, x1 in boxes:
        out[y0:y1, x0:x1] = value
    return out


def grey() -> np.ndarray:
    """(H, W) picture without symmetry, from 0 to 191."""
    return np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)


def radiograph(array: np.ndarray) -> np.ndarray:
    """(H, W, 1) as nibabel gives it: rows first."""
    return array[..., None]


def hip(femur: int = 1) -> np.ndarray:
    """A hip's labels, upright: (H, W, 1)."""
    labels = shape(ILIUM, value=2, dtype=np.uint8)
    labels[shape(FEMUR)] = femur
    return radiograph(labels)


def write(root: Path, files: dict[str, Any]) -> Path:
    """Write pixels (as the ending of their path says) or text, with the junk of systems beside."""
    for below, content in files.items():
        path = root / below
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in JUNK:
            (path.parent / name.format(path.name)).write_bytes(b"junk")
        if isinstance(content, str):
            path.write_text(content)
        elif ".nii" in path.name:
            nibabel.save(nibabel.Nifti1Image(content, np.diag([0.2, 0.2, 1, 1])), path)
        elif path.suffix == ".tif":
            tifffile.imwrite(path, content)
        else:
            Image.fromarray(content).save(path, quality=100)
    return root


@dataclass(frozen=True)
class Tree:
    """A dataset on disk and what it should give.

    Attributes
    ----------
    key : str
    paths : dict
        Id to the path of the image and, a path of a mask, what is drawn there.
    more : dict
        Other files; those with a reason are listed as left out.
    reasons : dict of str to str
    value : int
        That masks have inside.
    without : str
        What is said of the last image without its first mask; nothing if it is left out.
    """

    key: str
    paths: dict[str, tuple[str, dict[str, tuple[Box, ...]]]]
    more: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    value: int = 255
    without: str = "has no mask"

    @property
    def files(self) -> dict[str, Any]:
        """Path to pixels or text."""
        files = {image: grey() for image, _ in self.paths.values()} | self.more
        for _, masks in self.paths.values():
            for path, boxes in masks.items():
                files[path] = shape(*boxes, value=self.value, dtype=np.uint8)
        return files

    def objects(self, name: str) -> dict[str, np.ndarray]:
        """A task and its mask."""
        masks = self.paths[name][1].values()
        return {self.key: shape(*(box for boxes in masks for box in boxes))}


class Hips(Tree):
    """NIfTI files with two tasks."""

    @property
    def files(self) -> dict[str, Any]:
        """Path to pixels."""
        pairs = ((image, mask) for image, masks in self.paths.values() for mask in masks)
        stored = (radiograph(grey().astype(np.int16)), hip())
        return {path: pixels for pair in pairs for path, pixels in zip(pair, stored, strict=True)}

    def objects(self, name: str) -> dict[str, np.ndarray]:
        """A task and its mask."""
        return {"xray_hip_ilium": shape(ILIUM), "xray_hip_femur": shape(FEMUR)}


def paths(image: str, *masks: str, **drawn: tuple[Box, ...]) -> dict[str, Any]:
    """The paths of each id from patterns of it and of its parts.

    Of several masks each has one box, and there are no more masks than boxes.
    """
    out = {}
    for name, boxes in drawn.items():
        parts = re.split(r"[/ ]", name)
        each = [boxes] if len(masks) == 1 else [(box,) for box in boxes] or [()]
        files = (mask.format(*parts, id=name) for mask in masks)
        out[name] = (image.format(*parts, id=name), dict(zip(files, each, strict=False)))
    return out


LUNGS = {"MCUCXR_0001_0": (LEFT, RIGHT), "MCUCXR_0104_1": (RIGHT, OTHER)}
CHINA = {"CHNCXR_0001_0": (OTHER,), "CHNCXR_0326_1": (LEFT, RIGHT)}
HALVES = ("MC/ManualMask/leftMask/{id}.png", "MC/ManualMask/rightMask/{id}.png")
MASKLESS = "a Shenzhen image without a mask, of which there are 96"
LESIONS = {
    "benign (1)": (LEFT,), "benign (4)": (LEFT, RIGHT), "malignant (10)": (OTHER,),
    "normal (133)": (), "malignant (2)": (RIGHT,),
}  # fmt: skip
OVARIES = {"1": (LEFT,), "10": (RIGHT,), "2": (OTHER,)}
SPLIT = {"train/1": (LEFT,), "train/2": (OTHER,)}
MUSCLES = "Polito-Radboud-DeepLearningUS"
MUSCLE = {
    "BB/Healthy/12": (LEFT,),
    "BB/Pathological/12": (RIGHT,),  # the same number is another image
    "GM/Healthy/3": (),
    "TA/Pathological/x_1": (OTHER,),
}
NERVES = {
    "01_002": ("train/1_2.tif", {"train/1_2_mask.tif": ()}),
    "01_010": ("train/1_10.TIF", {"train/1_10_mask.tif": (RIGHT,)}),
    "10_001": ("train/10_1.tif", {"train/10_1_mask.tif": (LEFT,)}),
}
HIPS = paths("images/image_{id}.nii.gz", "labels/label_{id}.nii.gz", **{"001": (), "044": ()})

TREES = {
    "chest-official": Tree(
        "xray_chest",
        paths("China/CXR_png/{id}.png", "shcxr-lung-mask/mask/mask/{id}_mask.png", **CHINA)
        | paths("MC/CXR_png/{id}.png", *HALVES, **LUNGS),
        more={
            "China/CXR_png/CHNCXR_0500_1.png": grey(),
            "China/ClinicalReadings/CHNCXR_0500_1.txt": "45yrs",
        },
        reasons={"China/CXR_png/CHNCXR_0500_1.png": MASKLESS},
        without="has masks in rightMask. Allowed: one of both lungs",
    ),
    "chest-joined": Tree(
        "xray_chest",
        paths("Lung/CXR_png/{id}.png", "Lung/masks/{id}_mask.png", **CHINA)
        | paths("Lung/CXR_png/{id}.png", "Lung/masks/{id}.png", **LUNGS),
    ),
    "hip": Hips("xray_hip", {f"image_{name}": files for name, files in HIPS.items()}),
    "breast": Tree(
        "us_breast", paths("{0}/{id}.png", "{0}/{id}_mask.png", "{0}/{id}_mask_1.png", **LESIONS)
    ),
    "breast-folders": Tree(
        "us_breast",
        paths(
            "{0}/images/{id}.png", "{0}/mask/{id}_mask.png", "{0}/mask/{id}_mask_1.png", **LESIONS
        ),
    ),
    "kidney": Tree("us_kidney", paths("slice/slice/{id}.png", "mask/mask/{id}.png", **OVARIES)),
    "muscle": Tree(
        "us_muscle",
        paths(MUSCLES + "/{0}/{1}/Images/{2}.png", MUSCLES + "/{0}/{1}/Masks/{2}.png", **MUSCLE),
        more=dict.fromkeys(
            (
                # A copy of the whole in there would be a copy still.
                f"{MUSCLES}/Segmentation_models/data/MuscleCNN/BB/Healthy/Images/12.png",
                f"{MUSCLES}/Segmentation_models/data/MuscleCNN/BB/Healthy/Masks/12.png",
                f"{MUSCLES}/TA/Healthy/Masks/9.png",
                f"{MUSCLES}/TA/Healthy/Images/8.png",
            ),
            grey(),
        ),
        reasons={
            f"{MUSCLES}/TA/Healthy/Masks/9.png": "a mask without an image",
            f"{MUSCLES}/TA/Healthy/Images/8.png": "an image without a mask",
        },
        value=1,
        without="",
    ),
    "nerve": Tree(
        "us_nerve", NERVES, more={"test/1.tif": grey(), "train_masks.csv": "subject,img,pixels"}
    ),
    "ovary": Tree(
        "us_ovary",
        paths("OTU_2d/images/{id}.JPG", "OTU_2d/annotations/{id}_binary.PNG", **OVARIES),
        more={
            "OTU_2d/annotations/1_binary_binary.PNG": grey(),
            "OTU_2d/annotations/1.PNG": grey(),  # classes of tumours, as colours
            "OTU_2d/train.txt": "1\n2\n",
            "OTU_3d/images/1.JPG": grey(),
            "OTU_3d/annotations/1_binary.PNG": grey(),
        },
        value=1,
    ),
    "ovary-figshare": Tree(
        "us_ovary",
        paths("{0}/image/{1}.JPG", "{0}/label/black_write/{1}.PNG", **{"test/1": (RIGHT,)})
        | paths("{0}/train_image/{1}.JPG", "{0}/train_label/label/{1}.PNG", **SPLIT),
        more={"OTU_CEUS/image/1.JPG": grey()},
    ),
}
