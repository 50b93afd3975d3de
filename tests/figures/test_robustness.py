"""Curves over levels of noise: what they show equals the table."""

import numpy as np
import pandas as pd
import pytest

from medsam.errors import InputError
from medsam.figures import Source
from medsam.figures.variants import noise_by_task, noise_curves, noise_prompts
from medsam.prompts import Prompt

RUN = Source.run("square on toys, protocol paper, n = 12 images")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})
LEVELS = (0.0, 0.1, 0.2, 0.5)


def curve(start, slope):
    return [
        {
            "k": k, "choice": choice, "level": level,
            "variant": start + 0.05 * k - slope * k * level,
            "delta": -slope * k * level, "low": -slope * k * level * 1.3,
            "high": -slope * k * level * 0.7, "cases": 10 + k,
        }
        for k in range(1, 6)
        for choice in ("top", "oracle")
        for level in LEVELS
    ]  # fmt: skip


def by_task(n=5):
    rows = [
        row | {"task": f"t{t}", "name": f"Task {t}"}
        for t in range(n)
        for row in curve(0.3 + 0.07 * t, 0.03 + 0.02 * t)
    ]
    return pd.DataFrame(rows)


@golden
def test_noise_curves():
    return noise_curves(pd.DataFrame(curve(0.4, 0.1)), source=RUN)


@golden
def test_noise_by_task():
    return noise_by_task(by_task(), source=RUN)


@golden
def test_noise_prompts():
    mask = np.zeros((50, 60), bool)
    mask[8:30, 6:34] = True
    image = np.repeat(np.uint8(60 + 60 * mask)[..., None], 3, axis=2)
    prompts = {
        level: (Prompt([[19 + 20 * level, 18]], [1]), Prompt(boxes=[[6 - 8 * level, 8, 33, 29]]))
        for level in LEVELS
    }
    return noise_prompts(image, mask, prompts)


def test_lines_are_the_table():
    table = pd.DataFrame(curve(0.4, 0.1))
    left, right = noise_curves(table, source=RUN).axes
    drawn = {line.get_label(): line.get_ydata() for line in left.lines}
    for (k, choice), part in table.groupby(["k", "choice"]):
        np.testing.assert_array_equal(drawn[f"{choice} {k}"], part.variant)
    changes = [line.get_ydata() for line in right.lines if len(line.get_xdata()) == len(LEVELS)]
    for k, change in enumerate(changes, 1):
        wanted = table[(table.k == k) & (table.choice == "top")].delta
        np.testing.assert_array_equal(change, wanted)
    assert len(right.collections) == 5


def test_panels_are_the_tasks():
    figure = noise_by_task(by_task(), source=RUN)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.lines]
    assert titles == [f"Task {t}" for t in range(5)]
    assert figure.axes[0].get_title(loc="right") == "n = 11"


def test_errors():
    with pytest.raises(InputError, match="with columns k, choice, level"):
        noise_curves(pd.DataFrame({"k": [1]}), source=RUN)
    with pytest.raises(InputError, match="with columns task, name, cases"):
        noise_by_task(pd.DataFrame(curve(0.4, 0.1)), source=RUN)
