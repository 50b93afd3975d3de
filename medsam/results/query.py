"""Results queried where they lie, by DuckDB: the rows are never all in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from medsam.errors import ResultsError
from medsam.results.rows import SCHEMA, one_tolerance, told

__all__ = ["connected", "counts", "means"]

MEMORY = "640MB"
"""That DuckDB may take; what needs more goes through files of a temporary folder."""

_UNIT = "dataset, model, protocol, image, task"
_KEYS = "dataset, task, modality, model, protocol, experiment, k, choice"

# Of a unit that was computed again, because it could not be read at first, the last shard counts.
_VIEWS = (
    "create table places as select * from given",
    """
    create view everything as
        select {columns}, place from read_parquet(
            {files}, hive_partitioning = false, union_by_name = true, filename = true
        ) join places using (filename)
    """,
    f"""
    create table again as
        select {_UNIT}, max(place) as last from everything
        group by all having min(place) < max(place)
    """,
    f"""
    create view rows as
        select everything.* exclude (place) from everything left join again using ({_UNIT})
        where last is null or place = last
    """,
)
# A mean skips what is not a number, as pandas does; favg adds with compensation.
_MEAN = "favg({0}) filter (where not isnan({0})) as {0}"
_MEANS = ", ".join(map(_MEAN.format, ("iou", "dice", "nsd", "hd95")))
_MEDIAN = "median(iou) filter (where not isnan(iou)) as median_iou, "
_COUNTS = f"""
select dataset, model, protocol, task, status, count(*) as n
from (select distinct {_UNIT}, status from rows) group by all order by all
"""


@contextmanager
def connected(files: Sequence[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with a view ``rows``: those of these shards that count.

    Parameters
    ----------
    files : sequence of Path
        In the order of writing, as :func:`medsam.results.rows.shards` gives them.

    Raises
    ------
    ResultsError
        If they differ in the tolerance of ``nsd``, or one cannot be read.
    """
    one_tolerance(list(files))
    for file in files:
        told(file)
    names = [str(file) for file in files]
    places = pd.DataFrame({"filename": names, "place": range(len(names))})
    filled = {"columns": _columns(files), "files": f"[{', '.join(map(quoted, names))}]"}
    with (
        tempfile.TemporaryDirectory() as spill,
        duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": spill}) as connection,
    ):
        connection.execute("set enable_progress_bar = false")  # it would stand among the results
        connection.register("given", places)
        try:
            for statement in _VIEWS:
                connection.execute(statement.format(**filled))
            yield connection
        except duckdb.Error as error:
            raise ResultsError(
                f"Cannot query {len(files)} shards beside {files[0]}: {error}. Allowed: whole "
                "files, and room for temporary ones. `medsam results validate` names a file that "
                "is torn; TMPDIR says where there is room."
            ) from error


def quoted(text: str) -> str:
    """A string of SQL.

    Examples
    --------
    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def _columns(files: Sequence[Path]) -> str:
    """Those of the schema; null where no shard has one, of the time before there was it."""
    there = {name for file in files for name in pq.read_schema(file).names}
    kinds = {"string": "varchar", "double": "double"}
    return ", ".join(
        f'"{f.name}"' if f.name in there else f'null::{kinds.get(str(f.type), "int")} as "{f.name}"'
        for f in SCHEMA
    )


def means(connection: duckdb.DuckDBPyConnection, *, median: bool = False) -> pd.DataFrame:
    """Means over the rows of each prompt.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Of :func:`connected`.
    median : bool
        Add ``median_iou``, for which all values of a group are in memory.

    Returns
    -------
    DataFrame
        ``dataset, task, modality, model, protocol, experiment, k, choice, iou, dice, nsd, hd95,
        n, errors``, sorted by the first eight. Cases without a prompt (empty, or not read) have
        null from ``experiment`` to ``hd95``; ``errors`` counts those not read.
    """
    return connection.execute(
        f"select {_KEYS}, {_MEANS}, {_MEDIAN if median else ''} count(*) as n, "
        "count(*) filter (where status = 'error') as errors "
        "from rows group by all order by all"
    ).df()


def counts(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Cases by status: ``dataset, model, protocol, task, status, n``."""
    return connection.execute(_COUNTS).df()
