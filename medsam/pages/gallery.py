"""Fig. 11-16: examples of every task, in parts that can be read, with their captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from medsam import figures
from medsam.analysis.examples import Example, table
from medsam.figures.style import Photo
from medsam.pages.page import Page
from medsam.pages.study import MASKS, Study
from medsam.pages.text import figure_block, plain

MODES = (2, 4)
"""The modes that the paper shows: a point for each region, a box for each region."""

MOST = 5
"""Tasks a figure, at most."""

_WORDS = {2: "a point for each region (mode 2)", 4: "a box for each region (mode 4)"}


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


def parts(examples: Sequence[Example], most: int = MOST) -> list[Part]:
    """Examples in as few parts as hold them, of nearly equal numbers of tasks.

    Parameters
    ----------
    examples : sequence of Example
        Tasks in the order in which they are to be shown.
    most : int
        Tasks a part, at most.

    Examples
    --------
    >>> parts([])
    []
    """
    tasks = list(dict.fromkeys(example.task for example in examples))
    count = -(-len(tasks) // most)
    ends = [round(number * len(tasks) / max(count, 1)) for number in range(count + 1)]
    found = []
    for number, (first, last) in enumerate(pairwise(ends), 1):
        chosen = tuple(tasks[first:last])
        of_part = tuple(example for example in examples if example.task in chosen)
        found.append(Part(number, count, chosen, of_part))
    return found


def draw(page: Page, study: Study) -> str:
    """Glue the figures of a study's examples; the text that shows them, as MyST.

    Parameters
    ----------
    page : Page
        Of the notebook.
    study : Study
    """
    done = study.rows[(study.rows.experiment == "mode") & (study.rows.status == "ok")]
    # A model may take no points, or no boxes.
    modes = tuple(mode for mode in MODES if mode in set(done.k))
    examples = study.examples(modes, rank_by=max(modes, default=None))
    source = figures.Source.run(study.label)
    blocks = [_summary(examples)]
    for part in parts(examples):
        drawn = figures.percentile_examples(part.examples, source=source, titles=study.titles)
        page.figure(part.name, Photo(drawn), table(part.examples))
        blocks.append(_part_block(part, done, study))
    blocks += [
        f"No example of **{plain(study.titles[task])}**: {plain(_why_left_out(study.rows, task))}."
        for task in study.titles
        if task not in set(done[done.k.isin(MODES)].task)
    ]
    return "\n\n".join(blocks)


def _why_left_out(rows: pd.DataFrame, task: str) -> str:
    """How many cases of a task are empty, how many could not be read, and one reason."""
    cases = rows[rows.task == task].drop_duplicates("image")
    counts = cases.status.value_counts().to_dict()
    words = ", ".join(f"{n} {status}" for status, n in counts.items() if status != "ok")
    reasons = cases.reason.dropna()
    return (words or "no case") + (f" (such as: {reasons.iloc[0]})" if len(reasons) else "")


def _summary(examples: Sequence[Example]) -> str:
    """What the images that are shown say of points and boxes, in a sentence or two of MyST."""
    if not examples:
        return "There is no example to show: no case gave a result."
    tasks = len({one.task for one in examples})
    iou = {(one.task, one.percentile, one.k): one.iou for one in examples}
    modes = sorted({k for *_, k in iou})
    count = len(examples) // len(modes)
    words = f"**{count} images of {tasks} task{'s' * (tasks > 1)}** in this run."
    if modes != list(MODES):
        return f"{words} The model is asked for {_WORDS[modes[0]]} only."
    slots = {(task, percentile) for task, percentile, _ in iou}
    wins = sum(iou[*slot, 4] > iou[*slot, 2] for slot in slots)
    return (
        f"{words} A box for each region (mode 4) has a higher IoU than a point for each region "
        f"(mode 2) on {wins} of them. As the images are ranked by mode 4, this is a look at them, "
        "not a comparison of the modes."
    )


def _part_block(part: Part, done: pd.DataFrame, study: Study) -> str:
    titles: Mapping[str, str] = study.titles
    modes = sorted({example.k for example in part.examples})
    prompts = " and of ".join(_WORDS[mode] for mode in modes)
    ranked = done[(done.k == modes[-1]) & (done.choice == "top")]
    n = ranked.groupby("task").image.nunique()
    tasks = ", ".join(f"{plain(titles[task])} (n = {n[task]})" for task in part.tasks)
    alt = ", ".join(" ".join(titles[task].split()) for task in part.tasks)
    block = figure_block(
        part.name,
        f"This run. {alt}: images at the 25th, 50th and 75th percentile of IoU with the results of "
        f"{prompts}; ground truth green, prediction red, prompts teal.",
        f"Examples, part {part.number} of {part.of}, from **this run**: {plain(study.label)}.",
        f"Tasks: {tasks}; n counts images, of which those at the 25th, 50th and 75th",
        f"percentile of the IoU of mode {modes[-1]} are shown. Results of",
        f"{prompts}, the {MASKS[study.protocol.top]} mask of each prompt. Not the paper's numbers.",
    )
    return f":::{{div}} full-width\n{block}\n:::"
