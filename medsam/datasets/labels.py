"""From stored label values to one mask a task."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError, InputError

FULL = 255
"""The highest value of 8 bits: the object of a mask of two values, "unsure" beside classes."""

Rule = tuple[int, ...] | str
"""Values that are joined, or a threshold such as ``">0"`` or ``">=128"``."""


@dataclass(frozen=True)
class Labels:
    """Which stored values are which task.

    Parameters
    ----------
    tasks : mapping of str to tuple of int or str
        Key of a task and its values (joined), or a threshold: ``">0"``, ``">=128"``.
    others : tuple of int
        Values that may stand in the file and belong to no task.
    full : callable, optional
        Whether 255 is 1, as in 8-bit pictures, in the whole dataset; asked where a file holds it.
        By default it is where 1 is the only value.

    Raises
    ------
    InputError
        If there is no task, or a rule is neither values from 1 on nor a threshold.

    Examples
    --------
    >>> liver = Labels({"liver": (1, 2)})
    >>> liver.masks(np.array([[0, 1], [2, 0]]), "a")["liver"].astype(int)
    array([[0, 1],
           [1, 0]])
    """

    tasks: Mapping[str, Rule]
    others: tuple[int, ...] = field(default=())
    full: Callable[[], bool] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for task, rule in self.tasks.items() or [("(none)", ())]:
            fits = (
                _threshold(rule) is not None if isinstance(rule, str) else min(rule, default=0) > 0
            )
            if not fits:
                raise InputError(
                    f"Label values of task {task!r}: {rule!r}. Allowed: whole numbers from 1 on, "
                    "or a threshold such as '>0' or '>=128'. Write one of these."
                )

    def masks(self, values: NDArray[Any], name: str) -> dict[str, NDArray[np.bool_]]:
        """One mask a task, in the order of the tasks; without a pixel where it is absent.

        Parameters
        ----------
        values : (H, W) of bool, integer or float
            As stored.
        name : str
            What an error calls the file.

        Raises
        ------
        DataError
            If values are not finite, not whole, or outside the list.
        """
        values = whole_numbers(values, name)
        listed = self.listed
        if listed is not None:
            # Most slices of a volume hold background alone: no need to sort their values.
            found = np.unique(values) if values.any() else values[:0]
            alone = listed == {1} and found.tolist() in ([0, FULL], [FULL])
            if alone and (self.full is None or self.full()):
                values = np.where(values == FULL, 1, values)
                found = np.unique(values)
            outside = [value for value in found.tolist() if value != 0 and value not in listed]
            if outside:
                shown, allowed = (", ".join(map(str, of)) for of in (outside[:5], sorted(listed)))
                raise DataError(
                    f"{name}: label values {shown}. Allowed: 0 for the background and {allowed}. "
                    "Renumber them, or name those that are no object as `ignore` in a data file."
                )
        return {task: _select(values, rule) for task, rule in self.tasks.items()}

    @property
    def listed(self) -> set[int] | None:
        """All values that may stand in the file; ``None`` where any may."""
        values = set(self.others)
        for rule in self.tasks.values():
            if isinstance(rule, str):
                return None
            values.update(rule)
        return values


_CLASSES = 31
"""Values up to here are taken for numbers of classes, higher ones for greys."""


def meaning_of_full(
    files: Iterable[Collection[int]], asked: str = ""
) -> Literal["", "object", "unsure"]:
    """What 255 is in a dataset, from the values of each of its masks.

    Parameters
    ----------
    files : iterable of collections of int
    asked : {"", "object", "unsure"}
        What a person says it is.

    Returns
    -------
    str
        ``"object"``: another way to write 1, as masks hold 0, 1 and 255 alone, and never 1 and 255
        together. ``"unsure"``: no object, as it lies beside classes 1, 2, … in some mask. Empty:
        a value as any other, or in no mask.

    Raises
    ------
    InputError
        If it may be either.

    Examples
    --------
    >>> meaning_of_full([{0, 1, 2, 255}, {0, 255}]), meaning_of_full([{0, 255}, {1}])
    ('unsure', 'object')
    """
    sets = [set(values) for values in files]
    others = set[int]().union(*sets) - {0, FULL}
    beside = [values - {0, FULL} for values in sets if FULL in values]
    if not beside:
        return ""
    if asked:
        return "unsure" if asked == "unsure" else ("object" if others <= {1} else "")
    if others <= {1} and not any(beside):
        return "object"
    if any(beside) and max(others) <= _CLASSES:
        return "unsure"
    if min(others) > _CLASSES:
        return ""
    shown = ", ".join(map(str, sorted(others)[:5]))
    raise InputError(
        f"Masks hold 255, and others {shown}: it may be an object, or mean unsure. Allowed: "
        "--option 255=object or 255=unsure. Say which."
    )


def is_name(rule: Rule) -> bool:
    """Whether a rule is the name of a segment, not values or a threshold."""
    return isinstance(rule, str) and re.match(r"[^\W\d]", rule) is not None


def _threshold(rule: str) -> int | None:
    """What values must exceed; ``None`` if the rule is no threshold."""
    match = re.fullmatch(r">(=?)(\d+)", rule)
    return int(match[2]) - len(match[1]) if match else None


def _select(values: NDArray[Any], rule: Rule) -> NDArray[np.bool_]:
    return values > _threshold(rule) if isinstance(rule, str) else np.isin(values, rule)


def whole_numbers(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Label values as integers; floats must be whole, within 0.001. Of int8, -1 is 255.

    Raises
    ------
    DataError
        If values are no real numbers, not finite, or not whole.
    """
    if values.dtype.kind not in "buif":
        raise DataError(
            f"{name}: values of type {values.dtype}. Allowed: bool, integer or whole float. "
            "Save the labels as integers."
        )
    if values.dtype.kind != "f":
        # 255 is -1 in 8 bits with a sign.
        return values.view(np.uint8) if values.dtype in (np.bool_, np.int8) else values
    bad = values.size - int(np.isfinite(values).sum())
    whole = np.rint(values)
    if bad or np.abs(whole - values).max(initial=0) > 1e-3:
        what = f"fractional values from {values.min():g} to {values.max():g}"
        raise DataError(
            f"{name}: {f'{bad} of {values.size} values are NaN or infinite' if bad else what}. "
            "Allowed: whole numbers. Threshold it, or save the labels 1..n as integers."
        )
    return np.asarray(whole, np.int64)
