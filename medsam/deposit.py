"""Results as a folder that an archive takes and a stranger can check."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from medsam import query
from medsam.checking import MANIFEST, check
from medsam.datapackage import MEANS, licence_text, package, readme, schema
from medsam.errors import ResultsError
from medsam.export import manifest
from medsam.hashes import sha256
from medsam.results import cannot, existing, identity_digest, provenance, told

__all__ = ["deposit", "means"]

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
        One of :data:`medsam.datapackage.LICENCES`.

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
