"""Options that several commands take."""

from __future__ import annotations

from medsam.errors import InputError

__all__ = ["pairs"]


def pairs(given: list[str]) -> dict[str, str]:
    """``NAME=VALUE`` words as a mapping.

    Examples
    --------
    >>> pairs(["rater=vote"])
    {'rater': 'vote'}
    """
    for word in given:
        if "=" not in word:
            raise InputError(
                f"Option {word!r}. Allowed: NAME=VALUE, such as rater=vote. Write it so."
            )
    return {name: value for name, _, value in (word.partition("=") for word in given)}
