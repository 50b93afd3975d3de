"""Memory and time of reading cases, and how often the files are read for it.

A volume with labels, packed and plain, cut along its stored order and across it, and thousands of
pairs of PNG files; each made in a temporary folder, read case by case as a study reads it (digest,
then load), and removed. Each is read in a process of its own, at full size and at a tenth of it.
Memory is the peak above what the process uses after a tiny set: of volumes that of one scan, so
that it grows with the scan; of pictures the ratio of both sizes is near 1. Bytes are those the
process asked the system for, against the size of the files, and against the pixels in them. Read
the ratios: they hold on other machines.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from medsam.datasets.labels import Labels
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.readers.volume import Plane
from medsam.datasets.source import (
    Channel,
    DiskDataset,
    LabelVolume,
    Picture,
    Reading,
    Scan,
    Source,
)

TASK = Labels({"object": (1,)})

CASES = {
    "packed": (".nii.gz", "axial"),
    "plain": (".nii", "axial"),
    "packed, across": (".nii.gz", "sagittal"),
    "plain, across": (".nii", "sagittal"),
    "pictures": (".png", "stored"),
}


def make_volume(folder: Path, suffix: str, shape: tuple[int, int, int]) -> int:
    """Write an image and its labels, slab by slab; the bytes of their pixels."""
    import nibabel

    rng = np.random.default_rng(0)
    noise = rng.integers(-30, 30, shape[:2], np.int16)
    disc = np.hypot(*np.ogrid[: shape[0], : shape[1]]) < min(shape[:2]) * 0.9
    for name, dtype in (("image", np.int16), ("labels", np.uint8)):
        header = nibabel.Nifti1Header()
        header.set_data_shape(shape)
        header.set_data_dtype(dtype)
        header.set_sform(np.eye(4), code=1)
        header["magic"], header["vox_offset"] = b"n+1", 352
        plain = folder / f"{name}.nii"
        with open(plain, "wb") as file:
            file.write(header.binaryblock + bytes(4))
            for k in range(shape[2]):
                slab = np.roll(noise, 7 * k) + k % 300 if name == "image" else disc
                file.write(slab.astype(dtype).tobytes("F"))
        if suffix == ".nii.gz":
            subprocess.run(["gzip", "-1", str(plain)], check=True)
    return int(np.prod(shape)) * 3


def make_pictures(folder: Path, count: int, side: int = 256) -> int:
    """Write that many pairs; the bytes of their pixels."""
    import cv2

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (side, side), np.uint8)
    mask = np.uint8(255 * (np.hypot(*np.ogrid[:side, :side]) < side / 2))
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        cv2.imwrite(str(folder / "images" / f"{index:05d}.png"), np.roll(noise, index))
        cv2.imwrite(str(folder / "masks" / f"{index:05d}.png"), mask)
    return count * side * side * 2


def dataset(folder: Path, suffix: str, plane: Plane) -> DiskDataset:
    """What was written, as a dataset."""
    if suffix == ".png":
        tree = Tree(folder)

        images, masks = (tree.find([rf"{name}/(?P<id>\d+)\.png"]) for name in ("images", "masks"))
        sources: list[Source] = [
            Picture(key[0], key[0], images[key][0], tuple((mask, TASK) for mask in masks[key]))
            for key in images
        ]
    else:
        image, labels = folder / f"image{suffix}", folder / f"labels{suffix}"
        sources = [
            Scan(
                "scan",
                "scan",
                (Channel(partial(open_nifti, image), (image,), "HU"),),
                (LabelVolume(partial(open_nifti, labels), (labels,), TASK),),
                Reading(plane=plane),
            )
        ]
    return DiskDataset("made", "Made", "CT", ["object"], sources, Reading(), progress=False)


def resident() -> float:
    """Megabytes in use now; the peak counts from here on, where the system can forget it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return peak()
    Path("/proc/self/clear_refs").write_text("5")
    return (
        next(int(at.split()[1]) for at in status.read_text().splitlines() if "VmRSS" in at) / 1024
    )


def peak() -> float:
    """Most megabytes that were in use."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        next(int(at.split()[1]) for at in status.read_text().splitlines() if "VmHWM" in at) / 1024
    )


def read(folder: Path, name: str, hashed: bool) -> dict[str, float]:
    """Read it all in this process; what that took."""
    suffix, plane = CASES[name]
    before_it = resident()
    io = Path("/proc/self/io")
    asked = (lambda: int(io.read_text().split()[1])) if io.exists() else (lambda: 0)
    before, start = asked(), time.perf_counter()
    made = dataset(folder, suffix, plane)
    count = len(made)
    listed = time.perf_counter() - start
    for case in made.cases():
        if hashed:
            case.digest()
        sample = case.load()
        if not sample.masks["object"].any():
            raise SystemExit(f"{case.id}: no object where one was written.")
    took = time.perf_counter() - start
    grown = peak() - before_it
    return {"cases": count, "s": took, "list_s": listed, "peak": grown, "bytes": asked() - before}


def child(folder: Path, name: str, hashed: bool) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--read", str(folder), name]
    out = subprocess.run(
        [*command, *([] if hashed else ["--no-digest"])], check=True, capture_output=True, text=True
    )
    return dict(json.loads(out.stdout))


def write(folder: Path, name: str, size: int) -> int:
    """One set at one size (slices of a volume, or pairs); the bytes of its pixels."""
    suffix, _ = CASES[name]
    if suffix == ".png":
        return make_pictures(folder, size)
    side = 512 if size > 4 else 16
    return make_volume(folder, suffix, (side, side, size))


def measure(name: str, size: int, hashed: bool) -> dict[str, float]:
    """One set at one size (slices of a volume, or pairs)."""
    with tempfile.TemporaryDirectory(prefix="medsam-benchmark-") as made:
        folder = Path(made)
        pixels = write(folder, name, size)
        files = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return child(folder, name, hashed) | {"files": files, "pixels": pixels}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, and of that")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="NAME")
    parser.add_argument("--no-digest", action="store_true", help="leave out the hash of the files")
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.read:
        with tempfile.TemporaryDirectory(prefix="medsam-benchmark-") as made:
            write(Path(made), chosen.read[1], 4)
            read(Path(made), chosen.read[1], hashed=True)  # libraries are loaded
        print(json.dumps(read(Path(chosen.read[0]), chosen.read[1], not chosen.no_digest)))
        return
    hashed = not chosen.no_digest
    print(
        f"{'':20} {'cases':>6} {'ms a case':>10} {'listing':>8} {'peak':>9} {'at a tenth':>11} "
        f"{'ratio':>6} {'read / files':>13} {'read / pixels':>14}"
    )
    for name in chosen.only:
        full = (10_000 if CASES[name][0] == ".png" else 1_000) // (10 if chosen.quick else 1)
        small, large = (measure(name, size, hashed) for size in (full // 10, full))
        peaks = small["peak"], large["peak"]
        print(
            f"{name:20} {large['cases']:6.0f} {large['s'] / large['cases'] * 1e3:7.2f} ms "
            f"{large['list_s'] / large['s']:7.0%} {peaks[1]:6.1f} MB {peaks[0]:8.1f} MB "
            f"{peaks[1] / max(peaks[0], 0.1):6.2f} {large['bytes'] / large['files']:12.2f}x "
            f"{large['bytes'] / large['pixels']:13.2f}x",
            flush=True,
        )


if __name__ == "__main__":
    main()
