"""Tiny folders of the 2D datasets, as their archives unpack: names, formats, modes and values."""

from __future__ import annotations

from collections.abc import Iterable
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


def shape(*boxes: Box, value: int | bool = True, dtype: Any = bool) -> np.ndarray:
    """(H, W) array with a value inside some boxes."""
    out = np.zeros((HEIGHT, WIDTH), dtype)
    for y0, y1, x0, x1 in boxes:
        out[y0:y1, x0:x1] = value
    return out


def grey(seed: int = 0, dtype: Any = np.uint8) -> np.ndarray:
    """(H, W) picture without symmetry, from 0 to 191 (plus the seed)."""
    return (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) + seed).astype(dtype)


def colour(array: np.ndarray, mode: str = "RGB") -> np.ndarray:
    """The same picture with three or four channels, the fourth opaque."""
    channels = [array] * 3 + [np.full_like(array, 255)] * (mode == "RGBA")
    return np.stack(channels, axis=-1)


def eight_bit(*boxes: Box) -> np.ndarray:
    """A mask of 0 and 255."""
    return shape(*boxes, value=255, dtype=np.uint8)


def radiograph(array: np.ndarray) -> np.ndarray:
    """(W, H, 1) as nibabel gives it: columns first."""
    return array.T[..., None]


@dataclass(frozen=True)
class Tree:
    """A dataset on disk and what it should give.

    Attributes
    ----------
    key : str
    files : dict
        Path to pixels (written as its ending says) or text.
    cases : dict
        Id to group and, a task, the boxes of its object.
    left_out : dict of str to str
        Paths that are listed as left out, and why.
    missing : (path, id, text)
        A mask, the case that is broken without it, and words of the reason.
    too_deep : str
        A folder within the one that is expected.
    """

    key: str
    files: dict[str, Any]
    cases: dict[str, tuple[str, dict[str, tuple[Box, ...]]]]
    missing: tuple[str, str, str] | None
    too_deep: str
    left_out: dict[str, str] = field(default_factory=dict)


def write(root: Path, files: dict[str, Any], order: Iterable[str] | None = None) -> Path:
    """Write files in some order, with the junk that systems leave beside them."""
    for below in order or files:
        path = root / below
        path.parent.mkdir(parents=True, exist_ok=True)
        _one(path, files[below])
        for name in JUNK:
            (path.parent / name.format(path.name)).write_bytes(b"junk")
    return root


def _one(path: Path, content: Any) -> None:
    ending = path.name.lower().partition(".")[2]
    if isinstance(content, str):
        path.write_text(content)
    elif ending.startswith("nii"):
        nibabel.save(nibabel.Nifti1Image(content, np.diag([0.2, 0.2, 1, 1])), path)
    elif ending.startswith("tif"):
        tifffile.imwrite(path, content)
    elif ending.startswith("jp"):
        Image.fromarray(content).save(path, "JPEG", quality=100, subsampling=0)
    else:
        picture = content if isinstance(content, Image.Image) else Image.fromarray(content)
        picture.save(path, "PNG")


LEFT, RIGHT, OTHER = (3, 9, 9, 14), (3, 8, 2, 6), (2, 10, 4, 7)


def _chest(official: bool) -> Tree:
    cases = {
        "CHNCXR_0001_0": (OTHER,),
        "CHNCXR_0326_1": (LEFT, RIGHT),
        "MCUCXR_0001_0": (LEFT, RIGHT),
        "MCUCXR_0104_1": (RIGHT, OTHER),
    }
    china = {"CHNCXR_0001_0": colour(grey()), "CHNCXR_0326_1": grey(), "CHNCXR_0500_1": grey()}
    files: dict[str, Any] = {}
    top = "ChinaSet_AllFiles" if official else "Lung Segmentation"
    for name, picture in china.items():
        files[f"{top}/CXR_png/{name}.png"] = picture
        files[f"{top}/ClinicalReadings/{name}.txt"] = "male 45yrs\nnormal"
    where = "shcxr-lung-mask/mask/mask" if official else f"{top}/masks"
    for name in ("CHNCXR_0001_0", "CHNCXR_0326_1"):
        files[f"{where}/{name}_mask.png"] = eight_bit(*cases[name])
    montgomery = "MontgomerySet" if official else top
    for name in ("MCUCXR_0001_0", "MCUCXR_0104_1"):
        files[f"{montgomery}/CXR_png/{name}.png"] = grey()
        if official:
            first, second = cases[name]
            files[f"{montgomery}/ManualMask/leftMask/{name}.png"] = shape(first)
            files[f"{montgomery}/ManualMask/rightMask/{name}.png"] = shape(second)
        else:
            files[f"{top}/masks/{name}.png"] = eight_bit(*cases[name])
    if official:
        right = "MontgomerySet/ManualMask/rightMask/MCUCXR_0001_0.png"
        missing = (right, "MCUCXR_0001_0", "has masks in leftMask. Allowed: one of both lungs")
    else:
        lung = f"{top}/masks/MCUCXR_0001_0.png"
        missing = (lung, "MCUCXR_0001_0", "Image 'MCUCXR_0001_0.png' has no mask")
    return Tree(
        "xray_chest",
        files,
        {name: (name, {"xray_chest": boxes}) for name, boxes in cases.items()},
        missing,
        f"{montgomery}/CXR_png",
        {
            f"{top}/CXR_png/CHNCXR_0500_1.png": "a Shenzhen image without a mask, of which there "
            "are 96"
        },
    )


ILIUM, FEMUR = (1, 6, 3, 12), (6, 12, 5, 9)


def hip(ilium: int = 1, femur: int = 2) -> np.ndarray:
    """A hip's labels, upright: (W, H, 1)."""
    labels = shape(ILIUM, value=ilium, dtype=np.uint8)
    labels[shape(FEMUR)] = femur
    return radiograph(labels)


def _hips() -> Tree:
    files: dict[str, Any] = {}
    for number in ("001", "044"):
        files[f"images/image_{number}.nii.gz"] = radiograph(grey(dtype=np.int16))
        files[f"labels/label_{number}.nii.gz"] = hip()
    objects = {"xray_hip_ilium": (ILIUM,), "xray_hip_femur": (FEMUR,)}
    return Tree(
        "xray_hip",
        files,
        {name: (name, objects) for name in ("image_001", "image_044")},
        ("labels/label_001.nii.gz", "image_001", "Image 'image_001.nii.gz' has no mask"),
        "images",
    )


def _breast(split: bool) -> Tree:
    """Masks are of one bit, the second of them RGBA, and those of normal breasts RGB."""
    cases: dict[str, tuple[Box, ...]] = {
        "benign (1)": (LEFT,),
        "benign (4)": (LEFT, RIGHT),
        "malignant (10)": (OTHER,),
        "malignant (2)": (RIGHT,),
        "normal (133)": (),
    }
    top = "data" if split else "Dataset_BUSI_with_GT"
    files: dict[str, Any] = {}
    for name, boxes in cases.items():
        kind = name.partition(" ")[0]
        images, masks = (
            f"{top}/{kind}/{part}" for part in (("images", "mask") if split else 2 * ("",))
        )
        images, masks = images.rstrip("/"), masks.rstrip("/")
        files[f"{images}/{name}.png"] = colour(grey())
        files[f"{masks}/{name}_mask.png"] = shape(*boxes[:1]) if boxes else colour(eight_bit())
        if boxes[1:]:
            files[f"{masks}/{name}_mask_1.png"] = colour(eight_bit(*boxes[1:]), "RGBA")
    where = f"{top}/malignant" + ("/mask" if split else "")
    deep = f"{top}/benign" + ("/images" if split else "")
    return Tree(
        "us_breast",
        files,
        {name: (name, {"us_breast": boxes}) for name, boxes in cases.items()},
        (f"{where}/malignant (2)_mask.png", "malignant (2)", "'malignant (2).png' has no mask"),
        deep,
    )


def _kidney(repeated: bool) -> Tree:
    images, masks = ("slice/slice", "mask/mask") if repeated else ("slice", "mask")
    files: dict[str, Any] = {}
    cases = {"0": (LEFT,), "case_7": (LEFT, RIGHT)}
    for name, boxes in cases.items():
        mask = eight_bit(*boxes)
        mask[0, 0], mask[0, 1] = 127, 128  # just outside, and just inside
        files[f"{images}/{name}.png"] = colour(grey())
        files[f"{masks}/{name}.png"] = mask
    return Tree(
        "us_kidney",
        files,
        {name: (name, {"us_kidney": (*boxes, (0, 1, 1, 2))}) for name, boxes in cases.items()},
        (f"{masks}/0.png", "0", "Image '0.png' has no mask"),
        images,
    )


def _muscle() -> Tree:
    top = "Polito-Radboud-DeepLearningUS"
    cases: dict[str, tuple[Box, ...]] = {
        "BB/Healthy/12": (LEFT,),
        "BB/Pathological/12": (RIGHT,),  # the same number is another image
        "GM/Healthy/3": (),
        "TA/Pathological/x_1": (OTHER,),
    }
    files: dict[str, Any] = {}
    for i, (name, boxes) in enumerate(cases.items()):
        folder, _, stem = name.rpartition("/")
        files[f"{top}/{folder}/Images/{stem}.png"] = colour(grey()) if i % 2 else grey()
        files[f"{top}/{folder}/Masks/{stem}.png"] = shape(*boxes, value=1, dtype=np.uint8)
    copies = f"{top}/Segmentation_models/data/MuscleCNN"
    files[f"{copies}/train/12.png"] = grey()
    files[f"{copies}/trainannot/12.png"] = eight_bit(LEFT)
    # A copy of the whole in there would be a copy still.
    files[f"{copies}/BB/Healthy/Images/12.png"] = grey()
    files[f"{copies}/BB/Healthy/Masks/12.png"] = eight_bit(LEFT)
    alone = (f"{top}/TA/Healthy/Masks/9.png", f"{top}/TA/Healthy/Images/8.png")
    files |= {alone[0]: eight_bit(LEFT), alone[1]: grey()}
    return Tree(
        "us_muscle",
        files,
        {name: (name, {"us_muscle": boxes}) for name, boxes in cases.items()},
        None,  # a picture without a mask is left out, see test_unpaired_muscles
        f"{top}/BB/Healthy",
        {alone[0]: "a mask without an image", alone[1]: "an image without a mask"},
    )


def _nerve() -> Tree:
    cases: dict[str, tuple[str, tuple[Box, ...]]] = {
        "01_001": ("1_1", (LEFT,)),
        "01_002": ("1_2", ()),
        "01_010": ("1_10", (RIGHT,)),
        "02_001": ("2_1", (OTHER,)),
        "10_001": ("10_1", (LEFT,)),
    }
    files: dict[str, Any] = {}
    for name, boxes in cases.values():
        files[f"train/{name}.tif"] = grey()
        files[f"train/{name}_mask.tif"] = eight_bit(*boxes)
    files["test/1.tif"] = grey()
    files["train_masks.csv"] = "subject,img,pixels\n1,1,17 3\n"
    return Tree(
        "us_nerve",
        files,
        {name: (f"subject-{name[:2]}", {"us_nerve": boxes}) for name, (_, boxes) in cases.items()},
        ("train/1_2_mask.tif", "01_002", "Image '1_2.tif' has no mask"),
        "train",
    )


def _palette(*boxes: Box) -> Image.Image:
    """The mask as the palette picture in which colours are classes of tumours."""
    picture = Image.fromarray(shape(*boxes, value=2, dtype=np.uint8))
    picture.putpalette([0, 0, 0, 64, 0, 0, 0, 128, 0])
    return picture


def _ovary() -> Tree:
    files: dict[str, Any] = {}
    cases = {"1": (LEFT,), "10": (RIGHT,), "2": (OTHER,)}
    for name, boxes in cases.items():
        binary = shape(*boxes, value=1, dtype=np.uint8)
        files[f"OTU_2d/images/{name}.JPG"] = colour(grey())
        files[f"OTU_2d/annotations/{name}_binary.PNG"] = binary
        files[f"OTU_2d/annotations/{name}_binary_binary.PNG"] = binary
        # Drawn elsewhere, so that it is noticed if it is read.
        files[f"OTU_2d/annotations/{name}.PNG"] = _palette((0, 2, 0, 2))
    files |= {f"OTU_2d/{name}.txt": "1\n2\n" for name in ("train", "val", "train_cls", "val_cls")}
    files["OTU_3d/images/1.JPG"] = colour(grey())
    files["OTU_3d/annotations/1_binary.PNG"] = shape((0, 1, 0, 1), value=1, dtype=np.uint8)
    return Tree(
        "us_ovary",
        files,
        {name: (name, {"us_ovary": boxes}) for name, boxes in cases.items()},
        ("OTU_2d/annotations/2_binary.PNG", "2", "Image '2.JPG' has no mask"),
        "OTU_2d/images",
    )


def _ovary_copy() -> Tree:
    top = "dataset/OTU_2D"
    files: dict[str, Any] = {}
    cases = {"test/1": (RIGHT,), "train/1": (LEFT,), "train/2": (OTHER,)}
    for name, boxes in cases.items():
        split, _, stem = name.partition("/")
        image, mask = {
            "train": ("train/train_image", "train/train_label/label"),
            "test": ("test/image", "test/label/black_write"),
        }[split]
        files[f"{top}/{image}/{stem}.JPG"] = colour(grey())
        files[f"{top}/{mask}/{stem}.PNG"] = eight_bit(*boxes)
    files["dataset/OTU_CEUS/image/1.JPG"] = colour(grey())
    files["dataset/OTU_CEUS/label/1.PNG"] = eight_bit(LEFT)
    return Tree(
        "us_ovary",
        files,
        {name: (name, {"us_ovary": boxes}) for name, boxes in cases.items()},
        (f"{top}/train/train_label/label/2.PNG", "train/2", "Image '2.JPG' has no mask"),
        f"{top}/train/train_image",
    )


TREES = {
    "chest-official": _chest(True),
    "chest-joined": _chest(False),
    "hip": _hips(),
    "breast": _breast(False),
    "breast-folders": _breast(True),
    "kidney": _kidney(True),
    "kidney-plain": _kidney(False),
    "muscle": _muscle(),
    "nerve": _nerve(),
    "ovary": _ovary(),
    "ovary-figshare": _ovary_copy(),
}
