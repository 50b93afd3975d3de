"""What can go wrong, in one small hierarchy.

Every message says three things: what was got, what is allowed, what to do.
Catch :class:`MedsamError` to catch them all; the command line prints the message
and stops with exit code 2, without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MedsamError(Exception):
    """Base of every error that medsam raises on purpose."""


class InputError(MedsamError, ValueError):
    """An image, a mask, a prompt or a setting that cannot be used."""


class DataError(InputError):
    """One case (an image with its mask) that cannot be read or is inconsistent.

    The study loop turns it into a row with ``status="error"`` and goes on.
    """


class WeightsError(MedsamError):
    """A weight file that is missing, torn or not the one that is expected."""


class ResultsError(MedsamError):
    """A results folder that cannot be written, read or continued."""


class UnknownName(MedsamError, LookupError):
    """A model, task, protocol or parameter that does not exist.

    Parameters
    ----------
    what : str
        The kind of thing that was asked for, such as ``"model"``.
    got : str
        The name that was given.
    allowed : iterable of str
        Every name that would have been taken.
    """

    def __init__(self, what: str, got: str, allowed: Iterable[str]):
        self.what, self.got, self.allowed = what, got, sorted(allowed)
        near = difflib.get_close_matches(str(got), self.allowed, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        names = ", ".join(self.allowed) or "(none)"
        super().__init__(f"Unknown {what} {got!r}.{hint} Allowed: {names}.")
