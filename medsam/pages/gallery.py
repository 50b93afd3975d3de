"""Fig. 11-16: examples of every task, in parts that can be read, with their captions."""

from __future__ import annotations

import numpy as np

from medsam import figures
from medsam.analysis.examples import table
from medsam.figures.style import Photo
from medsam.pages.page import Page
from medsam.pages.study import MASKS, Study
from medsam.pages.text import plain

MODES = {2: "a point for each region (mode 2)", 4: "a box for each region (mode 4)"}
"""The modes that the paper shows."""

MOST = 5
"""Tasks a figure, at most."""

_BLOCK = """\
:::{{div}} full-width
```{{glue:figure}} {name}
:alt: This run. One row a task ({alt}): images at the 25th, 50th and 75th percentile of IoU with \
the results of {prompts}; ground truth green, prediction red, prompts teal.

Examples from **this run**: {label}. Tasks: {tasks}; n counts images, of which those at the 25th,
50th and 75th percentile of the IoU of mode {ranked} are shown. Results of {prompts}, the {mask}
mask of each prompt. Not the paper's numbers.

{{glue:}}`{name}-origin`
```
:::"""


def parts(tasks: list[str], most: int = MOST) -> list[list[str]]:
    """Tasks in as few parts as hold them, of nearly equal numbers.

    Examples
    --------
    >>> parts(["a", "b", "c"], 2)
    [['a', 'b'], ['c']]
    """
    count = -(-len(tasks) // most)
    return [list(map(str, part)) for part in np.array_split(tasks, count)] if tasks else []


def draw(page: Page, study: Study) -> str:
    """Glue the figures of a study's examples; the text that shows them, as MyST.

    Parameters
    ----------
    page : Page
        Of the notebook.
    study : Study
    """
    done = study.rows.query("experiment == 'mode' and status == 'ok' and choice == 'top'")
    # A model may take no points, or no boxes.
    modes = [mode for mode in MODES if mode in set(done.k)]
    ranked = max(modes, default=None)
    examples = study.examples(modes, rank_by=ranked)
    n = done[done.k == ranked].groupby("task").image.nunique()
    blocks = []
    for number, tasks in enumerate(parts([*dict.fromkeys(one.task for one in examples)]), 1):
        shown = [one for one in examples if one.task in tasks]
        source = figures.Source.run(study.label)
        drawn = figures.percentile_examples(shown, source=source, titles=study.titles)
        name = f"part-{number}"
        page.figure(name, Photo(drawn), table(shown))
        block = _BLOCK.format(
            name=name,
            alt=", ".join(" ".join(study.titles[task].split()) for task in tasks),
            prompts=" and of ".join(MODES[mode] for mode in modes),
            label=plain(study.label),
            tasks=", ".join(f"{plain(study.titles[task])} (n = {n[task]})" for task in tasks),
            ranked=ranked,
            mask=MASKS[study.protocol.top],
        )
        blocks.append(block)
    blocks += [
        f"No example of **{plain(title)}**: none of its cases has a result; `medsam summary "
        f"{study.settings.results}` says why."
        for task, title in study.titles.items()
        if task not in n
    ]
    return "\n\n".join(blocks)
