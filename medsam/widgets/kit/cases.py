"""A widget of cases: the task shown, pictures and masks, and what examples must have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from medsam.analysis.examples import Example
from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES
from medsam.widgets.kit.state import CHOICES


class CaseWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """What the widgets of cases share. The task shown can be read, set, observed or linked."""

    task = traitlets.Unicode(help="Key of the task shown.").tag(sync=True)

    about = traitlets.Unicode(help="Model, protocol and choice of mask, in words.").tag(sync=True)
    tasks: traitlets.List[Any] = traitlets.List(help="[key, title] of each task.").tag(sync=True)
    images = traitlets.Dict(help="Pictures as data URIs, by name.").tag(sync=True)
    masks = traitlets.Dict(help="Masks: run lengths as text, by name.").tag(sync=True)
    cases = traitlets.Dict(help="What is shown of each task.").tag(sync=True)

    @traitlets.validate("task", "mode", "choice", "percentile", "axis")
    def _is_there(self, proposal: Mapping[str, Any]) -> Any:
        """What is selected is among what the trait of that name in the plural lists."""
        name, value = proposal["trait"].name, proposal["value"]
        listed = getattr(self, "axes" if name == "axis" else f"{name}s")
        allowed = [one[0] if isinstance(one, list) else one for one in listed]
        if allowed and value not in allowed:
            raise UnknownName(name, str(value), map(str, allowed))
        return value

    def __repr__(self) -> str:
        """Words for where no widget can be shown: a terminal, a diff, a plain-text export."""
        shown = f"{len(self.tasks)} tasks, {len(self.images)} images"
        return f"{type(self).__name__}({self.about}; {shown})"


class ModeWidget(CaseWidget):
    """A widget in which a mode and a choice of mask are selected as well."""

    mode = traitlets.Int(help="Mode shown, 1 to 5.").tag(sync=True)
    choice = traitlets.Unicode(help="Choice of mask: top or oracle.").tag(sync=True)

    modes: traitlets.List[Any] = traitlets.List(help="[mode, words] of each mode.").tag(sync=True)
    choices: traitlets.List[Any] = traitlets.List(help="[choice, words] of each.").tag(sync=True)

    def __init__(self, *, modes: Iterable[int], choices: Iterable[str], **traits: Any):
        super().__init__(
            modes=[[k, MODES[k]] for k in sorted(set(modes))],
            choices=[[name, CHOICES[name]] for name in CHOICES if name in set(choices)],
            **traits,
        )


def titled(examples: Iterable[Example], tasks: Mapping[str, str] | None) -> dict[str, str]:
    """Title of each task that has an example: in the order given, or of appearance."""
    found = {e.task: e.task for e in examples}
    if tasks is None:
        return found
    for task in found:
        if task not in tasks:
            raise UnknownName("task of an example", task, tasks)
    return {task: title for task, title in tasks.items() if task in found}


def check_examples(examples: Sequence[Example], same: Sequence[str]) -> None:
    """Stop at no examples, at several runs, and at masks that do not lie on their image.

    Parameters
    ----------
    examples : sequence of Example
    same : sequence of str
        Which must be one for all: of ``model, protocol, choice``.

    Raises
    ------
    InputError
    """
    if not examples:
        raise InputError(
            "No examples to show. Allowed: at least one. Choose with medsam.analysis.examples."
        )
    runs = sorted({tuple(getattr(e, field) for field in same) for e in examples})
    if len(runs) > 1:
        raise InputError(
            f"Examples of several runs: {runs}. Allowed: one {', one '.join(same)}. "
            "Make a widget for each."
        )
    for e in examples:
        if not e.image.shape[:2] == e.mask.shape == e.prediction.shape or not e.mask.any():
            raise InputError(
                f"Example {e.image_id!r} of task {e.task!r}: image {e.image.shape}, mask "
                f"{e.mask.shape} of {e.mask.sum()} pixels, prediction {e.prediction.shape}. "
                "Allowed: one height and width, and an object. Leave it out."
            )


def around(
    mask: NDArray[np.bool_], points: ArrayLike = (), margin: float = 0.3, least: float = 8
) -> list[int]:
    """A window around an object and points: what surrounds it explains the errors.

    Parameters
    ----------
    mask : (H, W) bool
        At least one pixel.
    points : (N, 2) array_like
        ``(x, y)`` in pixels.
    margin : float
        On each side, as a part of the longer side of what is inside.
    least : float
        The least margin, in pixels.

    Returns
    -------
    [x0, y0, x1, y1] of int
        Pixels of the image, both ends inside.

    Examples
    --------
    >>> mask = np.zeros((100, 200), bool)
    >>> mask[40:61, 50:91] = True
    >>> around(mask)
    [38, 28, 102, 72]
    >>> around(mask, [[10, 50]], margin=0.5)
    [0, 0, 130, 99]
    """
    y, x = np.nonzero(mask)
    corners = np.vstack([np.c_[x, y], np.reshape(points, (-1, 2))])
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = max(least, margin * float((high - low).max()))
    last = np.array(mask.shape[::-1]) - 1
    return [*map(int, np.maximum(low - room, 0)), *map(int, np.minimum(high + room, last))]
