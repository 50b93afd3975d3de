"""A deposit in words and for machines: README, LICENSE and a Frictionless Data Package.

Source of the keys: the Data Package and Table Schema specifications, version 1
(https://specs.frictionlessdata.io).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from medsam.errors import UnknownName
from medsam.results import SCHEMA

__all__ = ["LICENCES", "MEANS", "licence_text", "package", "readme", "schema"]

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
        As :func:`medsam.results.provenance` gives it.
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
