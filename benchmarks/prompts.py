"""How long the prompts of one object take: medsam, scipy.ndimage, and plain loops.

Each finds the regions of a mask, orders them by area, and places the prompts of all five modes
(exact distance): the candidates for the click on each of the three largest regions, and the boxes.
Before anything is timed they must agree. All run on one core in this one process, in turns, so that
the ratios hold on other machines; milliseconds of CPU are of this one (the fastest of the turns).
"""

from __future__ import annotations

import argparse
import os
import time
from collections import deque
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
from scipy import ndimage

from medsam.prompts import MAX_REGIONS, MODES, Draw, mode_prompt, regions
from medsam.protocol import PROTOCOLS
from medsam.regions import Mask

Placed = tuple[list[list[tuple[int, int]]], list[list[int]]]
"""Candidates (x, y) of each of the largest regions; boxes of each of them, and of all."""


def blobs(side: int, count: int) -> Mask:
    """(side, side) bool of that many ellipses of unlike areas, on a grid."""
    rng = np.random.default_rng(count)
    across = int(np.ceil(np.sqrt(count)))
    cell = side / across
    yy, xx = np.mgrid[:side, :side]
    mask = np.zeros((side, side), np.bool_)
    for place in range(count):
        row, column = divmod(place, across)
        radius, flat = cell * rng.uniform(0.25, 0.45), rng.uniform(0.7, 1.2)
        at = np.s_[
            int(row * cell) : int((row + 1) * cell), int(column * cell) : int((column + 1) * cell)
        ]
        down, right = yy[at] - (row + 0.5) * cell, xx[at] - (column + 0.5) * cell
        mask[at] |= down**2 / flat + right**2 * flat < radius**2
    return mask


def ours(mask: Mask) -> None:
    """What a study asks for: the five modes, ties drawn."""
    protocol = PROTOCOLS["paper"]
    draw, parts = Draw(protocol), regions(mask, protocol)
    for mode in MODES:
        mode_prompt(mask, mode, protocol, draw, ("task", "image"), parts)


def ours_placed(mask: Mask) -> Placed:
    """The same, before ties are drawn."""
    protocol = PROTOCOLS["paper"]
    parts = regions(mask, protocol)
    largest = [parts.region(i) for i in range(min(len(parts), MAX_REGIONS))]
    points = [[(int(x), int(y)) for x, y in part.centres(protocol)] for part in largest]
    return points, [list(part.box) for part in largest] + [list(parts.box or ())]


def _by_scipy(mask: Mask, cut: bool) -> Placed:
    numbered, _ = ndimage.label(mask, np.ones((3, 3)))
    places = ndimage.find_objects(numbered)
    order = np.argsort(-np.bincount(numbered.ravel())[1:], kind="stable")
    points, boxes = [], []
    for index in order[:MAX_REGIONS]:
        rows, columns = places[index]
        boxes.append([columns.start, rows.start, columns.stop - 1, rows.stop - 1])
        top, left = (rows.start, columns.start) if cut else (0, 0)
        part = numbered[places[index]] if cut else numbered
        distance = ndimage.distance_transform_edt(np.pad(part == index + 1, 1))[1:-1, 1:-1]
        ys, xs = np.nonzero(distance == distance.max())
        points.append([(int(x) + left, int(y) + top) for x, y in zip(xs, ys, strict=True)])
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    boxes.append([int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])])
    return points, boxes


def by_scipy(mask: Mask) -> Placed:
    """scipy.ndimage: label, then the distance transform of the image a region."""
    return _by_scipy(mask, cut=False)


def by_scipy_boxes(mask: Mask) -> Placed:
    """scipy.ndimage, with the distance transform in each region's own box."""
    return _by_scipy(mask, cut=True)


def by_loops(mask: Mask) -> Placed:
    """Plain Python: flood fill, and a search outwards along the row from each pixel."""
    rows = mask.tolist()
    height, width = mask.shape
    seen = [[False] * width for _ in range(height)]
    parts: list[list[tuple[int, int]]] = []
    for y0 in range(height):
        for x0 in range(width):
            if not rows[y0][x0] or seen[y0][x0]:
                continue
            part, queue = [], deque([(x0, y0)])
            seen[y0][x0] = True
            while queue:
                x, y = queue.popleft()
                part.append((x, y))
                for v in range(max(0, y - 1), min(height, y + 2)):
                    for u in range(max(0, x - 1), min(width, x + 2)):
                        if rows[v][u] and not seen[v][u]:
                            seen[v][u] = True
                            queue.append((u, v))
            parts.append(part)
    parts.sort(key=len, reverse=True)
    points, boxes = [], []
    for part in parts[:MAX_REGIONS]:
        # Distance to the nearest background up or down, then over the columns on either side.
        column = [[0] * (height + 2) for _ in range(width + 2)]
        for x, y in sorted(part, key=lambda at: at[1]):
            column[x + 1][y + 1] = column[x + 1][y] + 1
        for x, y in sorted(part, key=lambda at: -at[1]):
            column[x + 1][y + 1] = min(column[x + 1][y + 1], column[x + 1][y + 2] + 1)
        far: dict[tuple[int, int], int] = {}
        for x, y in part:
            best, step = column[x + 1][y + 1] ** 2, 1
            while step * step < best:
                for u in (x + 1 - step, x + 1 + step):
                    best = min(best, step * step + column[u][y + 1] ** 2)
                step += 1
            far[x, y] = best
        most = max(far.values())
        ties = [at for at, value in far.items() if value == most]
        points.append(sorted(ties, key=lambda at: (at[1], at[0])))
        boxes.append(_around(part))
    return points, [*boxes, _around([at for part in parts for at in part])]


def _around(pixels: list[tuple[int, int]]) -> list[int]:
    xs, ys = [x for x, _ in pixels], [y for _, y in pixels]
    return [min(xs), min(ys), max(xs), max(ys)]


def agree(mask: Mask, others: list[Callable[[Mask], Placed]]) -> None:
    """Stop unless all place the same prompts."""
    wanted = ours_placed(mask)
    for other in others:
        # scipy's distances are roots in double precision, equal for equal squares.
        if other(mask) != wanted:
            raise SystemExit(
                f"{other.__name__} places other prompts than medsam: nothing is timed."
            )


def fastest(runs: dict[str, Callable[[Mask], object]], mask: Mask, turns: int) -> dict[str, float]:
    """CPU seconds of the fastest turn of each, taken in turns."""
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(turns):
        for name, run in runs.items():
            if name == "loops" and turn:
                continue
            start = time.process_time()
            run(mask)
            best[name] = min(best[name], time.process_time() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 512, 1024], metavar="PX")
    parser.add_argument("--regions", type=int, nargs="+", default=[1, 10, 50], metavar="N")
    parser.add_argument("--turns", type=int, default=7, help="of each but the loops (default: 7)")
    parser.add_argument(
        "--loops-to", type=int, default=512, metavar="PX", help="largest side for the loops"
    )
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    names = ("scipy", "scipy in boxes", "loops")
    print(f"{'side':>5} {'regions':>7} {'medsam':>10} " + "".join(f"{n:>26}" for n in names))
    for side in chosen.sides:
        for count in chosen.regions:
            mask = blobs(side, count)
            others: dict[str, Callable[[Mask], Placed]] = {
                "scipy": by_scipy,
                "scipy in boxes": by_scipy_boxes,
            }
            if side <= chosen.loops_to:
                others["loops"] = by_loops
            agree(mask, list(others.values()))
            took = fastest({"medsam": ours, **others}, mask, chosen.turns)
            cells = [
                f"{took[n] * 1e3:13.1f} ms {took[n] / took['medsam']:7.1f} x" if n in took else "-"
                for n in names
            ]
            print(
                f"{side:>5} {len(regions(mask)):>7} {took['medsam'] * 1e3:7.2f} ms "
                + "".join(f"{cell:>26}" for cell in cells),
                flush=True,
            )


if __name__ == "__main__":
    main()
