"""Fig. 1, 3, 6 and 11-16: images with prompts and results."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba

from medsam import figures
from medsam.analysis.examples import Example
from medsam.errors import InputError
from medsam.figures.style import NEGATIVE, PROMPT
from medsam.prompts import Prompt, mode_prompt

RUN = figures.Source.run("square on toys, protocol paper")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


def example(mode, percentile, **changes):
    mask = np.zeros((50, 60), bool)
    mask[8:30, 6:24] = True
    mask[20:34, 36:52] = True
    mask[40:45, 10:16] = True
    yy, xx = np.mgrid[:50, :60]
    image = np.repeat(np.uint8(60 + 60 * mask + (xx + yy) % 40)[..., None], 3, axis=2)
    values = {
        "task": "t", "image_id": f"i{percentile}", "model": "square", "protocol": "paper",
        "choice": "top", "k": mode, "percentile": percentile, "image": image,
        "mask": mask, "prediction": np.roll(mask, 2, 1), "prompt": mode_prompt(mask, mode),
        "iou": 0.5 + percentile / 1000, "dice": 0.6, "score": 0.7,
    }  # fmt: skip
    return Example(**(values | changes))


@golden
def test_percentile_examples():
    slots = [example(mode, p) for p in (25, 50, 75) for mode in (2, 4)]
    return figures.percentile_examples(slots, source=RUN, titles={"t": "Toy"})


POINTS = [[20, 15], [44, 10], [30, 20]]

LABELS = [1, 0, 1]

IOUS = [0.5, 0.496, 0.3]


def step(k, **changes):
    values = {"prompt": Prompt(POINTS[:k], LABELS[:k]), "iou": IOUS[k - 1]}
    return example(k, 50, **(values | changes))


def steps():
    return [step(k) for k in (1, 2, 3)]


def stars(axes):
    """Where, colour and size of each star."""
    return [
        (c.get_offsets()[0].tolist(), tuple(c.get_facecolor()[0]), c.get_sizes()[0])
        for c in axes.collections
        if isinstance(c, PathCollection)
    ]


def test_stars_and_ious_by_hand():
    figure = figures.click_steps(steps(), source=RUN, titles={"t": "Toy"})
    assert len(figure.axes) == 3
    assert [axes.get_title() for axes in figure.axes] == [
        "1 click\n0.50", "2 clicks\n0.50", "3 clicks\n0.30",
    ]  # fmt: skip
    # 0.496 after 0.5 is no fall that two digits show; 0.3 is one.
    assert [axes.title.get_color() for axes in figure.axes] == ["#222222", "#222222", "#B00020"]
    assert figure.axes[0].get_ylabel() == "Toy"
    for k, axes in enumerate(figure.axes, 1):
        found = stars(axes)
        assert [at for at, _, _ in found] == POINTS[:k]
        colours = [to_rgba(PROMPT if label else NEGATIVE) for label in LABELS[:k]]
        assert [colour for _, colour, _ in found] == colours
        # The last click is the largest.
        *before, last = [size for _, _, size in found]
        assert last > max(before, default=0)
    # All have one view.
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1


@pytest.mark.parametrize("shown", [[], [step(1), step(3)], [step(1), step(2, image_id="i2")]])
def test_each_number_of_clicks_once_on_one_image(shown):
    with pytest.raises(InputError, match="no clicks. Allowed: |on images .* Allowed: 1, 2"):
        figures.click_steps(shown, source=RUN)


def test_modes_of_a_slot_are_of_one_image():
    shown = [example(2, 25), example(4, 25, image_id="other")]
    with pytest.raises(InputError, match="the same modes in every slot, on one image"):
        figures.percentile_examples(shown, source=RUN)
