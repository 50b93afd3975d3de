"""What a process of a study does: evaluate shards, merge, and other jobs.

It stands in the folder of the study. What is done is not done again, so that a process that was
killed, or that is started once more, goes on.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from medsam import models
from medsam.errors import InputError, ResultsError, UnknownName
from medsam.models.cache import CachedModel
from medsam.protocol import Protocol
from medsam.results.merge import merge
from medsam.results.rows import shards
from medsam.study import runner
from medsam.study.plan import Jobs

VISIBLE = "CUDA_VISIBLE_DEVICES"

Job = Callable[[Jobs, str], Sequence[Path]]
"""What does a job, of all jobs and its name: the files that it made."""


def due(out: Path, jobs: Jobs) -> dict[str, list[Path]]:
    """Processes that are still to run, by kind, as Snakemake will count them.

    Each as the file that says that it is done: that file is not there, or what it names has gone.
    """
    left = {
        kind: [file for file in files.values() if not _is_done(out, file)]
        for kind, files in jobs.done().items()
    }
    # What is merged is there, whatever the processes were that it came from.
    return left if left["merge"] else left | {"evaluate": []}


def _is_done(out: Path, file: Path) -> bool:
    """Whether a file says that a job is done, and all files that it names are there."""
    try:
        names = (out / file).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return all((out / name).is_file() for name in names)


def work(
    kind: str,
    name: str,
    file: Path = Path("study.json"),
    gpus: int = 0,
    other: Mapping[str, Job] | None = None,
) -> None:
    """Do one job of a study.

    Parameters
    ----------
    kind : str
        ``evaluate``, ``merge``, or one of the other kinds.
    name : str
        Of the job; empty for those of which there is one.
    file : Path
        What ``medsam study`` wrote, relative to the folder of the study, where the process stands.
    gpus : int
        Of this machine that processes share where no scheduler gives them out: each takes those
        that are free, as many as the plan says.
    other : mapping of str to callable, optional
        Other kinds of job, each with what does one.

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
    kinds: dict[str, Job] = {"evaluate": _evaluate, "merge": _merge, **(other or {})}
    if kind not in kinds:
        raise UnknownName("kind of job", kind, kinds)
    done = jobs.done().get(kind, {})
    if name not in done:
        raise UnknownName("job", name, done)
    with _gpu(gpus, jobs.gpus):
        made = kinds[kind](jobs, name)
    # Snakemake touches it; by its content the next start knows what has gone since.
    done[name].parent.mkdir(parents=True, exist_ok=True)
    done[name].write_text("".join(f"{path.as_posix()}\n" for path in made), encoding="utf-8")


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


def _evaluate(jobs: Jobs, name: str) -> list[Path]:
    """Complete some shards; one that cannot be written does not stop the others."""
    some = jobs.evaluate[name]
    model = models.load(some[0].model, **jobs.loading)
    if jobs.embeddings == "always":
        model = CachedModel(model, Path("embeddings"), limit=None)
    how: dict[str, Any] = {"seed": jobs.seed, "batch": jobs.batch, "workers": jobs.workers}
    wrong = []
    for shard in some:
        protocols = map(Protocol.get, shard.protocols)
        try:
            data, out = shard.images.open(), Path(shard.folder)
            report = runner.run(data, model, out, *protocols, progress=False, **how)
        except ResultsError as error:
            print(f"{shard.folder}: {error}", file=sys.stderr)
            wrong.append(error)
            continue
        print(f"{shard.folder}: {report.computed} cases computed, {report.resumed} found complete")
        for image, reason in report.reasons.items():
            print(f"  {image}: {reason}", file=sys.stderr)
    if wrong:
        raise wrong[0]
    return [path for shard in some for path in shards(Path(shard.folder))]


def _merge(jobs: Jobs, _name: str) -> list[Path]:
    """Anew from all parts: what the plan no longer asks for is not in the results."""
    out, folders = Path("results"), [Path(shard.folder) for shard in jobs.shards]
    shutil.rmtree(out, ignore_errors=True)
    # Of more parts than images some are empty, which is no fault.
    merge([folder for folder in folders if shards(folder)], out, jobs.only)
    return shards(out)
