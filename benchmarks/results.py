"""Ten million rows: how long the table of means takes, and how much memory.

Rows of the real schema are generated into ``model=M/task=T/rows-*.parquet`` of a temporary folder.
Each way runs in a process of its own: DuckDB on the files (means as in a deposit; the tables of
``medsam summary``; one CSV file of all rows, sorted), and, on a tenth of the rows, pandas on all
rows in memory as :func:`medsam.results.rows.read` gives them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from medsam.protocol import PROTOCOLS
from medsam.results.rows import SCHEMA, shards, write
from medsam.results.store import Identity

WAYS = {
    "duckdb": "from medsam.results.export import write_means; "
    "write_means(shards(folder), folder / 'means.csv')",
    "summary": "from medsam.results.summary import tables; list(tables(folder))",
    "export": "from medsam.results.export import export; export(folder, folder / 'rows.csv')",
    "pandas": "from medsam.results.rows import read; read(folder).groupby("
    "['task', 'model', 'protocol', 'experiment', 'k', 'choice'])['iou'].agg(['mean', 'median'])",
}
TIMED = """
import resource, sys, time
from pathlib import Path
from medsam.results.rows import shards
folder, start = Path(sys.argv[1]), time.perf_counter()
{way}
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def fill(folder: Path, rows: int, files: int, seed: int = 0) -> None:
    """Generate rows: models x tasks, 28 prompts an image (14 kinds, top and oracle)."""
    draw = np.random.default_rng(seed)
    prompts = [("mode", k) for k in range(1, 6)] + [("clicks", k) for k in range(1, 10)]
    kinds = [(*prompt, choice) for prompt in prompts for choice in ("top", "oracle")]
    images = rows // files // len(kinds)
    for number in range(files):
        model, task = f"model-{number % 4}", f"task-{number // 4:02d}"
        names = [f"patient-{i:06d}/slice-042" for i in range(images)]
        n = images * len(kinds)
        iou = draw.beta(2, 1, n)
        columns = {
            "dataset": ["d"] * n,
            "task": [task] * n,
            "image": np.repeat(names, len(kinds)),
            "group": np.repeat([name[:14] for name in names], len(kinds)),
            "modality": ["MRI"] * n,
            "model": [model] * n,
            "protocol": ["paper"] * n,
            "experiment": [kind[0] for kind in kinds] * images,
            "k": np.array([kind[1] for kind in kinds] * images, np.int16),
            "choice": [kind[2] for kind in kinds] * images,
            "iou": iou,
            "dice": 2 * iou / (1 + iou),
            "score": draw.random(n),
            "status": ["ok"] * n,
            "digest": ["d"] * n,
        }
        missing = {f.name: pa.nulls(n, f.type) for f in SCHEMA if f.name not in columns}
        table = pa.table({**columns, **missing}).select(SCHEMA.names).cast(SCHEMA)
        of = {"mode": {}, "clicks": {}}
        who = Identity("d", model, PROTOCOLS["paper"].as_dict(), {"sha256": "0"}, 1, of)
        about = {"identity": who.as_dict(), "versions": {}, "state": {}}
        place = folder / f"model={model}" / f"task={task}" / f"rows-{number:06d}.parquet"
        write(place, table, about)


def measured(way: str, folder: Path) -> tuple[float, float]:
    """Seconds and peak MiB of one way in a process of its own."""
    command = [sys.executable, "-c", TIMED.format(way=WAYS[way]), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, mib = map(float, done.stdout.split())
    return seconds, mib


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--files", type=int, default=112, help="4 models x 28 tasks by default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        tenth, whole = Path(made, "tenth"), Path(made, "whole")
        fill(tenth, given.rows // 10, given.files)
        fill(whole, given.rows, given.files)
        size = sum(file.stat().st_size for file in shards(whole)) / 1e6
        print(f"{given.rows} rows in {given.files} files, {size:.0f} MB")
        runs = {
            "duckdb, all rows": measured("duckdb", whole),
            "summary, all rows": measured("summary", whole),
            "export, all rows": measured("export", whole),
            "duckdb, a tenth": measured("duckdb", tenth),
            "pandas, a tenth": measured("pandas", tenth),
        }
        for name, (seconds, mib) in runs.items():
            print(f"{name:18} {seconds:7.1f} s {mib:7.0f} MiB")
        ratio = runs["pandas, a tenth"][0] / runs["duckdb, a tenth"][0]
        print(f"pandas / duckdb on the same rows: {ratio:.1f} x the time")


if __name__ == "__main__":
    main()
