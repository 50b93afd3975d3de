"""A widget of cases: the task shown, and pictures and masks that are stored once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from medsam.errors import InputError, UnknownName
from medsam.widgets.kit.runs import runs_text
from medsam.widgets.kit.state import Pool, data_uri

if TYPE_CHECKING:  # medsam.analysis.examples brings pandas and the models; a widget needs neither
    from medsam.analysis.examples import Example
    from medsam.widgets.kit.still import Note, Still

__all__ = [
    "CaseWidget",
    "Pools",
    "around",
    "check_allowed",
    "check_example",
    "check_one_run",
    "titled",
]


class CaseWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """What the widgets of cases share. The task shown can be read, set, observed or linked."""

    task = traitlets.Unicode(help="Key of the task shown.").tag(sync=True)

    about = traitlets.Unicode(help="Model, protocol and choice of mask, in words.").tag(sync=True)
    tasks: traitlets.List[Any] = traitlets.List(help="[key, title] of each task.").tag(sync=True)
    images = traitlets.Dict(help="Pictures as data URIs, by name.").tag(sync=True)
    masks = traitlets.Dict(help="Masks: run lengths as text, by name.").tag(sync=True)
    cases = traitlets.Dict(help="What is shown of each task.").tag(sync=True)

    @traitlets.validate("task")
    def _task_is_there(self, proposal: Mapping[str, Any]) -> str:
        allowed = [key for key, _ in self.tasks]
        if allowed and proposal["value"] not in allowed:
            raise UnknownName("task", proposal["value"], allowed)
        return str(proposal["value"])

    def state_bytes(self) -> int:
        """Size of the data that a page with this widget carries, its code excluded."""
        return len(json.dumps([self.images, self.masks, self.cases], separators=(",", ":")))

    def still(self) -> Still | Note:
        """A picture of a case, or words, for a reader whose browser runs no scripts."""
        raise NotImplementedError


class Pools:
    """Pictures and masks of examples, each stored once."""

    def __init__(self) -> None:
        self.images, self.masks = Pool("i", data_uri), Pool("m", runs_text)

    def object(self, e: Example) -> dict[str, Any]:
        """Image and ground truth of an example, by name."""
        return {
            "id": e.image_id,
            "size": list(e.mask.shape),
            "image": self.images.add(e.image),
            "truth": self.masks.add(e.mask),
        }

    def prompt(self, e: Example) -> dict[str, Any]:
        """Points with labels, and boxes, of an example."""
        return {"points": [], "labels": [], "boxes": [], **json.loads(e.prompt.to_json())}


def titled(examples: Sequence[Example], tasks: Mapping[str, str] | None) -> dict[str, str]:
    """Title of each task by its key: those given, or the keys of the examples themselves."""
    return dict(tasks) if tasks is not None else {e.task: e.task for e in examples}


def check_allowed(
    proposal: Mapping[str, Any],
    allowed: Mapping[str, Sequence[Any]],
    show: Callable[[Any], str] = str,
) -> Any:
    """The value that a trait is to have, for its validation; all may be had before they are told.

    Parameters
    ----------
    proposal : mapping
        As traitlets gives it.
    allowed : mapping of str to sequence
        Values by name of the trait.
    show : callable
        Writes a value that is not among them.

    Raises
    ------
    InputError
    """
    name, value = proposal["trait"].name, proposal["value"]
    there = allowed[name]
    if there and value not in there:
        raise InputError(
            f"{name.capitalize()} {show(value)}. Allowed: {', '.join(map(str, there))}."
        )
    return value


def check_one_run(examples: Sequence[Example], fields: Sequence[str], what: str) -> None:
    """Stop at examples that differ in what a widget says of all of them.

    Parameters
    ----------
    examples : sequence of Example
    fields : sequence of str
        Which must be one: of ``model, protocol, choice``.
    what : str
        What to make of each kind instead.

    Raises
    ------
    InputError
    """
    kinds = sorted({tuple(getattr(e, field) for field in fields) for e in examples})
    if len(kinds) > 1:
        words = {"model": "models", "protocol": "protocols", "choice": "choices of mask"}
        *first, last = [words[field] for field in fields]
        raise InputError(
            f"Examples of several {', '.join(first)} or {last}: {kinds}. "
            f"Allowed: one of each. Make {what} for each."
        )


def check_example(e: Example, where: str, titles: Mapping[str, str]) -> None:
    """Stop at an example without a title, or whose masks do not lie on its image.

    Raises
    ------
    InputError, UnknownName
    """
    if e.task not in titles:
        raise UnknownName("task of an example", e.task, titles)
    if not e.image.shape[:2] == e.mask.shape == e.prediction.shape:
        raise InputError(
            f"{where}: image {e.image.shape}, mask {e.mask.shape}, prediction "
            f"{e.prediction.shape}. Allowed: one height and width."
        )


def around(mask: NDArray[np.bool_], points: ArrayLike = (), margin: float = 0.3) -> list[int]:
    """A window around an object and points: what surrounds it explains the errors.

    Parameters
    ----------
    mask : (H, W) bool
        At least one pixel.
    points : (N, 2) array_like
        ``(x, y)`` in pixels.
    margin : float
        On each side, as a part of the longer side of what is inside; at least 8 pixels.

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
    height, width = mask.shape
    corners = np.vstack([np.c_[x, y], np.reshape(points, (-1, 2))])
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = max(8.0, margin * float((high - low).max()))
    return [
        int(max(0, low[0] - room)),
        int(max(0, low[1] - room)),
        int(min(width - 1, high[0] + room)),
        int(min(height - 1, high[1] + room)),
    ]
