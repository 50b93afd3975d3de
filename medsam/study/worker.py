"""What a process of a study does: encode, evaluate, merge.

It stands in the folder of the study. What is done is not done again, so that a process that was
killed, or that is started once more, goes on.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from medsam import models
from medsam.errors import DataError, InputError, ResultsError, UnknownName
from medsam.models.cache import CachedModel
from medsam.models.contract import PromptableModel
from medsam.protocol import Protocol
from medsam.results.merge import merge
from medsam.results.rows import shards
from medsam.study import runner
from medsam.study.plan import Embedding, Evaluation, Jobs, Shard

# What says that a job of a study is done, and whether what it made is still there.


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

    Without these files the job is due again. Rows that are merged are needed no more.
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
    return [file for file in gone if file.is_file()]


def due(out: Path, jobs: Jobs) -> dict[str, int]:
    """Processes that are still to run, by kind, as Snakemake will count them."""
    gone = set(stale(out, jobs))

    def missing(file: Path) -> bool:
        return file in gone or not file.is_file()

    def count(kind: str, names: Iterable[str]) -> list[str]:
        return [name for name in names if missing(marker(out, kind, name))]

    merge = missing(merged(out, jobs))
    # What is merged is there, whatever the processes were that it came from.
    ran = count("evaluate", jobs.evaluate) if merge else []
    needs = count("encoded", {jobs.evaluate[name].needs for name in ran} - {""})
    return {
        "embed": len(count("embed", (name for whole in needs for name in jobs.encoded[whole]))),
        "evaluate": len(ran),
        "merge": int(merge),
        "page": len(count("page", jobs.pages)),
    }


KEPT = Path("embeddings")

VISIBLE = "CUDA_VISIBLE_DEVICES"

T = TypeVar("T")


def work(
    kind: str,
    name: str,
    file: Path = Path("study.json"),
    gpus: int = 0,
    other: Mapping[str, Callable[[Jobs, str], None]] | None = None,
) -> None:
    """Do one job of a study.

    Parameters
    ----------
    kind : str
        ``embed``, ``evaluate``, ``merge``, or one of the other kinds.
    name : str
        Of the job; empty for those of which there is one.
    file : Path
        What ``medsam study`` wrote, relative to the folder of the study, where the process stands.
    gpus : int
        Of this machine that processes share where no scheduler gives them out: each takes those
        that are free, as many as the plan says.
    other : mapping of str to callable, optional
        Other kinds of job, each with what does one: it takes all jobs and the name.

    Raises
    ------
    InputError, UnknownName
        If there is no such file, kind or job.
    ResultsError
        If rows of a shard cannot be written or continued; the other shards are computed.
    """
    try:
        jobs = Jobs.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"Cannot use {file}: {error}. Allowed: what `medsam study` wrote. Run it."
        ) from error
    kinds: dict[str, Callable[[Jobs, str], None]] = {
        "embed": lambda jobs, name: _embed(job_of(jobs.embed, name), jobs),
        "evaluate": lambda jobs, name: _evaluate(job_of(jobs.evaluate, name), jobs),
        "merge": lambda jobs, _: _merge([shard.folder for shard in jobs.shards]),
        **(other or {}),
    }
    if kind not in kinds:
        raise UnknownName("kind of job", kind, kinds)
    with _gpu(gpus, jobs.gpus):
        kinds[kind](jobs, name)


def job_of(jobs: Mapping[str, T], name: str) -> T:
    """The job of that name.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if name not in jobs:
        raise UnknownName("job", name, jobs)
    return jobs[name]


@contextmanager
def _gpu(here: int, wanted: int) -> Iterator[None]:
    """As many GPUs of this machine as wanted, for this process alone."""
    given = [name for name in os.environ.get(VISIBLE, "").split(",") if name]
    taken: list[str] = []
    with ExitStack() as stack:
        for name in (given or [str(number) for number in range(here)])[:here]:
            with suppress(Timeout):
                if len(taken) < wanted:
                    stack.enter_context(FileLock(f".gpu-{name}.lock", timeout=0))
                    taken.append(name)
        if taken:
            os.environ[VISIBLE] = ",".join(taken)
        yield


def _embed(job: Embedding, jobs: Jobs) -> None:
    model = models.load(job.model, device=jobs.device, precision=jobs.precision)
    model = CachedModel(model, KEPT, limit=None)
    cases = job.images.open().cases()
    while block := list(islice(cases, jobs.batch or 1)):
        images = []
        # A case that cannot be read becomes a row that says why.
        for case in block:
            with suppress(DataError):
                images.append(case.load().image)
        with suppress(DataError):
            model.keep(images)
    print(f"{model.misses} images encoded into {KEPT}")


def _evaluate(job: Evaluation, jobs: Jobs) -> None:
    due = [shard for shard in job.shards if not complete(Path(shard.folder))]
    if not due:
        print("All shards were complete.")
        return
    model = models.load(job.model, device=jobs.device, precision=jobs.precision)
    if job.needs:
        model = CachedModel(model, KEPT, limit=None)
    wrong = []
    for shard in due:
        try:
            _fill(shard, model, jobs)
        except ResultsError as error:
            print(f"{shard.folder}: {error}", file=sys.stderr)
            wrong.append(error)
    if wrong:
        raise wrong[0]


def _fill(shard: Shard, model: PromptableModel, jobs: Jobs) -> None:
    folder, protocol = Path(shard.folder), Protocol.get(shard.protocol)
    data = shard.images.open()
    how = {"batch": jobs.batch, "workers": jobs.workers, "progress": False}
    report = runner.run(data, model, folder, protocol, seed=shard.seed, **how)
    finish(folder)
    print(f"{folder}: {report.computed} cases computed, {report.resumed} found complete")
    for image, reason in report.reasons.items():
        print(f"  {image}: {reason}", file=sys.stderr)


def _merge(folders: list[str]) -> None:
    """Anew from all parts: what the plan no longer asks for is not in the results."""
    out = Path("results")
    shutil.rmtree(out, ignore_errors=True)
    # Of more parts than images some are empty, which is no fault.
    merge([Path(folder) for folder in folders if shards(Path(folder))], out)
    finish(out)
