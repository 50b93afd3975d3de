"""What says that a job of a study is done, and whether what it made is still there."""

from __future__ import annotations

from pathlib import Path

from medsam.jobs import Jobs
from medsam.results import shards

__all__ = ["complete", "finish", "marker", "merged", "stale"]

_DONE = ".done"
"""In a folder of rows; it names their files."""


def finish(folder: Path) -> None:
    """Say that a folder is complete, with the rows that are there now."""
    folder.mkdir(parents=True, exist_ok=True)
    names = "".join(f"{path.relative_to(folder).as_posix()}\n" for path in shards(folder))
    temporary = folder / f"{_DONE}.tmp"
    temporary.write_text(names, encoding="utf-8")
    temporary.replace(folder / _DONE)


def complete(folder: Path) -> bool:
    """Whether a folder is complete, and no file of its rows has gone since."""
    try:
        names = (folder / _DONE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return all((folder / name).is_file() for name in names)


def marker(out: Path, kind: str, name: str) -> Path:
    """The file by which Snakemake knows that a job is done."""
    return out / "done" / kind / name


def merged(out: Path, jobs: Jobs) -> Path:
    """The same of the merge."""
    return out / "results" / f".done-{jobs.merged}"


def stale(out: Path, jobs: Jobs) -> list[Path]:
    """Files that say of a job that it is done, though what it made is gone.

    A person has deleted it, as the message on a torn shard tells to. Without these files the job
    is due again. Rows that are merged are needed no more.
    """
    gone = []
    if not (merged(out, jobs).is_file() and complete(out / "results")):
        gone.append(merged(out, jobs))
        for name, job in jobs.evaluate.items():
            if not all(complete(out / shard.folder) for shard in job.shards):
                gone.append(marker(out, "evaluate", name))
    for name in jobs.pages:
        if not (out / "executed" / f"{name}.ipynb").is_file():
            gone.append(marker(out, "page", name))
    if jobs.site and not (out / "html").is_dir():
        gone.append(marker(out, "book", jobs.site.name))
    return [file for file in gone if file.is_file()]
