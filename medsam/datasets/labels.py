"""From stored label values to one mask a task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.errors import DataError, InputError

__all__ = ["Labels", "Rule", "whole_numbers"]

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
            As stored. 255 stands for 1 where the values are 0 and 255 alone, 1 is a value and
            255 is none, as in 8-bit pictures.
        name : str
            What an error calls the file.

        Raises
        ------
        DataError
            If values are not finite, not whole, or outside the list.
        """
        values = whole_numbers(values, name)
        listed = self._listed()
        if listed is not None:
            # Most slices of a volume hold background alone: no need to sort their values.
            found = np.unique(values) if values.any() else values[:0]
            if 1 in listed and 255 not in listed and set(found.tolist()) in ({0, 255}, {255}):
                values = np.where(values == 255, 1, values)
                found = np.unique(values)
            outside = [value for value in found.tolist() if value != 0 and value not in listed]
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


def _threshold(rule: str) -> int | None:
    """What values must exceed; ``None`` if the rule is no threshold."""
    match = re.fullmatch(r">(=?)(\d+)", rule)
    return int(match[2]) - len(match[1]) if match else None


def _select(values: NDArray[Any], rule: Rule) -> NDArray[np.bool_]:
    return values > _threshold(rule) if isinstance(rule, str) else np.isin(values, rule)


def whole_numbers(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Label values as integers; floats must be whole, within 0.001.

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
        return values.view(np.uint8) if values.dtype == np.bool_ else values
    bad = values.size - int(np.isfinite(values).sum())
    whole = np.rint(values)
    if bad or np.abs(whole - values).max(initial=0) > 1e-3:
        what = f"fractional values from {values.min():g} to {values.max():g}"
        raise DataError(
            f"{name}: {f'{bad} of {values.size} values are NaN or infinite' if bad else what}. "
            "Allowed: whole numbers. Threshold it, or save the labels 1..n as integers."
        )
    return np.asarray(whole, np.int64)
