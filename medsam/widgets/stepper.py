"""Step through the clicks of Algorithm 1 on a few cases, as Fig. 6 shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from medsam.errors import InputError, UnknownName
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.runs import runs_text
from medsam.widgets.kit.state import CHOICES, Pool, data_uri, number
from medsam.widgets.kit.still import TRUTH, Still, painted

if TYPE_CHECKING:  # medsam.examples brings pandas and the models; a widget needs neither
    from medsam.examples import Example

__all__ = ["MAX_CASES", "ClickStepper"]

MAX_CASES = 8
"""At most so many cases: each brings a mask for every click into the page."""


def _view(mask: NDArray[np.bool_], points: NDArray[np.float64]) -> list[int]:
    """A window around the object and all clicks, as a box with both ends inside."""
    y, x = np.nonzero(mask)
    height, width = mask.shape
    corners = [*zip(x, y, strict=True), *points]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    # What surrounds the object explains the errors.
    margin = max(8.0, 0.3 * float((high - low).max()))
    return [
        int(max(0, low[0] - margin)),
        int(max(0, low[1] - margin)),
        int(min(width - 1, high[0] + margin)),
        int(min(height - 1, high[1] + margin)),
    ]


def _check_case(task: str, steps: Sequence[Example]) -> None:
    """Stop at clicks that are not one case of Algorithm 1."""
    first, last = steps[0], steps[-1]
    where = f"Task {task!r}"
    images = sorted({e.image_id for e in steps})
    if len(images) > 1:
        raise InputError(
            f"{where}: clicks on images {images}. Allowed: one image a task. "
            "Choose cases with medsam.steps.slots."
        )
    numbers = [e.k for e in steps]
    if numbers != list(range(1, len(steps) + 1)):
        raise InputError(
            f"{where}: clicks {numbers}. Allowed: 1, 2, 3, ..., each once. "
            "Take every row that medsam.steps.slots gives of the task."
        )
    if not first.mask.any():
        raise InputError(
            f"{where}: an object without a pixel. Allowed: at least one. Leave the case out."
        )
    for e in steps:
        if not e.image.shape[:2] == e.mask.shape == e.prediction.shape:
            raise InputError(
                f"{where}, click {e.k}: image {e.image.shape}, mask {e.mask.shape}, prediction "
                f"{e.prediction.shape}. Allowed: one height and width."
            )
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
    kinds = sorted({(e.model, e.protocol, e.choice) for e in examples})
    if len(kinds) > 1:
        raise InputError(
            f"Examples of several models, protocols or choices of mask: {kinds}. "
            "Allowed: one of each. Make a stepper for each."
        )
    found: dict[str, list[Example]] = {}
    for e in sorted(examples, key=lambda e: e.k):
        if e.task not in titles:
            raise UnknownName("task of an example", e.task, titles)
        found.setdefault(e.task, []).append(e)
    if not 1 <= len(found) <= MAX_CASES:
        raise InputError(
            f"{len(found)} cases to step through. Allowed: 1 to {MAX_CASES}. "
            "Choose cases with medsam.steps.slots, then medsam.examples.predict_again."
        )
    for task, steps in found.items():
        _check_case(task, steps)
    return {task: found[task] for task in titles if task in found}


class ClickStepper(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Go from click to click; see what each changed, and what is still wrong.

    Ground truth is drawn in solid green, the prediction in dashed red, both exactly on pixel
    edges; positive clicks are teal stars, negative ones magenta minus signs, all numbered.
    The selection is in the synced traits ``task`` and ``step``, to be read, set, observed or
    linked.

    Parameters
    ----------
    examples : sequence of Example
        Of one model, protocol and choice of mask; of each task one image with its clicks
        1, 2, 3, ..., as :func:`medsam.steps.slots` and
        :func:`medsam.examples.predict_again` give them. At most :data:`MAX_CASES` tasks.
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

    task = traitlets.Unicode(help="Key of the task shown.").tag(sync=True)
    step = traitlets.Int(help="Number of clicks shown, from 1.").tag(sync=True)

    about = traitlets.Unicode(help="Model, protocol and choice of mask, in words.").tag(sync=True)
    tasks: traitlets.List[Any] = traitlets.List(help="[key, title] of each task.").tag(sync=True)
    images = traitlets.Dict(help="Pictures as data URIs, by name.").tag(sync=True)
    masks = traitlets.Dict(help="Masks: run lengths as text, by name.").tag(sync=True)
    cases = traitlets.Dict(help="Case of each task, with its clicks and steps.").tag(sync=True)

    def __init__(self, examples: Sequence[Example], tasks: Mapping[str, str] | None = None):
        examples = list(examples)
        titles = dict(tasks) if tasks is not None else {e.task: e.task for e in examples}
        found = _cases(examples, titles)
        images, masks = Pool("i", data_uri), Pool("m", runs_text)
        cases: dict[str, dict[str, Any]] = {}
        for task, steps in found.items():
            first, prompt = steps[0], steps[-1].prompt
            cases[task] = {
                "id": first.image_id,
                "size": list(first.mask.shape),
                "view": _view(first.mask, prompt.points),
                "image": images.add(first.image),
                "truth": masks.add(first.mask),
                "points": prompt.points.tolist(),
                "labels": prompt.labels.tolist(),
                "steps": [
                    {"prediction": masks.add(e.prediction), "iou": number(e.iou)} for e in steps
                ],
            }
        task, steps = next(iter(found.items()))
        self._shown_still = steps[-1]
        self._title = titles[task]
        super().__init__(
            about=f"{steps[0].model}, protocol {steps[0].protocol}, {CHOICES[steps[0].choice]}",
            tasks=[[key, titles[key]] for key in found],
            images=images.values,
            masks=masks.values,
            cases=cases,
            task=task,
            step=1,
        )

    @traitlets.validate("task")
    def _task_is_there(self, proposal: Mapping[str, Any]) -> str:
        if self.cases and proposal["value"] not in self.cases:
            raise UnknownName("task", proposal["value"], self.cases)
        return str(proposal["value"])

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
        x0, y0, x1, y1 = _view(e.mask, e.prompt.points)
        part = slice(y0, y1 + 1), slice(x0, x1 + 1)
        picture = painted(
            e.image[part],
            [(e.mask[part], TRUTH), (e.prediction[part], (255, 92, 92))],
            [(x - x0, y - y0) for x, y in e.prompt.points],
            scale=max(2, 400 // max(x1 - x0 + 1, y1 - y0 + 1)),
        )
        drawn = (
            f"{self._title}, {e.image_id}: ground truth outlined in green, the prediction after "
            f"{e.k} clicks in red (IoU {e.iou:.3f}), the clicks as crosses."
        )
        return Still(picture, drawn, f"{drawn} With scripts the reader goes from click to click.")

    def state_bytes(self) -> int:
        """Size of the data that a page with this widget carries, its code excluded."""
        return len(json.dumps([self.images, self.masks, self.cases], separators=(",", ":")))

    def __repr__(self) -> str:
        """Words for where no widget can be shown: a terminal, a diff, a plain-text export."""
        most = max(len(case["steps"]) for case in self.cases.values())
        return f"ClickStepper({self.about}; {len(self.cases)} cases, up to {most} clicks)"
