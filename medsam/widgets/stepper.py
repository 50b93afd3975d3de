"""Step through the clicks of Algorithm 1 on a few cases, as Fig. 6 shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from medsam.analysis.examples import Example, steps
from medsam.errors import InputError
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.cases import CaseWidget, around, check_examples, titled
from medsam.widgets.kit.state import CHOICES, Pools
from medsam.widgets.kit.still import Still, example_still

MAX_CASES = 8
"""At most so many cases: each brings a mask for every click into the page."""


def _check_case(task: str, case: Sequence[Example]) -> None:
    """Stop at clicks that are not one case of Algorithm 1."""
    points, labels = case[-1].prompt.points, case[-1].prompt.labels
    for e in case:
        same = np.array_equal(e.prompt.points, points[: e.k])
        if not same or not np.array_equal(e.prompt.labels, labels[: e.k]):
            raise InputError(
                f"Task {task!r}, click {e.k}: points {e.prompt.points.tolist()}. Allowed: the "
                f"first {e.k} of the last prompt. Take the clicks of one run."
            )


class ClickStepper(CaseWidget):
    """Go from click to click; see what each changed, and what is still wrong.

    Ground truth is drawn in solid green, the prediction in dashed red, both exactly on pixel
    edges; positive clicks are teal stars, negative ones magenta minus signs, all numbered.
    The selection is in the synced traits ``task`` and ``step``, to be read, set, observed or
    linked. It opens on the case that ends best.

    Parameters
    ----------
    examples : sequence of Example
        Of one model, protocol and choice of mask; of each task one image with its clicks
        1, 2, 3, ..., as :func:`medsam.analysis.examples.step_slots` and
        :func:`medsam.analysis.examples.of_rows` give them. At most :data:`MAX_CASES` tasks.
    tasks : mapping of str to str, optional
        Title of each task by its key, in the order of the menu; tasks without a case are left
        out. By default the keys themselves, in order of appearance.

    Raises
    ------
    InputError
        If there is no case or there are too many, or the clicks of a task are not those of
        one case.
    UnknownName
        If an example's task has no title, or the selection names a task that is not there.
    """

    _esm = bundle(Path(__file__).with_suffix(".js"))
    _css = styles(Path(__file__).with_suffix(".css"))

    step = traitlets.Int(help="Number of clicks shown, from 1.").tag(sync=True)

    def __init__(self, examples: Sequence[Example], tasks: Mapping[str, str] | None = None):
        examples = list(examples)
        titles = titled(examples, tasks)
        check_examples(examples, ("model", "protocol", "choice"))
        if len(titles) > MAX_CASES:
            raise InputError(
                f"{len(titles)} cases to step through. Allowed: 1 to {MAX_CASES}. Take fewer tasks."
            )
        pools = Pools()
        cases: dict[str, list[dict[str, Any]]] = {}
        found = steps(examples)
        for task in titles:
            _check_case(task, found[task])
            view = around(found[task][0].mask, found[task][-1].prompt.points)
            cases[task] = [pools.case(e, view) for e in found[task]]
        ends = [found[task][-1] for task in titles]
        self._last = last = max(ends, key=lambda e: e.iou if e.iou == e.iou else -1)
        super().__init__(
            about=f"{last.model}, protocol {last.protocol}, {CHOICES[last.choice]}",
            tasks=list(map(list, titles.items())),
            images=pools.images.values,
            masks=pools.masks.values,
            cases=cases,
            task=last.task,
            step=1,
        )

    @traitlets.validate("step")
    def _step_is_there(self, proposal: Mapping[str, Any]) -> int:
        step, last = int(proposal["value"]), len(self.cases.get(self.task, ()))
        if last and not 1 <= step <= last:
            raise InputError(f"Step {step} of task {self.task!r}. Allowed: 1 to {last}.")
        return step

    @traitlets.observe("task")
    def _step_stays_inside(self, change: Mapping[str, Any]) -> None:
        if change["new"] in self.cases:
            self.step = max(1, min(self.step, len(self.cases[change["new"]])))

    def still(self) -> Still:
        """The case that ends best with all its clicks, for a browser that runs no scripts."""
        e = self._last
        drawn = (
            f"{dict(self.tasks)[e.task]}, {e.image_id}: ground truth in green, the "
            f"prediction after {e.k} clicks in red (IoU {e.iou:.3f}), the clicks numbered; "
            "stars are positive, minus signs negative."
        )
        more = "With JavaScript enabled you can step through the clicks."
        return example_still([(e, around(e.mask, e.prompt.points))], drawn, more, numbered=True)
