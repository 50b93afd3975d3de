"""How long NSD and HD95 of one pair of masks take: medsam, plain MONAI calls, and plain scipy.

medsam takes both from one computation of the distances, on the joint bounding box. "MONAI" calls
its two metrics on the whole image, one after the other; "scipy" takes the distance transforms of
the whole image. Before anything is timed all three must agree. IoU and Dice are there for scale.
All run on one core in this one process, in turns, so that the ratios hold on other machines;
milliseconds of CPU are of this one (the fastest of the turns).
"""

from __future__ import annotations

import argparse
import math
import os
import time
import warnings
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from medsam.metrics import TOLERANCE, dice, iou, surface_metrics
from medsam.regions import Mask

Both = tuple[float, float]
SPACING = (1.0, 0.8)


def pair(side: int, share: float) -> tuple[Mask, Mask]:
    """Two (side, side) bool: a wavy blob as wide as that share of the image, and a worse one."""
    yy, xx = np.mgrid[:side, :side] - side / 2
    angle, far = np.arctan2(yy, xx), np.hypot(yy, xx)
    radius = side * share / 2
    mask = far < radius * (0.85 + 0.15 * np.sin(5 * angle))
    other = np.hypot(yy, xx - 0.05 * radius) < radius * (0.82 + 0.15 * np.sin(5 * angle + 0.2))
    return mask, other


def ours(a: Mask, b: Mask) -> Both:
    return tuple(surface_metrics(a, b, SPACING))


def by_monai(a: Mask, b: Mask) -> Both:
    both = [torch.from_numpy(mask)[None, None] for mask in (a, b)]
    options = {"include_background": True, "spacing": list(SPACING)}
    return (
        compute_surface_dice(*both, [TOLERANCE], **options).item(),
        compute_hausdorff_distance(*both, percentile=95, **options).item(),
    )


def by_scipy(a: Mask, b: Mask) -> Both:
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (a, b)]
    maps = [ndimage.distance_transform_edt(~edge, sampling=SPACING) for edge in edges]
    both = maps[1][edges[0]], maps[0][edges[1]]
    near = sum(int((found <= TOLERANCE).sum()) for found in both)
    return near / sum(map(len, both)), max(float(np.percentile(found, 95)) for found in both)


def overlaps(a: Mask, b: Mask) -> Both:
    return iou(a, b), dice(a, b)


def agree(a: Mask, b: Mask) -> None:
    """Stop unless all measure the same."""
    wanted = ours(a, b)
    for other in (by_monai, by_scipy):
        found = other(a, b)
        if not all(math.isclose(x, y, rel_tol=1e-4) for x, y in zip(wanted, found, strict=True)):
            raise SystemExit(f"{other.__name__} gives {found}, medsam {wanted}: nothing is timed.")


def fastest(runs: dict[str, Callable[[Mask, Mask], Both]], a: Mask, b: Mask, turns: int) -> dict:
    """CPU seconds of the fastest turn of each, taken in turns."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(turns):
        for name, run in runs.items():
            start = time.process_time()
            run(a, b)
            best[name] = min(best[name], time.process_time() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 1024], metavar="PX")
    parser.add_argument(
        "--shares", type=float, nargs="+", default=[0.1, 0.4], metavar="SHARE",
        help="width of the object as a share of the image's",
    )  # fmt: skip
    parser.add_argument("--turns", type=int, default=7, help="of each (default: 7)")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    # MONAI warns of an argument that it passes itself.
    warnings.filterwarnings("ignore", message=".*always_return_as_numpy", category=FutureWarning)
    runs = {"medsam": ours, "MONAI": by_monai, "scipy": by_scipy, "IoU + Dice": overlaps}
    names = list(runs)[1:]
    print(f"{'side':>5} {'share':>6} {'medsam':>12} " + "".join(f"{n:>24}" for n in names))
    for side in chosen.sides:
        for share in chosen.shares:
            a, b = pair(side, share)
            agree(a, b)
            took = fastest(runs, a, b, chosen.turns)
            cells = [f"{took[n] * 1e3:9.2f} ms {took[n] / took['medsam']:7.2f} x" for n in names]
            print(
                f"{side:>5} {share:>6} {took['medsam'] * 1e3:9.2f} ms "
                + "".join(f"{cell:>24}" for cell in cells),
                flush=True,
            )


if __name__ == "__main__":
    main()
