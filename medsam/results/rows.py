"""Results: one tidy row per (image, task, prompt, choice of mask), in Parquet.

A results folder holds shards, each written whole or not at all. The metadata of a shard say what
its rows depend on; an (image, task) unit that has rows in it is complete, so that a run that was
killed goes on where it stopped. Pages and metadata have checksums, which every reader verifies.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import yaml
from pyarrow.fs import LocalFileSystem

from medsam import __version__
from medsam.errors import ResultsError
from medsam.files import atomic
from medsam.metrics import TOLERANCE

RESULTS_VERSION = 4
"""Raised when a change of the code changes rows: older results are read, but not continued."""


def read_schema(file: Path) -> pa.Schema:
    """The columns of a YAML file: of each its type, meaning, and what else there is to say."""
    listed = yaml.safe_load(file.read_text("utf-8"))
    return pa.schema(
        pa.field(name, about.pop("type"), not about.pop("required", False), metadata=about)
        for name, about in listed.items()
    )


SCHEMA = read_schema(Path(__file__).with_name("columns.yaml"))
"""Columns in order, with type, unit and meaning; ``nsd`` also with its tolerance."""

COLUMNS: tuple[str, ...] = tuple(SCHEMA.names)
ORDER = ("dataset", "model", "protocol", "task", "image", "experiment", "choice", "k")
"""Columns by which rows are sorted."""
SORTED = ", ".join(f"{name} nulls last" for name in ORDER)
"""The same for queries."""
UNIT = ("dataset", "model", "protocol", "image", "task", "experiment")
"""Columns that name what is computed whole or not at all."""
MASKS = ("mask", "masks")
"""Columns that hold pixels, which are read on asking."""
KEY = b"medsam"
"""Of the metadata of a file: JSON, what it says of itself."""
LAYOUTS = ("", "model=*/task=*/")
"""Where the shards of a folder lie: beside each other, or by model and task."""

_SUM = b"medsam_sha256"  # of that JSON, as no page checksum covers it
_SHARDS = "rows-*.parquet"
_MEMORY = "640MB"  # of DuckDB; what needs more goes through files of a temporary folder
# Whole numbers stay whole where a row has none (a case that could not be read).
_WHOLE = {f.name: str(f.type).capitalize() for f in SCHEMA if pa.types.is_integer(f.type)}
_VERIFIED = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)


def cannot(action: str, path: Path, error: OSError) -> ResultsError:
    """Say what the operating system refused, and what to do."""
    return ResultsError(
        f"Cannot {action} {path}: {error.strerror or error}. Allowed: a folder that you may write "
        "to, with room for the files. Mend it or choose another one, and run the same command "
        "again; every shard that was written is kept."
    )


# One file.


def installed(names: Iterable[str]) -> dict[str, str]:
    """Versions of packages, in that order; one that is not installed is left out."""
    out = {}
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            out[name] = metadata.version(name)
    return out


def versions() -> dict[str, str]:
    """What computes here: Python, kind of machine, its cores, and the libraries."""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    names = ("numpy", "opencv-python-headless", "onnxruntime", "pyarrow", "torch")
    ours = {"python": sys.version.split()[0], "machine": machine, "medsam": __version__}
    return ours | installed(names)


def write(path: Path, table: pa.Table, about: Mapping[str, Any]) -> Path:
    """Write a Parquet file, whole or not at all, with checksums; its folder is made.

    Parameters
    ----------
    path : Path
    table : pyarrow.Table
    about : mapping
        JSON values that the file says of itself; :func:`read_metadata` reads them.

    Raises
    ------
    ResultsError
        If the disk is full or the folder cannot be written; no part of the file stays.
    """
    content = json.dumps(dict(about)).encode()
    checksum = hashlib.sha256(content).hexdigest().encode()
    described = (table.schema.metadata or {}) | {KEY: content, _SUM: checksum}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary, temporary.open("wb") as file:
            pq.write_table(
                table.replace_schema_metadata(described),
                file,
                compression="zstd",
                write_page_checksum=True,
            )
    except OSError as error:
        raise cannot("write", path, error) from error
    return path


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name a file that is torn, was changed on the disk, or is not one of ours."""
    try:
        yield
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ResultsError(
            f"File {path} cannot be read ({type(error).__name__}: {error}). Allowed: whole files "
            "that medsam wrote. Without this one, the same command computes its rows anew."
        ) from error


def read_metadata(path: Path, schema: pa.Schema = SCHEMA) -> dict[str, Any]:
    """Read what a file says of itself: identity, versions, state of the streams.

    Parameters
    ----------
    path : Path
    schema : pyarrow.Schema
        What its rows should be. Older files may lack a column; there is no other one.

    Raises
    ------
    ResultsError
        If it is torn, was changed, or is not such a file.
    """
    with _readable(path), pq.ParquetFile(path) as file:
        found = file.schema_arrow
        described = found.metadata or {}
        content = described[KEY]
        if _SUM in described and hashlib.sha256(content).hexdigest().encode() != described[_SUM]:
            raise ValueError("its metadata were changed")
        strange = {*found.names, *file.schema.names} - set(schema.names)
        if strange:
            raise ValueError(f"columns {', '.join(sorted(strange))}")
        about: dict[str, Any] = json.loads(content)
        tolerance = about["identity"].get("tolerance_mm")
        if tolerance not in (None, TOLERANCE):
            raise ValueError(f"its nsd is at {tolerance:g} mm, not at {TOLERANCE:g}")
        return about


def read_table(
    path: Path, schema: pa.Schema = SCHEMA, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read rows of a file, with its checksums verified; a column that it lacks is null.

    Raises
    ------
    ResultsError
        As :func:`read_metadata`.
    """
    read_metadata(path, schema)
    with _readable(path):
        return pq.read_table(
            path,
            schema=schema,
            columns=None if columns is None else list(columns),
            partitioning=None,
            page_checksum_verification=True,
        )


def kind_of(identity: Mapping[str, Any]) -> tuple[str, str, str]:
    """Dataset, model and protocol of an identity, by which rows are told apart."""
    return identity["dataset"], identity["model"], identity["protocol"]["name"]


# A folder.


def _number(shard: Path) -> int:
    """Which shard of its folder it is, from 0: the order of writing, whatever the clock says."""
    return int(shard.stem.rpartition("-")[2])


def shards(folder: Path) -> list[Path]:
    """Every shard of a folder, flat or partitioned by model and task, in the order of writing."""
    found = [path for below in LAYOUTS for path in folder.glob(below + _SHARDS)]
    return sorted(found, key=lambda path: (_number(path), path))


def next_number(known: Sequence[Path]) -> int:
    """Number of the first new shard of a folder that holds these."""
    return max(map(_number, known), default=-1) + 1


def existing(folder: Path) -> list[Path]:
    """The shards of a folder; an error where there is none."""
    found = shards(folder)
    if not found:
        raise ResultsError(
            f"No results in {folder}. Allowed: a folder that `medsam run --out` has written. "
            "Check the path, or run `medsam run` first."
        )
    return found


def read(folder: Path | str, *, masks: bool = False) -> pd.DataFrame:
    """All rows of a results folder, sorted by what they are about.

    Where a case was computed again, because it could not be read at first, its last rows count.

    Parameters
    ----------
    folder : path
    masks : bool
        Also the columns of :data:`MASKS`, which :mod:`medsam.results.masks` decodes.

    Returns
    -------
    pandas.DataFrame
        The columns of :data:`COLUMNS`.

    Raises
    ------
    ResultsError
        If there are none, or a shard cannot be read.
    """
    columns = [name for name in COLUMNS if masks or name not in MASKS]
    with query(existing(Path(folder))) as connection:
        rows = connection.table("rows").order(SORTED).select(*columns).to_arrow_table()
    frame: pd.DataFrame = rows.to_pandas()
    return frame.astype(_WHOLE)


def provenance(folder: Path | str) -> list[dict[str, Any]]:
    """What the rows of a folder depend on: each distinct identity with the versions used."""
    seen: dict[str, dict[str, Any]] = {}
    for shard in existing(Path(folder)):
        found = read_metadata(shard)
        about = {name: found[name] for name in ("identity", "versions")}
        seen.setdefault(json.dumps(about, sort_keys=True), about)
    return list(seen.values())


@contextmanager
def query(files: Sequence[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Query rows where they lie: they are never all in memory, and checksums are verified.

    Parameters
    ----------
    files : sequence of Path
        In the order of writing, as :func:`shards` gives them.

    Yields
    ------
    DuckDBPyConnection
        With the views ``every_row``, with the number of the file as ``shard``, and ``rows``: of a
        unit that was computed again, because it could not be read at first, the last shard counts.

    Raises
    ------
    ResultsError
        If one cannot be read.
    """
    for file in files:
        read_metadata(file)
    place = ds.field("shard")
    whole = ds.FileSystemDataset.from_paths(
        [str(file) for file in files],
        schema=SCHEMA.append(pa.field("shard", pa.int32())),
        format=_VERIFIED,
        filesystem=LocalFileSystem(),
        partitions=[place == number for number in range(len(files))],
    )
    unit = ", ".join(UNIT)
    with (
        tempfile.TemporaryDirectory() as spill,
        duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": spill}) as connection,
    ):
        connection.execute("set enable_progress_bar = false")  # it would stand among the results
        connection.register("every_row", whole)
        try:
            connection.execute(
                f"create table again as select {unit}, max(shard) as last from every_row "
                "group by all having min(shard) < max(shard)"
            )
            connection.execute(
                "create view rows as select * exclude (shard, last) from every_row "
                f"left join again using ({unit}) where last is null or shard = last"
            )
            yield connection
        except duckdb.Error as error:
            for file in files:
                read_table(file)  # names the one that is torn
            raise ResultsError(
                f"Cannot query {len(files)} shards beside {files[0]}: {error}. Allowed: room for "
                "temporary files. Say with TMPDIR where it is."
            ) from error
