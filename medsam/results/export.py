"""All rows of a results folder in one file, with a manifest for who gets it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medsam.errors import ResultsError, UnknownName
from medsam.files import sha256
from medsam.results import query
from medsam.results.check import MANIFEST, check
from medsam.results.query import connected, quoted
from medsam.results.rows import (
    ORDER,
    SCHEMA,
    cannot,
    existing,
    identity_digest,
    one_tolerance,
    provenance,
    told,
    told_at,
    versions,
)

__all__ = [
    "LICENCES",
    "MEANS",
    "columns",
    "deposit",
    "export",
    "licence_text",
    "manifest",
    "means",
    "package",
    "readme",
    "schema",
    "tell",
]


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


# A deposit in words and for machines: README, LICENSE and a Frictionless Data Package.


LICENCES = {
    "CC-BY-4.0": (
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/legalcode",
    ),
    "CC0-1.0": (
        "Creative Commons Zero v1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
    ),
}
"""By SPDX name: what a deposit may be under, and where the text is."""

MEANS: dict[str, tuple[str, str]] = {
    "n": ("integer", "rows of the group: cases"),
    "errors": ("integer", "of these, cases that could not be read"),
    "mean_iou": ("number", "mean of iou over the rows that have one"),
    "median_iou": ("number", "median of iou over the rows that have one"),
    "mean_dice": ("number", "mean of dice over the rows that have one"),
}
"""Columns of ``means.csv`` after those that name a group: type and meaning."""

_TITLE = "Results of medsam: promptable segmentation of medical images"


def _field(column: pa.Field) -> dict[str, Any]:
    told = {key.decode(): value.decode() for key, value in (column.metadata or {}).items()}
    kind = "integer" if pa.types.is_integer(column.type) else "number"
    field: dict[str, Any] = {
        "name": column.name,
        "type": "string" if pa.types.is_string(column.type) else kind,
        "description": told["meaning"],
    }
    field |= {name: told[name] for name in ("unit",) if name in told}
    return field if column.nullable else field | {"constraints": {"required": True}}


def schema() -> dict[str, Any]:
    """Table Schema of the rows: each column with type, meaning and unit."""
    return {"fields": [_field(column) for column in SCHEMA], "missingValues": [""]}


def _means_schema(groups: Sequence[str]) -> dict[str, Any]:
    fields = [_field(SCHEMA.field(name)) for name in groups]
    fields += [{"name": n, "type": t, "description": words} for n, (t, words) in MEANS.items()]
    return {"fields": fields, "missingValues": [""]}


def _known(licence: str) -> tuple[str, str]:
    if licence not in LICENCES:
        raise UnknownName("licence", licence, LICENCES)
    return LICENCES[licence]


def licence_text(licence: str) -> str:
    """What ``LICENSE`` says.

    Raises
    ------
    UnknownName
        If it is none of :data:`LICENCES`.
    """
    title, url = _known(licence)
    return (
        f"{title} ({licence})\n{url}\n\n"
        "The tables of this deposit are under this licence. They hold no image and no mask.\n"
        "The datasets and the weights of the models that they were computed from are not part\n"
        "of it and have licences of their own; datapackage.json names them under `sources`.\n"
    )


def _sources(depends_on: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Each dataset and each model's weights once, with what is known of them."""
    from medsam.datasets.catalog import catalog

    found: dict[str, dict[str, str]] = {}
    for about in depends_on:
        identity = about["identity"]
        key, model = identity["dataset"], identity["model"]
        known = catalog().get(key)
        told = {"title": f"Dataset {known.title if known else key}"}
        if known:
            told |= {"path": known.home[0].url, "licence": known.licence_words}
        found[f"dataset {key}"] = told
        weights = "; ".join(f"{name}: {value}" for name, value in identity["weights"].items())
        found[f"model {model}"] = {"title": f"Model {model}", "weights": weights}
    return list(found.values())


def package(
    name: str,
    entries: Sequence[Mapping[str, Any]],
    means: Mapping[str, Any],
    groups: Sequence[str],
    depends_on: Sequence[Mapping[str, Any]],
    licence: str,
) -> dict[str, Any]:
    """What ``datapackage.json`` holds.

    Parameters
    ----------
    name : str
        Of the deposit's folder.
    entries : sequence of mapping
        Of each file of rows: ``file, bytes, rows, sha256``.
    means : mapping
        The same of ``means.csv``.
    groups : sequence of str
        Its columns that name a group.
    depends_on : sequence of mapping
        As :func:`medsam.results.rows.provenance` gives it.
    licence : str
        One of :data:`LICENCES`.

    Raises
    ------
    UnknownName
        If there is no such licence.
    """
    title, url = _known(licence)
    resources = [
        {
            "profile": "data-resource",
            "name": entry["file"].rpartition("/")[2].removesuffix(".parquet"),
            "path": entry["file"],
            "format": "parquet",
            "mediatype": "application/vnd.apache.parquet",
            "bytes": entry["bytes"],
            "hash": f"sha256:{entry['sha256']}",
            # One file for all of them: a path within the package.
            "schema": "schema.json",
        }
        for entry in entries
    ]
    table = {
        "profile": "tabular-data-resource",
        "name": "means",
        "path": means["file"],
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": means["bytes"],
        "hash": f"sha256:{means['sha256']}",
        "schema": _means_schema(groups),
    }
    return {
        "profile": "data-package",
        "name": "".join(c if c.isalnum() and c.isascii() else "-" for c in name.lower()),
        "title": _TITLE,
        "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "licenses": [{"name": licence, "title": title, "path": url}],
        "sources": _sources(depends_on),
        "resources": [*resources, table],
    }


def readme(told: Mapping[str, Any]) -> str:
    """What ``README.md`` says, from the package that :func:`package` made."""
    rows = [one for one in told["resources"] if one["format"] == "parquet"]
    columns = "\n".join(
        f"| `{f['name']}` | {f['type']} | {f.get('unit', '')} | {_cell(f['description'])} |"
        for f in schema()["fields"]
    )
    sources = "\n".join(
        "- " + "; ".join(value for key, value in one.items()) for one in told["sources"]
    )
    licence = told["licenses"][0]
    return f"""# {told["title"]}

One row for each image, task, prompt and choice of mask; {len(rows)} Parquet files by model and
task. The columns `model` and `task` are in the files, too.

| file | what it holds |
|---|---|
| `model=*/task=*/rows-*.parquet` | the rows |
| `means.csv` | means by task, model, protocol and prompt |
| `datapackage.json`, `schema.json` | this deposit and its columns for machines (Frictionless) |
| `manifest.json` | of each file size, rows and sha256; weights, protocol and versions |
| `SHA256SUMS` | `sha256sum -c SHA256SUMS` checks every file |
| `LICENSE` | {licence["title"]} |

With DuckDB: `select * from read_parquet('model=*/task=*/*.parquet', hive_partitioning = false)`.
With medsam: `medsam summary .` and `medsam results validate .`

## Columns

| name | type | unit | meaning |
|---|---|---|---|
{columns}

## Sources

{sources}
"""


def _cell(words: str) -> str:
    return words.replace("|", "or")


# Results as a folder that an archive takes and a stranger can check.


_GROUPS = ("dataset", "task", "modality", "model", "protocol", "experiment", "k", "choice")


def means(files: Sequence[Path], out: Path) -> None:
    """Means by task, model, protocol and prompt as CSV; the rows are never all in memory.

    Parameters
    ----------
    files : sequence of Path
        Shards, in the order of writing.
    out : Path
    """
    with query.connected(files) as connection:
        table = query.means(connection, median=True)
    names = {"iou": "mean_iou", "dice": "mean_dice"}
    table = table.rename(columns=names).astype({"k": "Int16"})
    table.to_csv(out, index=False, columns=[*_GROUPS, *MEANS])


def _entry(file: Path, name: str) -> dict[str, Any]:
    return {"file": name, "bytes": file.stat().st_size, "sha256": sha256(file)}


def deposit(folder: Path | str, to: Path | str, licence: str = "CC-BY-4.0") -> int:
    """Copy the shards; add means, a manifest, a data package, a README, a licence and checksums.

    ``manifest.json`` names size, rows and sha256 of every file of rows, what the rows depend on
    (weights, protocol, versions) and what each column means; ``datapackage.json`` and
    ``schema.json`` say it as a Frictionless Data Package. ``sha256sum -c SHA256SUMS`` checks all
    files, and ``medsam results validate`` checks a deposit like any results folder.

    Parameters
    ----------
    folder : path
        A merged results folder.
    to : path
        A folder that is not there yet.
    licence : str
        One of :data:`medsam.results.export.LICENCES`.

    Returns
    -------
    int
        Number of files of rows.

    Raises
    ------
    ResultsError
        If there are no results, something is wrong with them, ``to`` is there, or it cannot be
        written.
    UnknownName
        If there is no such licence.
    """
    folder, to = Path(folder), Path(to)
    text = licence_text(licence)
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
        entries = [_copied(file, folder, half) for file in files]
        means(files, half / "means.csv")
        table = _entry(half / "means.csv", "means.csv")
        told_of = package(to.name, entries, table, _GROUPS, provenance(folder), licence)
        words = {
            "LICENSE": text,
            "README.md": readme(told_of),
            "datapackage.json": json.dumps(told_of, indent=2) + "\n",
            MANIFEST: manifest(folder, entries),
            "schema.json": json.dumps(schema(), indent=2) + "\n",
        }
        for name, content in words.items():
            (half / name).write_text(content, encoding="utf-8")
        sums = {entry["file"]: entry["sha256"] for entry in [*entries, table]}
        sums |= {name: sha256(half / name) for name in words}
        lines = "".join(f"{value}  {name}\n" for name, value in sums.items())
        (half / "SHA256SUMS").write_text(lines, encoding="utf-8")
        half.rename(to)
    except OSError as error:
        shutil.rmtree(half, ignore_errors=True)
        raise cannot("write", to, error) from error
    return len(files)


def _copied(file: Path, folder: Path, half: Path) -> dict[str, Any]:
    """Copy a shard to its place; returns what the manifest says of it."""
    name = file.relative_to(folder).as_posix()
    (half / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, half / name)
    about = {"rows": pq.read_metadata(file).num_rows}
    return _entry(half / name, name) | about | {"identity": identity_digest(told(file))}
