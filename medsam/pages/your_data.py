"""From a folder to figures: what the page on one's own data shows, in words and tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pydantic import Field

from medsam.datasets.check import Check
from medsam.datasets.example import example_folder
from medsam.datasets.patients import TASKS
from medsam.errors import InputError
from medsam.figures.html import Html, html_table
from medsam.pages.study import Settings, Study
from medsam.pages.text import plain

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
        objects = ", ".join(f"{n} {task.title}" for n, task in enumerate(TASKS.values(), 1))
        words = (
            "Two folders, written for this page from the slices of five patients. In the masks: "
            f"{objects}. Four files were spoilt on purpose, in ways that happen to folders."
        )
    return "\n".join([words, "", "```text", *lines, "```"])


def command(study: Study) -> str:
    """The command that computes the same rows, as MyST."""
    s = study.settings
    what = ["--images", s.images, "--masks", s.masks] if s.images else ["--data", s.data]
    if s.data and s.tasks != "all":
        what += ["--tasks", s.tasks if isinstance(s.tasks, str) else ",".join(s.tasks)]
    rest = ["--model", study.asked, "--protocol", study.protocol.name, "--out", s.results]
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
