"""Step through the clicks of Algorithm 1 on a few cases, as Fig. 6 shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from medsam.errors import InputError
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.cases import CaseWidget, Pools, around, check_example, check_one_run, titled
from medsam.widgets.kit.state import CHOICES, number
from medsam.widgets.kit.still import Still, example_still

if TYPE_CHECKING:  # medsam.analysis.examples brings pandas and the models; a widget needs neither
    from medsam.analysis.examples import Example

__all__ = ["MAX_CASES", "ClickStepper"]

MAX_CASES = 8
"""At most so many cases: each brings a mask for every click into the page."""


def _check_case(task: str, steps: Sequence[Example], titles: Mapping[str, str]) -> None:
    """Stop at clicks that are not one case of Algorithm 1."""
    first, last = steps[0], steps[-1]
    where = f"Task {task!r}"
    images = sorted({e.image_id for e in steps})
    if len(images) > 1:
        raise InputError(
            f"{where}: clicks on images {images}. Allowed: one image a task. "
            "Choose cases with medsam.analysis.examples.step_slots."
        )
    numbers = [e.k for e in steps]
    if numbers != list(range(1, len(steps) + 1)):
        raise InputError(
            f"{where}: clicks {numbers}. Allowed: 1, 2, 3, ..., each once. "
            "Take every row that medsam.analysis.examples.step_slots gives of the task."
        )
    if not first.mask.any():
        raise InputError(
            f"{where}: an object without a pixel. Allowed: at least one. Leave the case out."
        )
    for e in steps:
        check_example(e, f"{where}, click {e.k}", titles)
        if not (
            np.array_equal(e.prompt.points, last.prompt.points[: e.k])
            and np.array_equal(e.prompt.labels, last.prompt.labels[: e.k])
        ):
            raise InputError(
                f"{where}, click {e.k}: the prompt has the points {e.prompt.points.tolist()}. "
                f"Allowed: the first {e.k} of the last prompt. Take the clicks of one run."
            )


def _cases(examples: Sequence[Example], titles: Mapping[str, str]) -> dict[str, list[Example]]:
    """The clicks of each task, in order."""
    check_one_run(examples, ("model", "protocol", "choice"), "a stepper")
    found: dict[str, list[Example]] = {}
    for e in sorted(examples, key=lambda e: e.k):
        found.setdefault(e.task, []).append(e)
    if not 1 <= len(found) <= MAX_CASES:
        raise InputError(
            f"{len(found)} cases to step through. Allowed: 1 to {MAX_CASES}. "
            "Choose cases with medsam.analysis.examples.step_slots, then medsam.analysis.examples.predict_again."
        )
    for task, steps in found.items():
        _check_case(task, steps, titles)
    return {task: found[task] for task in titles if task in found}


class ClickStepper(CaseWidget):
    """Go from click to click; see what each changed, and what is still wrong.

    Ground truth is drawn in solid green, the prediction in dashed red, both exactly on pixel
    edges; positive clicks are teal stars, negative ones magenta minus signs, all numbered.
    The selection is in the synced traits ``task`` and ``step``, to be read, set, observed or
    linked.

    Parameters
    ----------
    examples : sequence of Example
        Of one model, protocol and choice of mask; of each task one image with its clicks
        1, 2, 3, ..., as :func:`medsam.analysis.examples.step_slots` and
        :func:`medsam.analysis.examples.predict_again` give them. At most :data:`MAX_CASES` tasks.
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
        found = _cases(examples, titles)
        pools = Pools()
        cases: dict[str, dict[str, Any]] = {}
        for task, steps in found.items():
            first, prompt = steps[0], steps[-1].prompt
            cases[task] = {
                **pools.object(first),
                "view": around(first.mask, prompt.points),
                "points": prompt.points.tolist(),
                "labels": prompt.labels.tolist(),
                "steps": [
                    {"prediction": pools.masks.add(e.prediction), "iou": number(e.iou)}
                    for e in steps
                ],
            }
        task, steps = next(iter(found.items()))
        self._shown_still = steps[-1]
        self._title = titles[task]
        super().__init__(
            about=f"{steps[0].model}, protocol {steps[0].protocol}, {CHOICES[steps[0].choice]}",
            tasks=[[key, titles[key]] for key in found],
            images=pools.images.values,
            masks=pools.masks.values,
            cases=cases,
            task=task,
            step=1,
        )

    @traitlets.validate("step")
    def _step_is_there(self, proposal: Mapping[str, Any]) -> int:
        step = int(proposal["value"])
        if self.task in self.cases:
            last = len(self.cases[self.task]["steps"])
            if not 1 <= step <= last:
                raise InputError(
                    f"Step {step} of task {self.task!r}. Allowed: 1 to {last}, a step a click."
                )
        return step

    @traitlets.observe("task")
    def _step_stays_inside(self, change: Mapping[str, Any]) -> None:
        if change["new"] in self.cases:
            self.step = max(1, min(self.step, len(self.cases[change["new"]]["steps"])))

    def still(self) -> Still:
        """The first case with all its clicks, for a reader whose browser runs no scripts."""
        e = self._shown_still
        drawn = (
            f"{self._title}, {e.image_id}: ground truth in solid green, the prediction after "
            f"{e.k} clicks in dashed red (IoU {e.iou:.3f}), the clicks numbered; stars are "
            "positive, minus signs negative."
        )
        more = "With scripts the reader goes from click to click."
        return example_still(e, around(e.mask, e.prompt.points), drawn, more, numbered=True)

    def __repr__(self) -> str:
        """Words for where no widget can be shown: a terminal, a diff, a plain-text export."""
        most = max(len(case["steps"]) for case in self.cases.values())
        count = f"{len(self.cases)} case{'s' if len(self.cases) > 1 else ''}"
        return f"ClickStepper({self.about}; {count}, up to {most} clicks)"
