"""Switch among the five ways of prompting on one image, and see why a box beats a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets

from medsam.errors import InputError
from medsam.prompts import MODES
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.cases import (
    CaseWidget,
    Pools,
    around,
    check_allowed,
    check_example,
    check_one_run,
    titled,
)
from medsam.widgets.kit.state import CHOICES, number
from medsam.widgets.kit.still import Still, example_still

if TYPE_CHECKING:  # medsam.analysis.examples brings pandas and the models; a widget needs neither
    from medsam.analysis.examples import Example

__all__ = ["ModeSwitcher"]

Slot = tuple[str, int]
"""Task and percentile: one image."""


def _slots(
    examples: Sequence[Example], titles: Mapping[str, str]
) -> dict[Slot, dict[tuple[int, str], Example]]:
    """The examples of each slot by mode and choice of mask."""
    if not examples:
        raise InputError(
            "No examples to switch among. Allowed: at least one medsam.analysis.examples.Example. "
            "Choose cases with medsam.analysis.examples.slots, ranked by one mode, then predict_again."
        )
    check_one_run(examples, ("model", "protocol"), "a switcher")
    found: dict[Slot, dict[tuple[int, str], Example]] = {}
    for e in examples:
        where = f"Example {e.image_id!r} of task {e.task!r}, mode {e.k}, {e.choice}"
        if e.k not in MODES or e.choice not in CHOICES:
            raise InputError(
                f"{where}: no such mode or choice. Allowed: modes 1 to 5, {' and '.join(CHOICES)}."
            )
        check_example(e, where, titles)
        slot = found.setdefault((e.task, e.percentile), {})
        first = next(iter(slot.values()), e)
        if first.image_id != e.image_id or not np.array_equal(first.mask, e.mask):
            raise InputError(
                f"{where}, percentile {e.percentile}: the slot shows {first.image_id!r}. Allowed: "
                "one image and object a slot. Let one mode rank the images (rank_by)."
            )
        if (e.k, e.choice) in slot:
            raise InputError(f"{where}, percentile {e.percentile}: twice. Allowed: once. Drop one.")
        slot[e.k, e.choice] = e
    return found


class ModeSwitcher(CaseWidget):
    """Go from mode to mode on one image; the IoU of each mode is a bar, and the bars the switch.

    Ground truth is drawn in solid green, the prediction in dashed red, both exactly on pixel
    edges; prompts are teal, stars for points. The selection is in the synced traits ``task``,
    ``percentile``, ``mode`` and ``choice``, to be read, set, observed or linked.

    Parameters
    ----------
    examples : sequence of Example
        Of one model and protocol. All examples of a task and percentile show one image, as
        :func:`medsam.analysis.examples.slots` gives them with ``rank_by`` and ``show``; each mode and
        choice of mask at most once. What is missing is shown as "no result".
    tasks : mapping of str to str, optional
        Title of each task by its key, in the order of the menu; tasks without a case are left
        out. By default the keys themselves, in order of appearance.

    Raises
    ------
    InputError
        If there are no examples, or those of a slot are not of one image.
    UnknownName
        If an example's task has no title, or the selection names a task that is not there.
    """

    _esm = bundle(Path(__file__).with_suffix(".js"))
    _css = styles(Path(__file__).with_suffix(".css"))

    percentile = traitlets.Int(help="Percentile shown.").tag(sync=True)
    mode = traitlets.Int(help="Mode shown, 1 to 5.").tag(sync=True)
    choice = traitlets.Unicode(help="Choice of mask: top or oracle.").tag(sync=True)

    percentiles: traitlets.List[Any] = traitlets.List(help="The percentiles, ascending.").tag(
        sync=True
    )
    modes: traitlets.List[Any] = traitlets.List(help="[mode, words] of each mode.").tag(sync=True)
    choices: traitlets.List[Any] = traitlets.List(help="[choice, words] of each.").tag(sync=True)

    def __init__(self, examples: Sequence[Example], tasks: Mapping[str, str] | None = None):
        examples = list(examples)
        titles = titled(examples, tasks)
        slots = _slots(examples, titles)
        pools = Pools()
        cases: dict[str, dict[str, Any]] = {}
        for (task, percentile), of_slot in slots.items():
            first = next(iter(of_slot.values()))
            results: dict[str, dict[str, Any]] = {}
            for (k, choice), e in of_slot.items():
                results.setdefault(str(k), pools.prompt(e))[choice] = {
                    "prediction": pools.masks.add(e.prediction),
                    **{name: number(getattr(e, name)) for name in ("iou", "score")},
                }
            cases.setdefault(task, {})[str(percentile)] = {
                **pools.object(first),
                "view": around(first.mask, margin=0.5),
                "modes": results,
            }
        modes = sorted({e.k for e in examples})
        percentiles = sorted({e.percentile for e in examples})
        choices = [name for name in CHOICES if any(e.choice == name for e in examples)]
        shown = [key for key in titles if key in cases]
        self._slots, self._titles = slots, titles
        super().__init__(
            about=f"{examples[0].model}, protocol {examples[0].protocol}",
            tasks=[[key, titles[key]] for key in shown],
            percentiles=percentiles,
            modes=[[k, MODES[k]] for k in modes],
            choices=[[name, CHOICES[name]] for name in choices],
            images=pools.images.values,
            masks=pools.masks.values,
            cases=cases,
            task=shown[0],
            percentile=percentiles[len(percentiles) // 2],
            mode=modes[0],
            choice=choices[0],
        )

    @traitlets.validate("percentile", "mode", "choice")
    def _value_is_there(self, proposal: Mapping[str, Any]) -> Any:
        allowed = {
            "percentile": self.percentiles,
            "mode": [k for k, _ in self.modes],
            "choice": [choice for choice, _ in self.choices],
        }
        return check_allowed(proposal, allowed, repr)

    def still(self) -> Still:
        """What is shown now, or else a first result, for a reader whose browser runs no scripts."""
        near = self._slots.get((self.task, self.percentile)) or next(iter(self._slots.values()))
        e = near.get((self.mode, self.choice)) or next(iter(near.values()))
        others = ", ".join(
            f"{k}: {near[k, e.choice].iou:.3f}" for k in MODES if (k, e.choice) in near
        )
        drawn = (
            f"{self._titles[e.task]}, {e.image_id}, mode {e.k} ({MODES[e.k]}): ground truth in "
            f"solid green, the {CHOICES[e.choice]} in dashed red, the prompt in teal. "
            f"IoU by mode: {others}."
        )
        more = "With scripts the reader goes from mode to mode."
        return example_still(e, around(e.mask, margin=0.5), drawn, more)

    def __repr__(self) -> str:
        """Words for where no widget can be shown: a terminal, a diff, a plain-text export."""
        modes = ", ".join(str(k) for k, _ in self.modes)
        count = f"{len(self._slots)} case{'s' if len(self._slots) > 1 else ''}"
        return f"ModeSwitcher({self.about}; {count}, modes {modes})"
