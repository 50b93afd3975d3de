"""From a folder to figures: what the page on one's own data shows, in words and tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pydantic import Field

from medsam.datasets.check import Check
from medsam.datasets.example import example_folder
from medsam.errors import InputError
from medsam.figures.html import Html, html_table
from medsam.pages.study import Settings, Study
from medsam.pages.text import plain

_REASONS = 12  # rows of the table
_FILES = 3  # names of files of a folder


class OwnSettings(Settings):
    """Parameters of the page on one's own data."""

    results: str = Field("_build/own/results", description="Results folder; continued if there.")
    example: str = Field(
        "_build/own/example", description="Where the example is written, without data of yours."
    )


def study_of(settings: OwnSettings) -> Study:
    """The study of the data that the settings name, or of the example.

    Raises
    ------
    InputError
        If tasks are named without data.
    """
    if settings.images or settings.masks or settings.data:
        return Study(settings)
    if settings.tasks != "all":
        raise InputError(
            f"Tasks {settings.tasks!r} without data. Allowed: tasks of a dataset that `data` "
            "names. Name it, or leave tasks out."
        )
    images, masks = example_folder(Path(settings.example))
    return Study(settings.model_copy(update={"images": str(images), "masks": str(masks)}))


def folder(study: Study) -> str:
    """What the data is called, where it lies, and what the first files are called, as MyST."""
    s = study.settings
    lines = [s.data] if s.data else []
    for place in filter(None, (s.images, s.masks)):
        names = sorted(path.name for path in Path(place).iterdir())
        lines.append(f"{place}/  ({len(names)} files, such as {', '.join(names[:_FILES])})")
    return "\n".join([f"**{plain(study.dataset.title)}**:", "", "```text", *lines, "```"])


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
    rows = [(titles.get(task, task), n) for task, n in found.masks.items()]
    table = pd.DataFrame(rows, columns=["task", "images with a mask"])
    caption = (
        f"{found.cases:,} cases of {found.groups:,} patients, volumes or pictures; "
        f"cannot be used: {len(found.problems):,}; other files, left out: {len(found.skipped):,}."
    )
    return html_table(table, caption=caption)


def reasons(found: Check) -> Html:
    """Every case that cannot be used, and every file that is left out, with its reason."""
    rows = [(name, "cannot be used", reason) for name, reason in found.problems]
    rows += [(name, "left out", reason) for name, reason in found.skipped]
    shown = rows[:_REASONS] or [("none", "", "every case can be used")]
    table = pd.DataFrame(shown, columns=["file or case", "what becomes of it", "why"])
    caption = f"What is not evaluated, and why; {len(rows):,} in all."
    return html_table(table, caption=caption)


def statuses(rows: pd.DataFrame, titles: Mapping[str, str]) -> Html:
    """How many cases of each task gave a result, are empty, or could not be read."""
    cases = rows.drop_duplicates(["task", "image"])
    table = cases.pivot_table(
        index="task", columns="status", values="image", aggfunc="count", fill_value=0, sort=False
    )
    table = table.reindex(columns=["ok", "empty", "error"], fill_value=0).reset_index()
    table["task"] = table.task.map(titles)
    return html_table(table, caption="Cases of each task by the status of their rows.")
