"""Browse the cases at the 25th, 50th and 75th percentile, as Fig. 3 and Fig. 11-16 show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

__all__ = ["PercentileBrowser"]


def _check(examples: Sequence[Example], titles: Mapping[str, str]) -> None:
    """Stop at what the widget could not show honestly."""
    if not examples:
        raise InputError(
            "No examples to browse. Allowed: at least one medsam.analysis.examples.Example. "
            "Choose cases with medsam.analysis.examples.slots, then predict_again."
        )
    check_one_run(examples, ("model", "protocol", "choice"), "a browser")
    seen: dict[tuple[str, int, int], str] = {}
    for e in examples:
        where = f"Example {e.image_id!r} of task {e.task!r}, mode {e.k}"
        if e.k not in MODES:
            raise InputError(f"{where}: no such mode. Allowed: 1, 2, 3, 4 or 5.")
        check_example(e, where, titles)
        slot = (e.task, e.k, e.percentile)
        if slot in seen:
            raise InputError(
                f"{where}, percentile {e.percentile}: the slot already holds {seen[slot]!r}. "
                "Allowed: one example for a task, mode and percentile."
            )
        seen[slot] = e.image_id


class PercentileBrowser(CaseWidget):
    """Choose a task, a mode and a percentile; see the object, the prediction and the prompt.

    Ground truth is drawn in solid green, the prediction in dashed red, both exactly on
    pixel edges; prompts are teal, stars for points. The selection is in the synced traits
    ``task``, ``mode`` and ``percentile``, to be read, set, observed or linked.

    Parameters
    ----------
    examples : sequence of Example
        Of one model, protocol and choice of mask; at most one for a task, mode and
        percentile. A slot without an example is shown as "no case here".
    tasks : mapping of str to str, optional
        Title of each task by its key, in the order of the menu; the keys themselves, in
        order of appearance, by default.

    Raises
    ------
    InputError
        If there are no examples, two of one slot, or masks and images of different size.
    UnknownName
        If an example's task has no title, or the selection names a task that is not there.
    """

    _esm = bundle(Path(__file__).with_suffix(".js"))
    _css = styles(Path(__file__).with_suffix(".css"))

    mode = traitlets.Int(help="Mode shown, 1 to 5.").tag(sync=True)
    percentile = traitlets.Int(help="Percentile shown.").tag(sync=True)

    modes: traitlets.List[Any] = traitlets.List(help="[mode, words] of each mode.").tag(sync=True)
    percentiles: traitlets.List[Any] = traitlets.List(help="The percentiles, ascending.").tag(
        sync=True
    )

    def __init__(self, examples: Sequence[Example], tasks: Mapping[str, str] | None = None):
        examples = list(examples)
        titles = titled(examples, tasks)
        _check(examples, titles)
        pools = Pools()
        cases: dict[str, dict[str, dict[str, Any]]] = {}
        for e in examples:
            of_mode = cases.setdefault(e.task, {}).setdefault(str(e.k), {})
            of_mode[str(e.percentile)] = {
                **pools.object(e),
                "prediction": pools.masks.add(e.prediction),
                **pools.prompt(e),
                **{name: number(getattr(e, name)) for name in ("iou", "dice", "score")},
            }
        self._examples, self._titles = examples, titles
        first = examples[0]
        modes = sorted({e.k for e in examples})
        percentiles = sorted({e.percentile for e in examples})
        super().__init__(
            about=f"{first.model}, protocol {first.protocol}, {CHOICES[first.choice]}",
            tasks=[[key, title] for key, title in titles.items()],
            modes=[[k, MODES[k]] for k in modes],
            percentiles=percentiles,
            images=pools.images.values,
            masks=pools.masks.values,
            cases=cases,
            task=next(iter(titles)),
            mode=modes[0],
            percentile=percentiles[len(percentiles) // 2],
        )

    @traitlets.validate("mode", "percentile")
    def _number_is_there(self, proposal: Mapping[str, Any]) -> int:
        allowed = {"mode": [k for k, _ in self.modes], "percentile": self.percentiles}
        return int(check_allowed(proposal, allowed))

    @property
    def case(self) -> dict[str, Any] | None:
        """What is shown now, or ``None`` where the slot holds no case."""
        of_mode = self.cases.get(self.task, {}).get(str(self.mode), {})
        found: dict[str, Any] | None = of_mode.get(str(self.percentile))
        return found

    def still(self) -> Still:
        """What is shown now, or else the first case, for a reader whose browser runs no scripts."""
        shown = (self.task, self.mode, self.percentile)
        slots = {(e.task, e.k, e.percentile): e for e in reversed(self._examples)}
        e = slots.get(shown, self._examples[0])
        drawn = (
            f"{self._titles[e.task]}, mode {e.k} ({MODES[e.k]}), percentile {e.percentile}, "
            f"{e.image_id}: ground truth in solid green, the prediction in dashed red "
            f"(IoU {e.iou:.3f}), the prompt in teal."
        )
        more = "With scripts the reader goes through every task, mode and percentile."
        return example_still(e, around(e.mask, margin=0.5), drawn, more)

    def __repr__(self) -> str:
        """Words for where no widget can be shown: a terminal, a diff, a plain-text export."""
        modes = ", ".join(str(k) for k, _ in self.modes)
        percentiles = ", ".join(map(str, self.percentiles))
        return (
            f"PercentileBrowser({self.about}; {len(self.tasks)} tasks, modes {modes}, "
            f"percentiles {percentiles}; {len(self.images)} images)"
        )
