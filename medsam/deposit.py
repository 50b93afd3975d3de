"""Results as a folder that an archive takes and a stranger can check."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from medsam.checking import check
from medsam.errors import ResultsError
from medsam.kept import versions
from medsam.results import SCHEMA, cannot, existing, provenance

__all__ = ["deposit", "means"]

_MEANS = """
copy (
    select dataset, task, modality, model, protocol, experiment, k, choice,
           count(*) as n, count(*) filter (status = 'error') as errors,
           avg(iou) as mean_iou, median(iou) as median_iou, avg(dice) as mean_dice
    from read_parquet($files, hive_partitioning = false, union_by_name = true)
    group by all order by all
) to '{out}' (header, delimiter ',')
"""


def means(files: list[Path], out: Path) -> None:
    """Means by task, model, protocol and prompt as CSV; the rows are never all in memory.

    Parameters
    ----------
    files : list of Path
        Shards in which no unit comes twice, as a merge makes them.
    out : Path
    """
    quoted = str(out).replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute(_MEANS.format(out=quoted), {"files": [str(file) for file in files]})


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def deposit(folder: Path | str, to: Path | str) -> int:
    """Copy the shards, add ``means.csv``, ``manifest.json`` and ``SHA256SUMS``.

    The manifest names size, rows and sha256 of every file, what the rows depend on (weights,
    protocol, versions) and what each column means. ``sha256sum -c SHA256SUMS`` checks it.

    Parameters
    ----------
    folder : path
        A merged results folder.
    to : path
        A folder that is not there yet.

    Returns
    -------
    int
        Number of files of rows.

    Raises
    ------
    ResultsError
        If there are no results, a unit comes twice, ``to`` is there, or it cannot be written.
    """
    folder, to = Path(folder), Path(to)
    files = existing(folder)
    wrong = check(folder).wrong
    if wrong:
        raise ResultsError(
            f"{folder} is not fit for a deposit: {wrong[0]} Allowed: results in which "
            "`medsam results validate` finds nothing wrong."
        )
    if to.exists():
        raise ResultsError(f"{to} is there already. Allowed: a new folder. Choose another one.")
    half = to.with_name(f".{to.name}.tmp")
    try:
        shutil.rmtree(half, ignore_errors=True)
        entries = []
        for file in files:
            name = file.relative_to(folder)
            (half / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, half / name)
            entry = {"file": name.as_posix(), "bytes": file.stat().st_size}
            rows = pq.read_metadata(file).num_rows
            entries.append(entry | {"rows": rows, "sha256": _digest(half / name)})
        means(files, half / "means.csv")
        columns = {
            column.name: {key.decode(): value.decode() for key, value in column.metadata.items()}
            | {"type": str(column.type)}
            for column in SCHEMA
        }
        manifest = {
            "files": entries,
            "depends_on": provenance(folder),
            "columns": columns,
            "made_with": versions(),
        }
        text = json.dumps(manifest, indent=2, sort_keys=True)
        (half / "manifest.json").write_text(text + "\n", encoding="utf-8")
        sums = {entry["file"]: entry["sha256"] for entry in entries}
        sums |= {name: _digest(half / name) for name in ("means.csv", "manifest.json")}
        lines = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
        (half / "SHA256SUMS").write_text(lines, encoding="utf-8")
        half.rename(to)
    except OSError as error:
        shutil.rmtree(half, ignore_errors=True)
        raise cannot("write", to, error) from error
    return len(files)
