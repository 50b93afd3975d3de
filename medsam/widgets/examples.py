"""Two views of example cases: five modes on one image, and the cases at three percentiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import traitlets

from medsam.analysis.examples import Example
from medsam.errors import InputError
from medsam.prompts import MODES
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.cases import ModeWidget, around, check_examples, check_one_of, titled
from medsam.widgets.kit.state import CHOICES, Pools
from medsam.widgets.kit.still import Still, example_still

__all__ = ["ModeSwitcher", "PercentileBrowser"]

HERE = Path(__file__).parent


class ExampleWidget(ModeWidget):
    """Examples by task, percentile, mode and choice of mask.

    Ground truth is drawn in solid green, the prediction in dashed red, both exactly on pixel
    edges; prompts are teal, stars for points. The selection is in the synced traits ``task``,
    ``percentile``, ``mode`` and ``choice``, to be read, set, observed or linked.

    Parameters
    ----------
    examples : sequence of Example
        Each at most once; what is missing is shown as such.
    tasks : mapping of str to str, optional
        Title of each task by its key, in the order of the menu; tasks without a case are left
        out. By default the keys themselves, in order of appearance.

    Raises
    ------
    InputError
        If there are no examples, they are of several runs, or two are of one place.
    UnknownName
        If an example's task has no title, or the selection names a task that is not there.
    """

    _same: ClassVar[tuple[str, ...]]

    percentile = traitlets.Int(help="Percentile shown.").tag(sync=True)
    percentiles: traitlets.List[Any] = traitlets.List(help="All, ascending.").tag(sync=True)

    def __init__(self, examples: Sequence[Example], tasks: Mapping[str, str] | None = None):
        self._examples, pools = list(examples), Pools()
        titles = titled(self._examples, tasks)
        check_examples(self._examples, self._same)
        cases: dict[str, dict[str, dict[str, dict[str, Any]]]] = {task: {} for task in titles}
        for e in self._examples:
            slot = cases[e.task].setdefault(str(e.percentile), {}).setdefault(str(e.k), {})
            if e.choice in slot:
                raise InputError(
                    f"Two examples of task {e.task!r}, percentile {e.percentile}, mode {e.k}, "
                    f"{e.choice}. Allowed: one. Drop {slot[e.choice]['id']!r} or {e.image_id!r}."
                )
            slot[e.choice] = pools.case(e, around(e.mask, margin=0.5))
        choices = {e.choice for e in self._examples}
        percentiles = sorted({e.percentile for e in self._examples})
        first = self._examples[0]
        about = [first.model, f"protocol {first.protocol}"]
        super().__init__(
            about=", ".join(about + [CHOICES[first.choice]] * ("choice" in self._same)),
            tasks=list(map(list, titles.items())),
            modes={e.k for e in self._examples},
            choices=choices,
            percentiles=percentiles,
            images=pools.images.values,
            masks=pools.masks.values,
            cases=cases,
            task=next(iter(titles)),
            percentile=percentiles[len(percentiles) // 2],
            mode=min(e.k for e in self._examples),
            choice=next(name for name in CHOICES if name in choices),
        )

    @traitlets.validate("percentile")
    def _percentile_is_there(self, proposal: Mapping[str, Any]) -> int:
        return int(check_one_of(proposal, self.percentiles))

    def _of_image(self) -> list[Example]:
        """The examples of the task and percentile shown; all where these have none."""
        place = (self.task, self.percentile)
        return [e for e in self._examples if (e.task, e.percentile) == place] or self._examples

    def _shown(self) -> Example:
        """The example shown, or else the first of its image."""
        near = self._of_image()
        return next((e for e in near if (e.k, e.choice) == (self.mode, self.choice)), near[0])

    def __repr__(self) -> str:
        """Words for where no widget can be shown: a terminal, a diff, a plain-text export."""
        modes = ", ".join(str(k) for k, _ in self.modes)
        percentiles = ", ".join(map(str, self.percentiles))
        return (
            f"{type(self).__name__}({self.about}; {len(self.tasks)} tasks, modes {modes}, "
            f"percentiles {percentiles}; {len(self.images)} images)"
        )


class ModeSwitcher(ExampleWidget):
    """Go from mode to mode on one image; the IoU of each mode is a bar, and the bars the switch.

    Parameters and errors are those of :class:`ExampleWidget`. The examples are of one model and
    protocol, those of a task and percentile of one object, as
    :func:`medsam.analysis.examples.slots` gives them with ``rank_by`` and ``show``.
    """

    _esm, _css = bundle(HERE / "modes.js"), styles(HERE / "modes.css")
    _same = ("model", "protocol")

    def __init__(self, examples: Sequence[Example], tasks: Mapping[str, str] | None = None):
        super().__init__(examples, tasks)
        first: dict[tuple[str, int], Example] = {}
        for e in self._examples:
            one = first.setdefault((e.task, e.percentile), e)
            if one.image_id != e.image_id or not np.array_equal(one.mask, e.mask):
                raise InputError(
                    f"Task {e.task!r}, percentile {e.percentile}: images {one.image_id!r} and "
                    f"{e.image_id!r}. Allowed: one image and object. Let one mode rank (rank_by)."
                )

    def still(self) -> Still:
        """What is shown now, or else a first result, for a reader whose browser runs no scripts."""
        e = self._shown()
        ious = {one.k: one.iou for one in self._of_image() if one.choice == e.choice}
        drawn = (
            f"{dict(self.tasks)[e.task]}, {e.image_id}, mode {e.k} ({MODES[e.k]}): ground truth in "
            f"solid green, the {CHOICES[e.choice]} in dashed red, the prompt in teal. "
            f"IoU by mode: {', '.join(f'{k}: {iou:.3f}' for k, iou in sorted(ious.items()))}."
        )
        more = "With scripts the reader goes from mode to mode."
        return example_still(e, around(e.mask, margin=0.5), drawn, more)


class PercentileBrowser(ExampleWidget):
    """Choose a task, a mode and a percentile, as in Fig. 3 and Fig. 11-16.

    Parameters and errors are those of :class:`ExampleWidget`. The examples are of one model,
    protocol and choice of mask.
    """

    _esm, _css = bundle(HERE / "percentiles.js"), styles(HERE / "percentiles.css")
    _same = ("model", "protocol", "choice")

    def still(self) -> Still:
        """What is shown now, or else a first case, for a reader whose browser runs no scripts."""
        e = self._shown()
        drawn = (
            f"{dict(self.tasks)[e.task]}, mode {e.k} ({MODES[e.k]}), percentile {e.percentile}, "
            f"{e.image_id}: ground truth in solid green, the prediction in dashed red "
            f"(IoU {e.iou:.3f}), the prompt in teal."
        )
        more = "With scripts the reader goes through every task, mode and percentile."
        return example_still(e, around(e.mask, margin=0.5), drawn, more)
