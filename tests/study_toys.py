"""Plans of studies on tiny images, and a study that looks done."""

import os
import subprocess
import sys
from pathlib import Path

import yaml
from toys import blob, write_pair

from medsam.pages.commands import SNAKEFILE
from medsam.pages.notebooks import jobs as jobs_of
from medsam.study.plan import Plan, read

DATA = {
    "key": "own",
    "modality": "CT",
    "images": "{folder}/images/{{id}}.png",
    "masks": "{folder}/masks/{{id}}.png",
    "labels": {"one": 1, "two": 2},
}


def own(folder: Path, key: str = "own", images: int = 5) -> str:
    """A source of so many images with object 1, every second with object 2; its YAML file."""
    for seed in range(images):
        write_pair(folder / key, f"case{seed}", blob(seed))
    told = {n: v.format(folder=key) if "{" in v else v for n, v in DATA.items() if n != "labels"}
    file = folder / f"{key}.yaml"
    file.write_text(yaml.safe_dump(told | {"key": key, "labels": DATA["labels"]}))
    return file.name


def written(folder: Path, **content) -> Path:
    path = folder / "study.yaml"
    content = {"protocols": "published"} | content
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return path


def finish(plan: Plan) -> None:
    """Put down the files that say that each process is done, and nothing else."""
    for files in jobs_of(plan).done().values():
        for file in files.values():
            (plan.out / file).parent.mkdir(parents=True, exist_ok=True)
            (plan.out / file).touch()


def planned(plan: Path, *more: str) -> dict[str, int]:
    """What Snakemake would run, counted by rule."""
    made = read(plan)
    made.out.mkdir(exist_ok=True)
    jobs = jobs_of(made)
    (made.out / "study.json").write_text(jobs.model_dump_json())
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--dry-run"]
    command += ["--directory", str(made.out), "--rerun-triggers", "mtime", "--nolock", *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in (done.stdout + done.stderr).splitlines()]
    return {w[0]: int(w[1]) for w in lines if len(w) == 2 and w[0] in RULES and w[1].isdigit()}


RULES = ("evaluate", "merge", "page")
