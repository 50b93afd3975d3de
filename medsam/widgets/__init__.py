"""Widgets of the book: one class a module, with its ``.js`` and ``.css`` beside it.

All logic is in the JavaScript and all data in the synced traits, so that a widget works in
a notebook and, without a kernel, in the published page.
"""

from medsam.widgets.modes import ModeSwitcher
from medsam.widgets.percentiles import PercentileBrowser
from medsam.widgets.scatter import SizeScatter
from medsam.widgets.stepper import ClickStepper

__all__ = ["ClickStepper", "ModeSwitcher", "PercentileBrowser", "SizeScatter"]
