"""All rows of a results folder in one file, with a manifest for who gets it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from medsam.errors import ResultsError, UnknownName
from medsam.hashes import sha256
from medsam.kept import versions
from medsam.query import connected, quoted
from medsam.results import ORDER, SCHEMA, cannot, existing, one_tolerance, provenance, told_at

__all__ = ["columns", "export", "manifest", "tell"]

_AT_ONCE = 100_000
"""Rows that are in memory when a Parquet file is written."""


def export(
    folder: Path | str,
    file: Path | str,
    *,
    tasks: Sequence[str] = (),
    models: Sequence[str] = (),
    protocols: Sequence[str] = (),
) -> int:
    """Write rows into one CSV or Parquet file, whole or not at all, sorted.

    The rows are never all in memory. A Parquet file keeps what the schema says of each column:
    meaning, unit, tolerance.

    Parameters
    ----------
    folder : path
        Results folder.
    file : path
        Ends in ``.csv`` or ``.parquet``.
    tasks, models, protocols : sequence of str
        Only these; all where there is none.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    ResultsError
        If there are no rows, the suffix is another one, or the file cannot be written.
    UnknownName
        If there are no rows of a task, model or protocol that is named.
    """
    path = Path(file)
    if path.suffix not in (".csv", ".parquet"):
        raise ResultsError(
            f"Cannot export to {path.name!r}. Allowed: a file ending in .csv or .parquet. "
            "Name it so."
        )
    files = existing(Path(folder))
    temporary = path.with_name(f".{path.name}.tmp")
    wanted = {"task": tasks, "model": models, "protocol": protocols}
    try:
        # Before the rows are sorted: a folder that is not there is told at once.
        temporary.touch()
        with connected(files) as connection:
            where = " and ".join(_only(connection, *one) for one in wanted.items() if one[1])
            rows = f"from rows where {where or 'true'} order by " + ", ".join(
                f"{name} nulls last" for name in ORDER
            )
            if path.suffix == ".csv":
                copy = f"copy (select * {rows}) to {quoted(str(temporary))} (format csv, header)"
                (count,) = connection.execute(copy).fetchone() or (0,)
            else:
                batches = connection.sql(f"select * {rows}").to_arrow_reader(_AT_ONCE)
                count = _parquet(temporary, batches, one_tolerance(files))
        temporary.replace(path)
    except OSError as error:
        raise cannot("write", path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return int(count)


def _only(connection: Any, column: str, names: Sequence[str]) -> str:
    """SQL for the rows of some tasks (or models, protocols), all of which must be there."""
    there = [
        str(one) for (one,) in connection.execute(f"select distinct {column} from rows").fetchall()
    ]
    for name in names:
        if name not in there:
            raise UnknownName(column, name, sorted(there))
    return f"{column} in ({', '.join(map(quoted, names))})"


def _parquet(path: Path, batches: Any, mm: float | None) -> int:
    """Not by DuckDB, whose Parquet files tell nothing of a column."""
    count, schema = 0, told_at(mm)
    with pq.ParquetWriter(path, schema, compression="zstd") as into:
        for batch in batches:
            into.write_batch(batch.cast(schema))
            count += batch.num_rows
    return count


def columns() -> dict[str, dict[str, str]]:
    """What each column means, its unit where it has one, and its type."""
    return {
        column.name: {key.decode(): value.decode() for key, value in column.metadata.items()}
        | {"type": str(column.type)}
        for column in SCHEMA
    }


def tell(folder: Path | str, file: Path | str, rows: int, **chosen: Sequence[str]) -> Path:
    """Write ``FILE.manifest.json`` beside a file that :func:`export` wrote.

    Parameters
    ----------
    folder, file, rows
        As :func:`export` took and gave them.
    **chosen
        What it was asked for.

    Returns
    -------
    Path
        Of the manifest.

    Raises
    ------
    ResultsError
        If it cannot be written.
    """
    file = Path(file)
    entry = {"file": file.name, "bytes": file.stat().st_size, "rows": rows, "sha256": sha256(file)}
    only = {name: list(names) for name, names in chosen.items() if names}
    path = file.with_name(f"{file.name}.manifest.json")
    try:
        path.write_text(manifest(folder, [entry | {"only": only}]), encoding="utf-8")
    except OSError as error:
        raise cannot("write", path, error) from error
    return path


def manifest(folder: Path | str, entries: Sequence[dict[str, Any]]) -> str:
    """JSON that tells of files with rows of a results folder: what they are and depend on.

    Parameters
    ----------
    folder : path
        Results folder.
    entries : sequence of dict
        Of each file: ``file`` (its name), ``bytes, rows, sha256``, and what else there is to say.
    """
    content = {
        "files": list(entries),
        "depends_on": provenance(folder),
        "columns": columns(),
        "made_with": versions(),
    }
    return json.dumps(content, indent=2, sort_keys=True) + "\n"
