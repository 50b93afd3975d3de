"""What a change of the plan, of the data or of a notebook makes due, as Snakemake counts it."""

import os
import shutil
from pathlib import Path

import pytest
from study_toys import finish, own, planned, written

from medsam.pages import notebooks
from medsam.study.plan import PROFILES, read
from medsam.study.worker import due

ROOT = Path(__file__).parents[2]
NAMES = ("02_prompt_modes", "04_iterative_clicks")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with two notebooks, and little else."""
    root = tmp_path / "checkout"
    (root / "notebooks").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", root / "notebooks")
    monkeypatch.setattr(notebooks, "ROOT", root)
    return root


@pytest.fixture
def plan(tmp_path, checkout):
    """Two sources of two tasks, each image asked more than once."""
    content = {"models": "minisam", "parts": 2, "notebooks": list(NAMES)}
    content |= {"sources": [own(tmp_path, "a"), own(tmp_path, "b")]}
    return lambda **changes: written(tmp_path, **content | changes)


def counts(path):
    """As `--dry-run` says it."""
    plan = read(path)
    return {kind: number for kind, number in due(plan.out, notebooks.jobs(plan)).items() if number}


def test_all_is_due_then_nothing(plan):
    # Two sources x two tasks x two parts; two sources x two parts to encode; two sources x two.
    everything = {"embed": 4, "evaluate": 8, "merge": 1, "page": 4}
    assert counts(plan()) == everything
    # As Snakemake sees it, on a cluster.
    assert planned(plan(), "--profile", str(PROFILES / "slurm")) == everything
    finish(read(plan()))
    assert counts(plan()) == {}
    # What no row depends on.
    assert counts(plan(gpus=1)) == {}


def test_a_notebook(plan, checkout):
    finish(read(plan()))
    file = checkout / "notebooks" / f"{NAMES[0]}.ipynb"
    file.write_text(file.read_text().replace("Five ways", "Five other ways"))
    assert counts(plan()) == {"page": 2}


def test_a_dataset(plan, tmp_path):
    finish(read(plan()))
    changed = tmp_path / "b" / "images" / "case1.png"
    os.utime(changed, (1, 1))
    # Of b alone: its images, its tasks, its pages.
    assert counts(plan()) == {"embed": 2, "evaluate": 4, "merge": 1, "page": 2}


def test_a_field_of_the_protocol(plan):
    finish(read(plan(protocols=["paper", "paper+top=first"])))
    # The images are the same, and so is all that is of the other protocol.
    changed = plan(protocols=["paper", "paper+top=first+oracle_none=last"])
    assert counts(changed) == {"evaluate": 8, "merge": 1, "page": 4}


def test_rows_that_are_gone(plan):
    first = read(plan())
    finish(first)
    # Of a shard that is merged: nothing is lost.
    shutil.rmtree(first.out / first.jobs().shards[0].folder)
    assert counts(plan()) == {}
    # Of the merge: made again, and first the shard. The pages hold what they show.
    (first.out / "results" / ".done").write_text("rows-000000.parquet\n")
    assert counts(plan()) == {"evaluate": 1, "merge": 1}
