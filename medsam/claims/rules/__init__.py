"""The rules that decide a claim, by name: each takes the tables of one source.

A rule is a function ``(tables, **given) -> Finding``. It computes every number that it says,
and raises :class:`~medsam.claims.claim.Undecidable` where the tables lack what it needs.
"""

from __future__ import annotations

from collections.abc import Callable

from medsam.claims.claim import Finding
from medsam.claims.rules import clicks, methods, modes, objects, parts, quoted, whole

__all__ = ["RULES"]

Rule = Callable[..., Finding]

RULES: dict[str, Rule] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": getattr(module, name)
    for module in (clicks, methods, modes, objects, parts, quoted, whole)
    for name in module.__all__
}
"""Rules by ``module.function``."""
