"""Browse the cases at the 25th, 50th and 75th percentile, as Fig. 3 and Fig. 11-16 show them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.runs import runs_text
from medsam.widgets.kit.state import CHOICES, Pool, data_uri, number

if TYPE_CHECKING:  # medsam.examples brings pandas and the models; a widget needs neither
    from medsam.examples import Example

__all__ = ["PercentileBrowser"]


def _check(examples: Sequence[Example], titles: Mapping[str, str]) -> None:
    """Stop at what the widget could not show honestly."""
    if not examples:
        raise InputError(
            "No examples to browse. Allowed: at least one medsam.examples.Example. "
            "Choose cases with medsam.examples.slots, then predict_again."
        )
    kinds = sorted({(e.model, e.protocol, e.choice) for e in examples})
    if len(kinds) > 1:
        raise InputError(
            f"Examples of several models, protocols or choices of mask: {kinds}. "
            "Allowed: one of each. Make a browser for each."
        )
    seen: dict[tuple[str, int, int], str] = {}
    for e in examples:
        where = f"Example {e.image_id!r} of task {e.task!r}, mode {e.k}"
        if e.k not in MODES:
            raise InputError(f"{where}: no such mode. Allowed: 1, 2, 3, 4 or 5.")
        if e.task not in titles:
            raise UnknownName("task of an example", e.task, titles)
        size = e.image.shape[:2]
        if e.mask.shape != size or e.prediction.shape != size:
            raise InputError(
                f"{where}: image {e.image.shape}, mask {e.mask.shape}, prediction "
                f"{e.prediction.shape}. Allowed: one height and width."
            )
        slot = (e.task, e.k, e.percentile)
        if slot in seen:
            raise InputError(
                f"{where}, percentile {e.percentile}: the slot already holds {seen[slot]!r}. "
                "Allowed: one example for a task, mode and percentile."
            )
        seen[slot] = e.image_id


class PercentileBrowser(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
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

    task = traitlets.Unicode(help="Key of the task shown.").tag(sync=True)
    mode = traitlets.Int(help="Mode shown, 1 to 5.").tag(sync=True)
    percentile = traitlets.Int(help="Percentile shown.").tag(sync=True)

    about = traitlets.Unicode(help="Model, protocol and choice of mask, in words.").tag(sync=True)
    tasks: traitlets.List[Any] = traitlets.List(help="[key, title] of each task.").tag(sync=True)
    modes: traitlets.List[Any] = traitlets.List(help="[mode, words] of each mode.").tag(sync=True)
    percentiles: traitlets.List[Any] = traitlets.List(help="The percentiles, ascending.").tag(
        sync=True
    )
    images = traitlets.Dict(help="Pictures as data URIs, by name.").tag(sync=True)
    masks = traitlets.Dict(help="Masks: run lengths as text, by name.").tag(sync=True)
    cases = traitlets.Dict(help="What stands in each slot: task, mode, percentile.").tag(sync=True)

    def __init__(self, examples: Sequence[Example], tasks: Mapping[str, str] | None = None):
        examples = list(examples)
        titles = dict(tasks) if tasks is not None else {e.task: e.task for e in examples}
        _check(examples, titles)
        images, masks = Pool("i", data_uri), Pool("m", runs_text)
        cases: dict[str, dict[str, dict[str, Any]]] = {}
        for e in examples:
            of_mode = cases.setdefault(e.task, {}).setdefault(str(e.k), {})
            of_mode[str(e.percentile)] = {
                "id": e.image_id,
                "size": list(e.mask.shape),
                "image": images.add(e.image),
                "truth": masks.add(e.mask),
                "prediction": masks.add(e.prediction),
                **{"points": [], "labels": [], "boxes": []},
                **json.loads(e.prompt.to_json()),
                **{name: number(getattr(e, name)) for name in ("iou", "dice", "score")},
            }
        first = examples[0]
        modes = sorted({e.k for e in examples})
        percentiles = sorted({e.percentile for e in examples})
        super().__init__(
            about=f"{first.model}, protocol {first.protocol}, {CHOICES[first.choice]}",
            tasks=[[key, title] for key, title in titles.items()],
            modes=[[k, MODES[k]] for k in modes],
            percentiles=percentiles,
            images=images.values,
            masks=masks.values,
            cases=cases,
            task=next(iter(titles)),
            mode=modes[0],
            percentile=percentiles[len(percentiles) // 2],
        )

    @traitlets.validate("task")
    def _task_is_there(self, proposal: Mapping[str, Any]) -> str:
        allowed = [key for key, _ in self.tasks]
        if allowed and proposal["value"] not in allowed:
            raise UnknownName("task", proposal["value"], allowed)
        return str(proposal["value"])

    @traitlets.validate("mode", "percentile")
    def _number_is_there(self, proposal: Mapping[str, Any]) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        allowed = [k for k, _ in self.modes] if name == "mode" else self.percentiles
        if allowed and value not in allowed:
            raise InputError(
                f"{name.capitalize()} {value}. Allowed: {', '.join(map(str, allowed))}."
            )
        return value

    @property
    def case(self) -> dict[str, Any] | None:
        """What is shown now, or ``None`` where the slot holds no case."""
        of_mode = self.cases.get(self.task, {}).get(str(self.mode), {})
        found: dict[str, Any] | None = of_mode.get(str(self.percentile))
        return found

    def state_bytes(self) -> int:
        """Size of the data that a page with this widget carries, its code excluded."""
        return len(json.dumps([self.images, self.masks, self.cases], separators=(",", ":")))

    def __repr__(self) -> str:
        """Words for where no widget can be shown: a terminal, a diff, a plain-text export."""
        modes = ", ".join(str(k) for k, _ in self.modes)
        percentiles = ", ".join(map(str, self.percentiles))
        return (
            f"PercentileBrowser({self.about}; {len(self.tasks)} tasks, modes {modes}, "
            f"percentiles {percentiles}; {len(self.images)} images)"
        )
