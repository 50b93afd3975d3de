"""A measurement by hand: costs of powers of ten, two turns on two images."""

from benchmarks.report.scaling import MODELS

COSTS = {
    "start": 1.0, "load": 2.0, "open": 3.0, "read": 0.5, "encode": 4.0, "simulate": 0.01,
    "decode": 0.1, "metrics": 0.02, "write": 0.25, "merge": 0.125,
}  # fmt: skip
"""13.98 s for 2 images of 1 object, without merge and once: 2 x 4.75 + 46 x 0.13 = 15.48."""

WALLS = {"half": 14.0, "whole": 22.0, "halves": 16.0}
CPUS = {"half": 13.0, "whole": 20.0, "halves": 32.0}


def content(**changes):
    """What the benchmark writes, with turn 2 twice as slow."""
    runs = [
        {
            "turn": turn, "way": way, "images": 1 if way == "half" else 2,
            "objects": 1 if way == "half" else 2, "processes": 2 if way == "halves" else 1,
            "wall": turn * WALLS[way], "cpu": CPUS[way], "share": 0.5 * turn, "merge": 0.1,
            "load": 1.5 * turn,
        }
        for turn in (1, 2)
        for way in WALLS
    ]  # fmt: skip
    return {
        "made": "2024-01-01",
        "command": "python benchmarks/scaling.py --write",
        "versions": {"machine": "Linux x86_64, 2 cores"},
        "every": 44,
        "probed": 2,
        "larger": 3,
        "stages": {name: dict(COSTS) for name in MODELS},
        "runs": runs,
    } | changes
