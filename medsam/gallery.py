"""Fig. 11-16: examples of every task, in parts that can be read, with their captions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from medsam.errors import InputError
from medsam.examples import Example, table

if TYPE_CHECKING:
    from medsam.notebook import Study
    from medsam.page import Page

__all__ = [
    "MODES",
    "MOST",
    "Part",
    "draw",
    "found",
    "left_out",
    "modes_of",
    "parts",
    "plain",
    "text",
]

MODES = (2, 4)
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
    return tuple(mode for mode in MODES if mode in there)


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
    kept = rows[(rows.experiment == "mode") & (rows.status == "ok") & rows.k.isin(MODES)]
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
    if modes != list(MODES):
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
    from medsam.figures.photo import Photo

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
