"""Results for others: all rows in one file, or a folder that an archive takes.

A deposit is a Frictionless Data Package, whose words are in ``deposit.yaml``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from medsam.datasets.catalog import catalog
from medsam.errors import ResultsError, UnknownName
from medsam.files import atomic, sha256
from medsam.results import rows as results
from medsam.results.check import MANIFEST, check
from medsam.results.summary import GROUPS, means

_AT_ONCE = 100_000  # rows in memory when a Parquet file is written


def export(
    folder: Path | str,
    file: Path | str,
    *,
    tasks: Sequence[str] = (),
    models: Sequence[str] = (),
    protocols: Sequence[str] = (),
) -> int:
    """Write rows into one CSV or Parquet file, whole or not at all, sorted.

    The rows are never all in memory. A Parquet file keeps the masks, and what the schema says of
    each column: meaning, unit, tolerance.

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
    files = results.existing(Path(folder))
    chosen = {"task": tasks, "model": models, "protocol": protocols}
    try:
        with atomic(path) as temporary:
            # Before the rows are sorted: a folder that is not there is noticed at once.
            temporary.touch()
            with results.query(files) as connection:
                rows = connection.table("rows")
                for column, names in chosen.items():
                    rows = _only(rows, column, names)
                rows = rows.order(", ".join(f"{name} nulls last" for name in results.ORDER))
                if path.suffix == ".csv":
                    rows = rows.select(
                        *(name for name in results.COLUMNS if name not in results.MASKS)
                    )
                    rows.write_csv(str(temporary))
                    return len(rows)
                mm = results.one_tolerance(map(results.read_metadata, files))
                return _write_parquet(temporary, rows, results.schema_at(mm))
    except OSError as error:
        raise results.cannot("write", path, error) from error


def _only(
    rows: duckdb.DuckDBPyRelation, column: str, names: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    """Rows of some tasks (or models, protocols), all of which must be there."""
    if not names:
        return rows
    there = [str(one) for (one,) in rows.unique(column).fetchall()]
    for name in names:
        if name not in there:
            raise UnknownName(column, name, there)
    wanted = [duckdb.ConstantExpression(name) for name in names]
    return rows.filter(duckdb.ColumnExpression(column).isin(*wanted))


def _write_parquet(path: Path, rows: duckdb.DuckDBPyRelation, schema: pa.Schema) -> int:
    """Not by DuckDB, whose Parquet files say nothing of a column."""
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as into:
        for batch in rows.to_arrow_reader(_AT_ONCE):
            into.write_batch(batch.cast(schema))
            count += batch.num_rows
    return count


def _columns() -> dict[str, dict[str, str]]:
    """What each column means, its unit where it has one, and its type."""
    return {
        column.name: {key.decode(): value.decode() for key, value in column.metadata.items()}
        | {"type": str(column.type)}
        for column in results.SCHEMA
    }


def write_manifest(
    folder: Path | str, path: Path | str, entries: Sequence[Mapping[str, Any]]
) -> None:
    """Write as JSON what files with rows of a results folder are and depend on.

    Parameters
    ----------
    folder : path
        Results folder.
    path : path
        Of the manifest.
    entries : sequence of mapping
        Of each file: ``file`` (its name), ``bytes, rows, sha256``, and what else there is to say.

    Raises
    ------
    ResultsError
        If it cannot be written.
    """
    content = {
        "files": list(entries),
        "depends_on": results.provenance(folder),
        "columns": _columns(),
        "made_with": results.versions(),
    }
    try:
        with atomic(Path(path)) as temporary:
            temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", "utf-8")
    except OSError as error:
        raise results.cannot("write", Path(path), error) from error


def file_entry(file: Path, name: str, **more: Any) -> dict[str, Any]:
    """What a manifest says of a file: name, bytes, sha256, and more."""
    return {"file": name, "bytes": file.stat().st_size, "sha256": sha256(file)} | more


# A deposit.


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        Path(__file__).with_name("deposit.yaml").read_text("utf-8")
    )
    return found


def _field(column: pa.Field) -> dict[str, Any]:
    """A column as Table Schema has it."""
    about = _columns()[column.name]
    kind = "integer" if pa.types.is_integer(column.type) else "number"
    field: dict[str, Any] = {
        "name": column.name,
        "type": "string" if pa.types.is_string(column.type) else kind,
        "description": about["meaning"],
    }
    field |= {"unit": about["unit"]} if "unit" in about else {}
    return field if column.nullable else field | {"constraints": {"required": True}}


def _table_schema(fields: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"fields": list(fields), "missingValues": [""]}


def _sources(folder: Path) -> list[dict[str, str]]:
    """Each dataset and each model's weights once, with what is known of them."""
    found: dict[str, dict[str, str]] = {}
    for identity in (about["identity"] for about in results.provenance(folder)):
        key, model = identity["dataset"], identity["model"]
        known = catalog().get(key)
        source = {"title": f"Dataset {known.title if known else key}"}
        if known:
            source |= {"path": known.home[0].url, "licence": known.licence_words}
        weights = "; ".join(f"{name}: {value}" for name, value in identity["weights"].items())
        found[f"dataset {key}"] = source
        found[f"model {model}"] = {"title": f"Model {model}", "weights": weights}
    return list(found.values())


def _package(
    name: str, entries: Sequence[Mapping[str, Any]], folder: Path, licence: str
) -> dict[str, Any]:
    """What ``datapackage.json`` holds; the last entry is that of the means."""
    resources = []
    for entry in entries:
        kind = Path(entry["file"]).suffix.removeprefix(".")
        resource = {
            "name": Path(entry["file"]).stem,
            "path": entry["file"],
            "bytes": entry["bytes"],
            "hash": f"sha256:{entry['sha256']}",
        } | _words()["resources"][kind]
        if kind == "csv":
            fields = [*(_field(results.SCHEMA.field(name)) for name in GROUPS), *_words()["means"]]
            resource["schema"] = _table_schema(fields)
        resources.append(resource)
    return {
        "profile": "data-package",
        "name": "".join(c if c.isalnum() and c.isascii() else "-" for c in name.lower()),
        "title": _words()["title"],
        "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "licenses": [{"name": licence} | _words()["licences"][licence]],
        "sources": _sources(folder),
        "resources": resources,
    }


def _readme(package: Mapping[str, Any]) -> str:
    columns = [
        (f"`{f['name']}`", f["type"], f.get("unit", ""), f["description"].replace("|", "or"))
        for f in map(_field, results.SCHEMA)
    ]
    words: str = _words()["readme"]
    return words.format(
        title=package["title"],
        files=sum(one["format"] == "parquet" for one in package["resources"]),
        licence=package["licenses"][0]["title"],
        columns="\n".join(f"| {' | '.join(cells)} |" for cells in columns),
        sources="\n".join("- " + "; ".join(one.values()) for one in package["sources"]),
    )


def write_means(files: Sequence[Path], out: Path) -> None:
    """Write means by task, model, protocol and prompt as CSV; rows are never all in memory.

    Parameters
    ----------
    files : sequence of Path
        Shards, in the order of writing.
    out : Path
    """
    with results.query(files) as connection:
        table = means(connection, median=True)
    table = table.rename(columns={"iou": "mean_iou", "dice": "mean_dice"}).astype({"k": "Int16"})
    columns = [*GROUPS, *(column["name"] for column in _words()["means"])]
    table.to_csv(out, index=False, columns=columns)


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
        CC-BY-4.0 or CC0-1.0.

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
    if licence not in _words()["licences"]:
        raise UnknownName("licence", licence, _words()["licences"])
    files = results.existing(folder)
    wrong = check(folder).wrong
    if wrong:
        raise ResultsError(
            f"{folder} is not fit for a deposit: {wrong[0]} Allowed: results in which "
            "`medsam results validate` finds nothing wrong."
        )
    if to.exists():
        raise ResultsError(f"{to} is there already. Allowed: a new folder. Choose another one.")
    partial = to.with_name(f".{to.name}.tmp")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        entries = [_copied(file, folder, partial) for file in files]
        write_means(files, partial / "means.csv")
        write_manifest(folder, partial / MANIFEST, entries)
        entries.append(file_entry(partial / "means.csv", "means.csv"))
        package = _package(to.name, entries, folder, licence)
        words = {
            "LICENSE": _words()["licence"].format(**package["licenses"][0]),
            "README.md": _readme(package),
            "datapackage.json": json.dumps(package, indent=2) + "\n",
            "schema.json": json.dumps(_table_schema(list(map(_field, results.SCHEMA))), indent=2)
            + "\n",
        }
        for name, content in words.items():
            (partial / name).write_text(content, encoding="utf-8")
        sums = {entry["file"]: entry["sha256"] for entry in entries}
        sums |= {name: sha256(partial / name) for name in (*words, MANIFEST)}
        lines = "".join(f"{value}  {name}\n" for name, value in sums.items())
        (partial / "SHA256SUMS").write_text(lines, encoding="utf-8")
        partial.rename(to)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise results.cannot("write", to, error) from error
    return len(files)


def _copied(file: Path, folder: Path, partial: Path) -> dict[str, Any]:
    """Copy a shard to its place; returns what the manifest says of it."""
    name = file.relative_to(folder).as_posix()
    (partial / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, partial / name)
    rows, identity = (
        pq.read_metadata(file).num_rows,
        results.identity_digest(results.read_metadata(file)),
    )
    return file_entry(partial / name, name, rows=rows, identity=identity)
