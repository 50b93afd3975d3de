"""From a folder to figures: what the page on one's own data shows, in words and tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pydantic import Field

from medsam import figures
from medsam.datasets.brain import TASKS as BRAIN_TASKS
from medsam.datasets.check import Check
from medsam.datasets.example import TASKS, example_folder
from medsam.errors import InputError
from medsam.figures.html import Html, html_table
from medsam.pages.page import Page
from medsam.pages.study import Settings, Study
from medsam.pages.text import figure_block, plain

__all__ = [
    "OwnSettings",
    "clicks",
    "command",
    "counts",
    "folder",
    "modes",
    "reasons",
    "statuses",
    "study_of",
]

_REASONS = 12  # rows of the table
_FILES = 4  # names of files of a folder


class OwnSettings(Settings):
    """Parameters of the page on one's own data."""

    results: str = Field("_build/own/results", description="Results folder; continued if there.")
    example: str = Field(
        "_build/own/example", description="Where the example is written, without data of yours."
    )


def study_of(settings: OwnSettings) -> tuple[Study, bool]:
    """The study of the data that the settings name, and whether it is the example.

    Raises
    ------
    InputError
        If tasks are named without data.
    """
    if settings.images or settings.masks or settings.data:
        return Study(settings), False
    if settings.tasks != "all":
        raise InputError(
            f"Tasks {settings.tasks!r} without data. Allowed: tasks of a dataset that `data` "
            "names. Name it, or leave tasks out."
        )
    images, masks = example_folder(Path(settings.example))
    return Study(settings.model_copy(update={"images": str(images), "masks": str(masks)})), True


def folder(study: Study, is_example: bool) -> str:
    """Where the data lies and what the first files are called, as MyST."""
    s = study.settings
    if not s.images:
        return f"**{plain(study.dataset.title)}**:\n\n```text\n{s.data}\n```"
    lines = []
    for place in (Path(s.images), Path(s.masks)):
        names = sorted(path.name for path in place.iterdir())
        lines += [f"{place}/", *(f"    {name}" for name in names[:_FILES])]
        lines += [f"    … and {len(names) - _FILES} more"] if len(names) > _FILES else []
    words = "Two folders:"
    if is_example:
        names = [BRAIN_TASKS[task].title.lower() for task in TASKS]
        objects = ", ".join(f"{value} {name}" for value, name in enumerate(names, 1))
        words = (
            "Two folders, written for this page from the embedded sample. In the masks: "
            f"{objects}. Four files were spoilt on purpose, in ways that happen to folders."
        )
    return "\n".join([words, "", "```text", *lines, "```"])


def command(study: Study) -> str:
    """The command that computes the same rows, as MyST."""
    s = study.settings
    what = ["--images", s.images, "--masks", s.masks] if s.images else ["--data", s.data]
    if s.data and s.tasks != "all":
        what += ["--tasks", s.tasks if isinstance(s.tasks, str) else ",".join(s.tasks)]
    rest = ["--model", study.model_name, "--protocol", s.protocol, "--out", s.results]
    return f"```bash\nmedsam run {shlex.join(what)} \\\n  {shlex.join(rest)}\n```"


def counts(found: Check, titles: Mapping[str, str]) -> Html:
    """Images of each task, as the check found them."""
    table = pd.DataFrame(
        [(task, titles.get(task, task), n) for task, n in found.masks.items()],
        columns=["task", "name", "images"],
    )
    if (table.task == table.name).all():
        table = table.drop(columns="name")
    caption = (
        f"{found.cases:,} cases of {found.groups:,} patients, volumes or pictures; "
        f"cannot be used: {len(found.problems):,}; other files, left out: {len(found.skipped):,}."
    )
    return html_table(table, headers={"images": "images with a mask"}, caption=caption)


def reasons(found: Check) -> Html:
    """Every case that cannot be used, and every file that is left out, with its reason."""
    rows = [(name, "cannot be used", reason) for name, reason in found.problems]
    rows += [(name, "left out", reason) for name, reason in found.skipped]
    shown = rows[:_REASONS] or [("none", "", "every case can be used")]
    table = pd.DataFrame(shown, columns=["file or case", "what becomes of it", "why"])
    more = f" The first {_REASONS} of {len(rows):,}." if len(rows) > _REASONS else ""
    return html_table(table, caption=f"What is not evaluated, and why.{more}")


def statuses(rows: pd.DataFrame, titles: Mapping[str, str]) -> Html:
    """How many cases of each task gave a result, are empty, or could not be read."""
    cases = rows.drop_duplicates(["task", "image"])
    table = cases.pivot_table(
        index="task", columns="status", values="image", aggfunc="count", fill_value=0, sort=False
    )
    table = table.reindex(columns=["ok", "empty", "error"], fill_value=0).reset_index()
    table["task"] = table.task.map(titles)
    return html_table(table, caption="Cases of each task by the status of their rows.")


def modes(page: Page, study: Study) -> str:
    """Glue the figures of the five modes; what the page says of them, as MyST."""
    table = study.mode_means()
    if table.empty:
        return "No case gave a result, so there is nothing to draw. The table above says why."
    source = figures.Source.run(study.label)
    page.figure("modes-by-task", figures.modes_ranked(table, source=source), table)
    page.figure("modes-means", figures.modes_box(table, source=source), table)
    means = table[table.choice == "top"].groupby("mode").iou.mean()
    best, worst = (int(str(mode)) for mode in (means.idxmax(), means.idxmin()))
    return "\n\n".join(
        [
            f"Mode {best} has the highest mean IoU over tasks, {means[best]:.3f}; mode "
            f"{worst} the lowest, {means.min():.3f}.",
            _block(study, "modes-by-task", "IoU of each task and mode, as Fig. 2, left"),
            _block(study, "modes-means", "IoU over tasks for each mode, as Fig. 2, right"),
        ]
    )


def clicks(page: Page, study: Study) -> str:
    """Glue the figure of one to nine clicks; what the page says of it, as MyST."""
    table = study.click_means_by_task()
    if table.empty:
        return "The model takes no clicks, or no case gave a result: there is nothing to draw."
    source = figures.Source.run(study.label)
    page.figure("clicks-by-task", figures.clicks_by_task(table, source=source, columns=4), table)
    mean = table[table.choice == "top"].groupby("k").iou.mean()
    what = "IoU against the number of clicks for each task, as Fig. 5"
    return (
        f"The mean IoU over tasks goes from {mean.iloc[0]:.3f} with {mean.index[0]} click to "
        f"{mean.iloc[-1]:.3f} with {mean.index[-1]}.\n\n"
        + _block(study, "clicks-by-task", what, "; dashed: oracle")
    )


def _block(study: Study, name: str, what: str, more: str = "") -> str:
    ok = study.rows[study.rows.status == "ok"]
    about = f"{plain(study.label)}, {ok.image.nunique()} images, {ok.task.nunique()} tasks{more}"
    caption = f"{what}, from **this run**: {about}. Not the paper's numbers."
    return figure_block(name, f"This run. {what}.", caption)
