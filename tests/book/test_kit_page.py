"""What the widgets share, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from mode_toys import slot
from scatter_toys import SHIFT, examples, found
from stepper_toys import case

import medsam.widgets.kit
from medsam.widgets import ClickStepper, ModeSwitcher, PercentileBrowser, SizeScatter

pytestmark = pytest.mark.book

KIT = Path(medsam.widgets.kit.__file__).with_name("kit.css").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "widget",
    [
        lambda: ModeSwitcher(slot()),
        lambda: ClickStepper(case()),
        lambda: SizeScatter({choice: found(choice) for choice in SHIFT}, examples()),
        lambda: PercentileBrowser([e for e in slot() if e.choice == "top"]),
    ],
)
def test_another_widget_on_the_page_changes_nothing(open_widget, widget):
    """Each brings the shared rules along, and they come after those of this one."""
    watched, page = open_widget(widget())
    card = page.locator(".mkit")
    alone = card.screenshot()
    page.evaluate(
        "(text) => document.body.append(Object.assign(document.createElement('style'), "
        "{ textContent: text }))",
        KIT,
    )
    assert card.screenshot() == alone
    assert watched.problems == []
