"""From stored label values to one mask a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError, InputError

__all__ = ["Labels", "Rule"]

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

    def __post_init__(self) -> None:
        for task, rule in self.tasks.items() or [("(none)", ())]:
            if not (_threshold(rule) if isinstance(rule, str) else rule and min(rule) > 0):
                raise InputError(
                    f"Label values of task {task!r}: {rule!r}. Allowed: whole numbers from 1 on, "
                    "or a threshold such as '>0' or '>=128'. Write one of these."
                )

    def masks(self, values: NDArray[Any], name: str) -> dict[str, NDArray[np.bool_]]:
        """One mask a task, in the order of the tasks; without a pixel where it is absent.

        Parameters
        ----------
        values : (H, W) of bool, integer or float
            As stored. 255 stands for 1 where the values are 0 and 255 alone, 1 is a value and
            255 is none, as in 8-bit pictures.
        name : str
            What an error calls the file.

        Raises
        ------
        DataError
            If values are not finite, not whole, or outside the list.
        """
        values = _whole(values, name)
        listed = self._listed()
        if listed is not None:
            # Most slices of a volume hold background alone: no need to sort their values.
            found = np.unique(values) if values.any() else values[:0]
            if 1 in listed and 255 not in listed and set(found.tolist()) in ({0, 255}, {255}):
                values = np.where(values == 255, 1, values)
                found = np.unique(values)
            outside = [v for v in found.tolist() if v != 0 and v not in listed]
            if outside:
                shown = ", ".join(map(str, outside[:5])) + (", …" if len(outside) > 5 else "")
                raise DataError(
                    f"{name}: label values {shown}. Allowed: 0 for the background and "
                    f"{', '.join(map(str, sorted(listed)))}. Renumber the labels, or see whether "
                    "it is the file that is meant."
                )
        return {task: _select(values, rule) for task, rule in self.tasks.items()}

    def _listed(self) -> set[int] | None:
        """All values that may stand in the file; ``None`` where any may."""
        values = set(self.others)
        for rule in self.tasks.values():
            if isinstance(rule, str):
                return None
            values.update(rule)
        return values


def _threshold(rule: str) -> tuple[bool, int] | None:
    """Whether the limit itself counts, and the limit; ``None`` for no threshold."""
    number = rule.removeprefix(">=") if rule.startswith(">=") else rule.removeprefix(">")
    return (rule.startswith(">="), int(number)) if rule[:1] == ">" and number.isdigit() else None


def _select(values: NDArray[Any], rule: Rule) -> NDArray[np.bool_]:
    if isinstance(rule, str):
        limit = _threshold(rule)
        assert limit is not None, "checked when the rule was made"
        return np.asarray(values >= limit[1] if limit[0] else values > limit[1], bool)
    if len(rule) == 1:
        return np.asarray(values == rule[0], bool)
    return np.isin(values, rule)


def _whole(values: NDArray[Any], name: str) -> NDArray[Any]:
    if values.dtype.kind not in "buif":
        raise DataError(
            f"{name}: values of type {values.dtype}. Allowed: bool, integer or whole float. "
            "Save the labels as integers."
        )
    if values.dtype.kind != "f":
        return values.view(np.uint8) if values.dtype == np.bool_ else values
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise DataError(
            f"{name}: {bad} of {values.size} values are NaN or infinite. Allowed: whole numbers. "
            "Save the labels 1..n as integers."
        )
    whole = np.rint(values)
    if np.abs(whole - values).max(initial=0) > 1e-3:
        raise DataError(
            f"{name}: fractional values from {values.min():g} to {values.max():g}. Allowed: whole "
            "numbers. Threshold it, or save the labels 1..n as integers."
        )
    return np.asarray(whole, np.int64)
