"""Results for others: all rows in one file, or a folder that an archive takes.

Both have a Frictionless Data Package, whose words are in ``deposit.yaml``: what each file and
column is, with sha256, and what the rows depend on.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
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
from medsam.results.check import PACKAGE, check
from medsam.results.summary import GROUPS, means

_AT_ONCE = 100_000  # rows in memory when a Parquet file is written
_WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("deposit.yaml").read_text("utf-8"))


def export(
    folder: Path | str, file: Path | str, only: Mapping[str, Sequence[str]] | None = None
) -> int:
    """Write rows into one CSV or Parquet file, sorted, and a data package beside it.

    The file is written whole or not at all, and the rows are never all in memory. A Parquet file
    keeps the masks, and what the schema says of each column: meaning, unit, tolerance.

    Parameters
    ----------
    folder : path
        Results folder.
    file : path
        Ends in ``.csv`` or ``.parquet``; the data package is ``FILE.datapackage.json``.
    only : mapping of str to sequence of str, optional
        Of a column, such as ``task``, the values that are wanted; all where there is none.

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
    folder, path = Path(folder), Path(file)
    if path.suffix not in _WORDS["resources"]:
        raise ResultsError(
            f"Cannot export to {path.name!r}. Allowed: a file ending in .csv or .parquet. "
            "Name it so."
        )
    files = results.existing(folder)
    only = {column: list(names) for column, names in (only or {}).items() if names}
    fields = [f for f in results.SCHEMA if path.suffix != ".csv" or f.name not in results.MASKS]
    try:
        with atomic(path) as temporary:
            # Before the rows are sorted: a folder that is not there is noticed at once.
            temporary.touch()
            with results.query(files) as connection:
                rows = connection.table("rows")
                for column, names in only.items():
                    rows = _only(rows, column, names)
                rows = rows.order(results.SORTED).select(*(one.name for one in fields))
                if path.suffix == ".csv":
                    rows.write_csv(str(temporary))
                else:
                    _write_parquet(temporary, rows)
                count = len(rows)
        about = _resource(path.parent, path.name, _table_schema(map(_field, fields)))
        package = _package(path.stem, folder, [about | {"rows": count, "only": only}])
        path.with_name(f"{path.name}.{PACKAGE}").write_text(_json(package), encoding="utf-8")
    except OSError as error:
        raise results.cannot("write", path, error) from error
    return count


def _only(
    rows: duckdb.DuckDBPyRelation, column: str, names: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    """Rows of some tasks (or models, protocols), all of which must be there."""
    there = [str(one) for (one,) in rows.unique(column).fetchall()]
    for name in names:
        if name not in there:
            raise UnknownName(column, name, there)
    wanted = [duckdb.ConstantExpression(name) for name in names]
    return rows.filter(duckdb.ColumnExpression(column).isin(*wanted))


def _write_parquet(path: Path, rows: duckdb.DuckDBPyRelation) -> None:
    """Not by DuckDB, whose Parquet files say nothing of a column."""
    options = {"compression": "zstd", "write_page_checksum": True}
    with pq.ParquetWriter(path, results.SCHEMA, **options) as into:
        for batch in rows.to_arrow_reader(_AT_ONCE):
            into.write_batch(batch.cast(results.SCHEMA))


# What a data package says.


def _json(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"


def _name(words: str) -> str:
    """A name as data packages have it."""
    return re.sub(r"[^a-z0-9._-]", "-", words.lower())


def _field(column: pa.Field) -> dict[str, Any]:
    """A column as Table Schema has it, with its unit and tolerance."""
    about = {key.decode(): value.decode() for key, value in column.metadata.items()}
    kind = "integer" if pa.types.is_integer(column.type) else "number"
    kind = "string" if pa.types.is_string(column.type) else kind
    field = {"name": column.name, "type": kind, "description": about.pop("meaning")} | about
    return field if column.nullable else field | {"constraints": {"required": True}}


def _table_schema(fields: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"fields": list(fields), "missingValues": [""]}


def _resource(folder: Path, name: str, schema: Any) -> dict[str, Any]:
    """A file, with the schema of its columns or the path of one."""
    file = folder / name
    return {
        "name": _name(file.stem),
        "path": name,
        "bytes": file.stat().st_size,
        "hash": f"sha256:{sha256(file)}",
        "schema": schema,
        **_WORDS["resources"][file.suffix],
    }


def _package(name: str, folder: Path, resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A data package of files with rows of a results folder."""
    return {
        "profile": "data-package",
        "name": _name(name),
        "title": _WORDS["title"],
        "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "sources": _sources(folder),
        "resources": resources,
        "depends_on": results.provenance(folder),
        "made_with": results.versions(),
    }


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


# A deposit.


def _readme(package: Mapping[str, Any]) -> str:
    columns = [
        f"| `{f['name']}` | {f['type']} | {f.get('unit', '')} | {f['description']} |"
        for f in map(_field, results.SCHEMA)
    ]
    words: str = _WORDS["readme"]
    return words.format(
        title=package["title"],
        files=len(package["resources"]) - 1,
        licence=package["licenses"][0]["title"],
        columns="\n".join(columns),
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
    columns = [*GROUPS, *(column["name"] for column in _WORDS["means"])]
    table.to_csv(out, index=False, columns=columns)


def deposit(folder: Path | str, to: Path | str, licence: str = "CC-BY-4.0") -> int:
    """Copy the shards; add means, a data package, a README and a licence.

    ``datapackage.json`` names bytes and sha256 of every file of rows and what they depend on
    (weights, protocol, versions), ``schema.json`` what each column means. ``medsam results
    validate`` checks a deposit like any results folder, and that its files are those it names.

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
    if licence not in _WORDS["licences"]:
        raise UnknownName("licence", licence, _WORDS["licences"])
    names = [file.relative_to(folder) for file in results.existing(folder)]
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
        for name in names:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, partial / name)
        write_means([partial / name for name in names], partial / "means.csv")
        of_means = [*(_field(results.SCHEMA.field(name)) for name in GROUPS), *_WORDS["means"]]
        resources = [
            *(_resource(partial, name.as_posix(), "schema.json") for name in names),
            _resource(partial, "means.csv", _table_schema(of_means)),
        ]
        package = _package(to.name, folder, resources)
        package["licenses"] = [{"name": licence} | _WORDS["licences"][licence]]
        content = {
            "LICENSE": _WORDS["licence"].format(**package["licenses"][0]),
            "README.md": _readme(package),
            "schema.json": _json(_table_schema(map(_field, results.SCHEMA))),
            PACKAGE: _json(package),
        }
        for file, text in content.items():
            (partial / file).write_text(text, encoding="utf-8")
        partial.rename(to)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise results.cannot("write", to, error) from error
    return len(names)
