"""A page with both live widgets, and hands to use it: shared by the tests in tests/book/live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from medsam.datasets.sample import Sample

NODE_MODULES = Path(__file__).parents[1] / "node_modules"

# As in book/_templates/layout.html.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; "
    "worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob: data:; object-src 'none'"
)
HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Live</title>
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">{scripts}</head>
<body>{body}</body></html>
"""
SIZE = (150, 120)


def sample(name: str, seed: int) -> Sample:
    """Soft discs in an oval, as a slice has organs; the numbers of a scanner's noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    oval = np.hypot((x - 60) / 50, (y - 75) / 66) < 1
    discs = {"left": (38, 60, 13), "right": (84, 62, 12), "low": (60, 110, 15)}
    masks = {n: np.hypot(x - a - seed, y - b) < r for n, (a, b, r) in discs.items()}
    grey = 90.0 * oval + rng.normal(0, 3, SIZE) * oval
    for level, mask in zip((120, 60, -50), masks.values(), strict=True):
        grey += level * mask
    image = np.repeat(np.uint8(grey.clip(0, 255))[..., None], 3, axis=2)
    return Sample(name, name, image, masks)


class Live:
    """One of the widgets of an open page."""

    def __init__(self, page, kind):
        self.page, self.root = page, page.locator(f".mlv-{kind}")
        self.surface = self.root.locator(".mlv-surface")
        self.root.locator(".mkit-svg image[href]").wait_for()

    def load(self):
        self.root.locator(".mlv-card button").click()
        self.root.locator(".mlv-card").wait_for(state="hidden", timeout=120_000)
        self.idle()
        return self

    def idle(self):
        self.page.wait_for_timeout(60)
        expect(self.page.locator(".mlv-busy")).to_have_count(0, timeout=120_000)

    def at(self, x, y):
        """Where the middle of a pixel is on the screen."""
        self.surface.scroll_into_view_if_needed()
        return self.surface.locator("svg").first.evaluate(
            """(svg, [x, y]) => { const p = new DOMPoint(x + 0.5, y + 0.5)
              .matrixTransform(svg.getScreenCTM()); return [p.x, p.y]; }""",
            [x, y],
        )

    def click(self, x, y, button="left"):
        self.page.mouse.click(*self.at(x, y), button=button)
        self.idle()

    def drag(self, x0, y0, x1, y1):
        start, end = self.at(x0, y0), self.at(x1, y1)
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=5)
        self.page.mouse.up()
        self.idle()

    def text(self, name):
        return self.root.locator(f".mlv-{name}").first.text_content()

    def spoken(self):
        """What a screen reader was told last."""
        return self.root.locator("[role='status']").text_content()

    def mask(self, kind):
        """The area that is drawn, from its outline along pixel edges; None if there is none."""
        line = self.root.locator(f'[data-kind="{kind}"] .mkit-line')
        return raster(line.get_attribute("d")) if line.count() else None


def raster(d: str) -> np.ndarray:
    """(H, W) bool: what closed loops of M, H, V and Z enclose."""
    edges = np.zeros((SIZE[0], SIZE[1] + 1), bool)
    x = y = 0
    start = (0, 0)
    for part in d.replace("M", "\nM").replace("H", "\nH").replace("V", "\nV").replace(
        "Z", "\nZ"
    ).split("\n")[1:]:  # fmt: skip
        if part[0] == "M":
            x, y = map(int, part[1:].split())
            start = x, y
        elif part[0] == "H":
            x = int(part[1:])
        else:
            to = int(part[1:]) if part[0] == "V" else start[1]
            edges[min(y, to) : max(y, to), x] ^= True
            x, y = (start[0], to) if part[0] == "Z" else (x, to)
    return np.logical_xor.accumulate(edges, axis=1)[:, :-1]


def expected(study, prompt, image=0):
    model, samples, _ = study
    (one,) = model.predict(model.embed(samples[image].image), [prompt])
    return one.masks[one.ranking], one.scores[one.ranking]
