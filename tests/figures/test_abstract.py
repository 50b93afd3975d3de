"""Fig. 10: the values on it are those of the tables."""

import io

import imageio.v3 as iio
import numpy as np
import pytest

from medsam.analysis import published
from medsam.analysis.abstract import data_of
from medsam.datasets.catalog import catalog
from medsam.errors import InputError
from medsam.figures import Source
from medsam.figures.abstract import CARD_SIZE, Shown, abstract, social_card, vector
from medsam.prompts import Prompt, mode_prompt

PUBLISHED = Source.published("SAM ViT-H, 28 tasks")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


def shown():
    mask = np.zeros((60, 70), bool)
    mask[8:30, 6:24] = True
    mask[20:34, 36:52] = True
    mask[44:50, 10:18] = True
    yy, xx = np.mgrid[:60, :70]
    image = np.repeat(np.uint8(60 + 60 * mask + (xx + yy) % 40)[..., None], 3, axis=2)
    prompts = {mode: mode_prompt(mask, mode) for mode in range(1, 6)}
    clicks = Prompt([[12, 14], [44, 26], [60, 50]], [1, 1, 0])
    return Shown(image, mask, prompts, image, mask, clicks, "toys")


def paper():
    data, modes, clicks = data_of(catalog().values()), published.modes(), published.clicks()
    return abstract(data, modes, clicks, shown(), model="SAM", source=PUBLISHED)


@golden
def test_abstract():
    return paper()


def axes_by_label(figure, label):
    (axes,) = [axes for axes in figure.axes if axes.get_xlabel() == label]
    return axes


def test_small_plots_are_the_tables():
    figure, modes = paper(), published.modes()
    top = modes.query("choice == 'top'")
    strip = axes_by_label(figure, "IoU of a task, one point")
    for line in strip.lines:
        wanted = top[(top["mode"] == 1) & (top.modality == line.get_label())].iou
        np.testing.assert_array_equal(line.get_xdata(), wanted)
    assert sum(len(line.get_xdata()) for line in strip.lines) == 28

    (dots,) = [
        c for c in axes_by_label(figure, "IoU, one point").collections if c.get_label() == "tasks"
    ]
    wide = top.pivot(index=["task", "modality"], columns="mode", values="iou")
    np.testing.assert_array_equal(dots.get_offsets(), wide[[1, 3]])

    means = modes.groupby(["choice", "mode"]).iou.mean()
    drawn = {
        line.get_label(): line for line in axes_by_label(figure, "mean IoU (▽ with oracle)").lines
    }
    for (choice, mode), mean in means.items():
        assert drawn[f"{choice} {mode}"].get_xdata() == pytest.approx(mean)

    averages = published.click_averages().pivot(index="k", columns="model", values="iou")
    lines = {line.get_label(): line for line in axes_by_label(figure, "clicks").lines}
    assert set(lines) == set(averages)
    for name, line in lines.items():
        np.testing.assert_allclose(line.get_ydata(), averages[name], atol=1e-8)


def test_the_card_has_its_size():
    png = social_card(published.modes(), published.clicks(), shown(), model="SAM", source=PUBLISHED)
    assert iio.imread(io.BytesIO(png)).shape[:2] == CARD_SIZE[::-1]


def test_vector_files():
    one, two = paper(), paper()
    assert vector(one, "pdf") == vector(two, "pdf")
    with pytest.raises(InputError, match="A drawing as 'png'. Allowed: svg, pdf"):
        vector(one, "png")
