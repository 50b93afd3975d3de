"""Where a study runs: a folder with the settings of Snakemake, its profile."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import yaml

from medsam.errors import InputError

__all__ = ["PROFILES", "find"]

PROFILES = Path(__file__).resolve().parents[1] / "workflow" / "profiles"

BUILT_IN = ("local", "dryrun", "touch")
"""Executors that Snakemake itself has."""

PROGRAMS = {"slurm": ("sbatch", "srun", "squeue", "scancel", "scontrol")}
"""What the machine must have to hand jobs over, by executor."""


def find(profile: Path) -> Path:
    """The folder of a profile, if this machine can use it.

    Parameters
    ----------
    profile : Path
        A folder, or the name of one in ``workflow/profiles``.

    Raises
    ------
    InputError
        If it holds no settings, or its executor or programs of that are missing.
    """
    for folder in (profile, PROFILES / profile):
        # Snakemake takes the file of its own version before the plain one.
        files = [*sorted(folder.glob("config.v*.yaml"), reverse=True), folder / "config.yaml"]
        if files[0].is_file():
            _check_programs(files[0])
            return folder.resolve()
    shipped = ", ".join(sorted(each.name for each in PROFILES.glob("*/"))) or "none"
    raise InputError(
        f"No profile in {profile}. Allowed: a folder with config.yaml, or a name in {PROFILES}: "
        f"{shipped}. Check the path."
    )


def _check_programs(file: Path) -> None:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"Cannot read {file}: {error}. Allowed: YAML. Mend it.") from error
    executor = content.get("executor") if isinstance(content, dict) else None
    plugin = f"snakemake-executor-plugin-{executor}"
    if executor not in (None, *BUILT_IN) and find_spec(plugin.replace("-", "_")) is None:
        raise InputError(
            f"{file} hands jobs to {executor}, for which {plugin} is not installed. Allowed: with "
            f"it. Run `pip install {plugin}`, or leave --profile away."
        )
    missing = [name for name in PROGRAMS.get(str(executor), ()) if not shutil.which(name)]
    if missing:
        raise InputError(
            f"{file} hands jobs to {executor}, but there is no {', '.join(missing)} on the PATH. "
            "Allowed: a machine that can submit jobs. Log in to one, or leave --profile away."
        )
