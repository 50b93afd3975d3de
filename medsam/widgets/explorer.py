"""Explore examples: every task, case, mode and choice of mask, as in Fig. 3 and Fig. 11-16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from medsam.analysis.examples import Example
from medsam.errors import InputError
from medsam.prompts import MODES
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.cases import ModeWidget, around, check_examples, titled
from medsam.widgets.kit.state import CHOICES, Pools
from medsam.widgets.kit.still import Still, example_still

_Place = tuple[str, int]  # task and percentile


class ExampleExplorer(ModeWidget):
    """Go from mode to mode, case to case and task to task; the IoU of each mode is a bar.

    Ground truth is drawn in solid green, the prediction in dashed red, both exactly on pixel
    edges; prompts are teal, stars for points. The selection is in the synced traits ``task``,
    ``percentile``, ``mode`` and ``choice``, to be read, set, observed or linked. It opens on the
    case whose modes differ most.

    Parameters
    ----------
    examples : sequence of Example
        Of one model and protocol, those of a task and percentile of one object, as
        :func:`medsam.analysis.examples.slots` gives them with ``rank_by`` and ``show``. Each at
        most once; what is missing is shown as such.
    tasks : mapping of str to str, optional
        Title of each task by its key, in the order of the menu; tasks without a case are left
        out. By default the keys themselves, in order of appearance.

    Raises
    ------
    InputError
        If there are no examples, they are of several runs, two are of one place, or those of a
        task and percentile are not of one object.
    UnknownName
        If an example's task has no title, or the selection names a task that is not there.
    """

    _esm = bundle(Path(__file__).with_suffix(".js"))
    _css = styles(Path(__file__).with_suffix(".css"))

    percentile = traitlets.Int(help="Percentile shown.").tag(sync=True)
    percentiles: traitlets.List[Any] = traitlets.List(help="All, ascending.").tag(sync=True)

    def __init__(self, examples: Sequence[Example], tasks: Mapping[str, str] | None = None):
        examples, pools = list(examples), Pools()
        titles = titled(examples, tasks)
        check_examples(examples, ("model", "protocol"))
        self._by_place: dict[_Place, list[Example]] = {}
        cases: dict[str, dict[str, dict[str, dict[str, Any]]]] = {task: {} for task in titles}
        for e in examples:
            others = self._by_place.setdefault((e.task, e.percentile), [])
            _check_beside(e, others)
            others.append(e)
            slot = cases[e.task].setdefault(str(e.percentile), {}).setdefault(str(e.k), {})
            slot[e.choice] = pools.case(e, around(e.mask, margin=0.5))
        choices = [name for name in CHOICES if name in {e.choice for e in examples}]
        first = max(self._by_place, key=lambda place: _spread(self._by_place[place], choices[0]))
        super().__init__(
            about=f"{examples[0].model}, protocol {examples[0].protocol}",
            tasks=list(map(list, titles.items())),
            modes={e.k for e in examples},
            choices=choices,
            percentiles=sorted({e.percentile for e in examples}),
            images=pools.images.values,
            masks=pools.masks.values,
            cases=cases,
            task=first[0],
            percentile=first[1],
            mode=min(e.k for e in examples),
            choice=choices[0],
        )

    def still(self) -> Still:
        """What is shown now, or else a first result, for a reader whose browser runs no scripts."""
        near = self._by_place.get((self.task, self.percentile)) or next(
            iter(self._by_place.values())
        )
        e = next((e for e in near if (e.k, e.choice) == (self.mode, self.choice)), near[0])
        ious = {one.k: one.iou for one in near if one.choice == e.choice}
        drawn = (
            f"{dict(self.tasks)[e.task]}, {e.image_id}, mode {e.k} ({MODES[e.k]}): ground truth in "
            f"green, the {CHOICES[e.choice]} in red, the prompt in teal. "
            f"IoU by mode: {', '.join(f'{k}: {iou:.3f}' for k, iou in sorted(ious.items()))}."
        )
        more = "With JavaScript enabled you can step through every task, case and mode."
        return example_still([(e, around(e.mask, margin=0.5))], drawn, more)


def _check_beside(e: Example, others: Sequence[Example]) -> None:
    """Stop at an example that is not of the object of the others, or is there already."""
    place = f"Task {e.task!r}, percentile {e.percentile}"
    for one in others:
        if (one.k, one.choice) == (e.k, e.choice):
            raise InputError(
                f"{place}: two examples of mode {e.k}, {e.choice}. Allowed: one. "
                f"Drop {one.image_id!r} or {e.image_id!r}."
            )
        if one.image_id != e.image_id or not np.array_equal(one.mask, e.mask):
            raise InputError(
                f"{place}: images {one.image_id!r} and {e.image_id!r}. Allowed: one image and "
                "object. Let one mode rank (rank_by)."
            )


def _spread(examples: Sequence[Example], choice: str) -> float:
    """By how much the modes differ."""
    ious = [e.iou for e in examples if e.choice == choice and np.isfinite(e.iou)]
    return max(ious) - min(ious) if ious else -1.0
