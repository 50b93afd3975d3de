"""Click by click: what is drawn equals the examples."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba

from medsam import figures
from medsam.analysis.examples import Example
from medsam.errors import InputError
from medsam.figures.style import PREDICTION, TRUTH
from medsam.prompts import Prompt

RUN = figures.Source.run("square on toys, protocol paper")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})
POINTS = [[20, 15], [44, 10], [30, 20]]
LABELS = [1, 0, 1]
IOUS = [0.5, 0.496, 0.3]


def example(k, task="t", **changes):
    mask = np.zeros((40, 50), bool)
    mask[8:24, 12:34] = True
    yy, xx = np.mgrid[:40, :50]
    image = np.repeat(np.uint8(60 + 60 * mask + (xx + yy) % 40)[..., None], 3, axis=2)
    values = {
        "task": task, "image_id": "i1", "model": "square", "protocol": "paper", "choice": "top",
        "k": k, "percentile": 50, "image": image, "mask": mask,
        "prediction": np.roll(mask, 2 * k, 1), "prompt": Prompt(POINTS[:k], LABELS[:k]),
        "iou": IOUS[k - 1], "dice": 0.6, "score": 0.7,
    }  # fmt: skip
    return Example(**(values | changes))


def case(**changes):
    return [example(k, **changes) for k in (1, 2, 3)]


@golden
def test_click_steps():
    shown = case() + case(task="u", mask=np.eye(40, 50, dtype=bool))
    return figures.click_steps(shown, source=RUN, titles={"t": "Toy", "u": "Cerebral white matter"})


def stars(axes):
    """Where, colour and size of each star."""
    return [
        (c.get_offsets()[0].tolist(), tuple(c.get_facecolor()[0]), c.get_sizes()[0])
        for c in axes.collections
        if isinstance(c, PathCollection)
    ]


def test_stars_and_ious_by_hand():
    figure = figures.click_steps(case(), source=RUN, titles={"t": "Toy"})
    assert len(figure.axes) == 3
    assert [axes.get_title() for axes in figure.axes] == ["0.50", "0.50", "0.30"]
    # 0.496 after 0.5 is no fall that two digits show; 0.3 is one.
    assert [axes.title.get_color() for axes in figure.axes] == ["#222222", "#222222", "#B00020"]
    assert figure.axes[0].get_ylabel() == "Toy"
    for k, axes in enumerate(figure.axes, 1):
        found = stars(axes)
        assert [at for at, _, _ in found] == POINTS[:k]
        colours = [to_rgba(TRUTH if label else PREDICTION) for label in LABELS[:k]]
        assert [colour for _, colour, _ in found] == colours
        sizes = [size for _, _, size in found]
        assert sizes[-1] == max(sizes)
        assert sizes.count(max(sizes)) == 1


def test_every_panel_has_the_view_of_the_object_and_all_clicks():
    figure = figures.click_steps(case(), source=RUN)
    views = {(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}
    ((x, y),) = views
    for px, py in POINTS:
        assert x[0] < px < x[1]
        assert y[1] < py < y[0]


def test_a_prompt_outside_of_the_object_alone_is_seen():
    far = [example(1, prompt=Prompt([[49, 39]], [0]))]
    (axes,) = figures.click_steps(far, source=RUN).axes
    assert axes.get_xlim()[1] >= 49
    assert axes.get_ylim()[0] >= 39


def test_it_is_a_picture_with_its_source():
    figure = figures.click_steps(case(), source=RUN)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "THIS RUN" in [t.get_text() for t in figure.texts]


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        ([], "No examples. Allowed: the clicks of at least one case"),
        ([example(1), example(3)], r"Task 't' has clicks \[1, 3\] on images \['i1'\]. Allowed: 1"),
        (case() + case(task="u")[:2], r"Task 'u' has clicks \[1, 2\].*Allowed: 1 to 3 clicks"),
        ([example(1), example(2, image_id="i2")], r"on images \['i1', 'i2'\]"),
        ([*case(), example(3)], "4 examples of 1 tasks with 3 clicks"),
    ],
)
def test_errors(shown, says):
    with pytest.raises(InputError, match=says):
        figures.click_steps(shown, source=RUN)
