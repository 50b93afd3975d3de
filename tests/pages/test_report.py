"""A report of a results folder: its files, and what its page shows."""

import re

import pandas as pd
import pytest
from toys import Boxes, SquareModel

from medsam.datasets import open_folders
from medsam.errors import InputError
from medsam.pages.report import report
from medsam.protocol import PROTOCOLS
from medsam.study.runner import run


@pytest.fixture
def dataset(folder):
    return open_folders(folder / "images", folder / "masks")


def test_every_figure_is_a_file_and_stands_in_the_page(dataset, tmp_path):
    results, out = tmp_path / "r", tmp_path / "out"
    changed = PROTOCOLS["paper"].but(top="first")
    run(dataset, SquareModel(), results, PROTOCOLS["paper"], changed, progress=False)
    run(dataset, Boxes(), results, experiments=["mode"], progress=False)
    page = report(results, out, dataset).read_text(encoding="utf-8")
    names = {p.name: {f.name for f in p.iterdir()} for p in out.iterdir() if p.is_dir()}
    drawn = ("fig2-tasks", "fig2-modes", "fig3-examples", "fig5-tasks", "fig8-sizes")
    # The variant of the protocol has no part of its own.
    assert set(names) == {f"{dataset.key}-{model}-paper" for model in ("square", Boxes.name)}
    files = {f"{name}.{kind}" for name in drawn for kind in ("png", "pdf", "csv")}
    assert names[f"{dataset.key}-square-paper"] == files
    # A model without points has no clicks.
    assert not any("fig5" in name for name in names[f"{dataset.key}-{Boxes.name}-paper"])
    modes = pd.read_csv(out / f"{dataset.key}-square-paper" / "fig2-modes.csv")
    means = modes[(modes.choice == "top") & (modes.task == modes.task[0])].set_index("mode").iou
    # Each mean of the table is that of the file behind the figure.
    of_square = page[page.index(f"<h2>square on {dataset.key}") :]
    row = re.search(r"<tr><th[^>]*>[^<]*</th><td[^>]*>top</td>(.*?)</tr>", of_square).group(1)
    assert [float(x) for x in re.findall(r">([\d.]+)<", row)] == list(means.round(2))
    assert page.count('<img src="data:image/png') == page.count("<figcaption") == 9
    assert "http" not in page


def test_images_of_other_rows_are_refused(dataset, folder, tmp_path):
    run(dataset, SquareModel(), tmp_path / "r", progress=False)
    other = open_folders(folder / "images", folder / "masks", key="other")
    with pytest.raises(InputError, match="Data 'other' for rows of"):
        report(tmp_path / "r", tmp_path / "out", other)
    assert not (tmp_path / "out").exists()
