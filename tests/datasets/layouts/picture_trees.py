"""Tiny folders of the 2D datasets, as their archives unpack: names, and where objects are drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import tifffile
import yaml
from PIL import Image

HEIGHT, WIDTH = 12, 16  # not square, so that a picture on its side is noticed
Box = tuple[int, int, int, int]
"""Rows from and to, columns from and to; the ends are outside."""

JUNK = (".DS_Store", "Thumbs.db", "._{}")
BOXES = {"left": (3, 9, 9, 14), "right": (3, 8, 2, 6), "other": (2, 10, 4, 7)}
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


def hip() -> np.ndarray:
    """A hip's labels, upright: (H, W, 1), as nibabel gives them, rows first."""
    labels = shape(ILIUM, value=2, dtype=np.uint8)
    labels[shape(FEMUR)] = 1
    return labels[..., None]


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
    """A dataset on disk and what it should give: an entry of ``pictures.yaml``.

    Attributes
    ----------
    key : str
    paths : dict
        Id to the path of the image and, a path of a mask, what is drawn there.
    more : list of str
        Other files; those with a reason are listed as left out.
    reasons : dict of str to str
    value : int
        That masks have inside.
    without : str
        What is said of the last image without its first mask; nothing if it is left out.
    """

    key: str
    paths: dict[str, tuple[str, dict[str, tuple[Box, ...]]]]
    more: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    value: int = 255
    without: str = "has no mask"

    @property
    def files(self) -> dict[str, Any]:
        """Path to pixels or text."""
        files: dict[str, Any] = {image: grey() for image, _ in self.paths.values()}
        files |= {path: "x" if path[-3:] in ("txt", "csv") else grey() for path in self.more}
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
        stored = (grey().astype(np.int16)[..., None], hip())
        return {path: pixels for pair in pairs for path, pixels in zip(pair, stored, strict=True)}

    def objects(self, name: str) -> dict[str, np.ndarray]:
        """A task and its mask."""
        return {"xray_hip_ilium": shape(ILIUM), "xray_hip_femur": shape(FEMUR)}


def paths(image: str, masks: list[str], drawn: dict[str, list[str]]) -> dict[str, Any]:
    """The paths of each id from patterns of it and of its parts.

    Of several masks each has one box, and there are no more masks than boxes.
    """
    out = {}
    for name, words in drawn.items():
        boxes = tuple(BOXES[word] for word in words)
        parts = re.split(r"[/ ]", name)
        each = [boxes] if len(masks) == 1 else [(box,) for box in boxes] or [()]
        files = (mask.format(*parts, id=name) for mask in masks)
        out[name] = (image.format(*parts, id=name), dict(zip(files, each, strict=False)))
    return out


def _tree(key: str, files: list[Any], **more: Any) -> Tree:
    found = {name: of for each in files for name, of in paths(*each).items()}
    return (Hips if key == "xray_hip" else Tree)(key, found, **more)


_FILE = Path(__file__).with_name("pictures.yaml")
TREES = {name: _tree(**told) for name, told in yaml.safe_load(_FILE.read_text()).items()}
