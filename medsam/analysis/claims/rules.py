"""The rules that decide a claim, by name: each takes the tables of one source.

A rule is a function ``(tables, **given) -> Finding``. It computes every number that it says,
and raises :class:`~medsam.analysis.claims.claim.Undecidable` where the tables lack what it needs.
"""

from __future__ import annotations

from collections.abc import Callable

from medsam.analysis.claims import rules_clicks, rules_modes, rules_objects
from medsam.analysis.claims.claim import Finding

__all__ = ["RULES"]

Rule = Callable[..., Finding]

RULES: dict[str, Rule] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": getattr(module, name)
    for module in (
        rules_clicks,
        rules_clicks,
        rules_modes,
        rules_objects,
        rules_objects,
        rules_modes,
        rules_modes,
    )
    for name in module.__all__
}
"""Rules by ``module.function``."""
