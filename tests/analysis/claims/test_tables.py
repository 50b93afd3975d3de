import pandas as pd
import pytest
from claims_by_hand import case, frame

from medsam.analysis.claims import of_published, of_rows
from medsam.analysis.claims.claim import Undecidable
from medsam.errors import InputError, UnknownName


def test_published():
    about = of_published()
    assert about.quoted
    assert about.others() == ["RITM", "SimpleClick", "FocalClick"]
    assert len(about.mode(3)) == len(about.click(9, "RITM")) == 28
    assert about.called(["mri_spine_sc"]) == "MRI-Spine: SC"


def test_rows_become_means_by_task():
    about = of_rows(frame(case(top=(0.2,) * 5), case(image="j", top=(0.4,) * 5), case("b")))
    assert about.mode(1).to_dict() == pytest.approx({"a": 0.3, "b": 0.5})
    assert about.mode(1, "oracle")["a"] == pytest.approx(0.4)
    assert about.click(9, about.oracle)["b"] == pytest.approx(0.6)
    assert about.label == "m on d, protocol paper: 2 images, 2 tasks"
    assert not about.quoted
    assert len(about.cases("x")) == 3


def test_the_other_methods_are_found_by_their_names():
    mine, theirs = case(), case(model="ritm_h32")
    for row in theirs:
        row["iou"] = 0.25
    about = of_rows(frame(mine, theirs))
    assert about.sam == "m"
    assert about.others() == ["RITM"]
    assert about.click(1, "RITM")["a"] == 0.25
    assert about.mode(1)["a"] == 0.5
    assert about.cases("x")[1].tolist() == [0.5]
    with pytest.raises(Undecidable, match="No rows of RITM or SimpleClick or FocalClick"):
        of_rows(frame(mine)).others()


def test_cases_without_a_result_do_not_count():
    bad = [row | {"status": "empty", "iou": None} for row in case(image="j")]
    about = of_rows(frame(case(), bad))
    assert len(about.cases("x")) == 1
    with pytest.raises(InputError, match="No case of m under protocol paper has a result"):
        of_rows(frame(bad))


def test_what_is_missing_is_said():
    about = of_rows(frame(case()))
    modes = of_rows(frame([row for row in case() if row["experiment"] == "mode"]))
    with pytest.raises(Undecidable, match="No rows of m with 3 clicks"):
        modes.click(3)
    with pytest.raises(Undecidable, match=r"No rows of mode 6 \(top\)"):
        about.mode(6)
    with pytest.raises(Undecidable, match="experiment 'clicks'"):
        modes.cases("x", "clicks")


def test_names_that_are_not_there():
    two = frame(case(), case(model="n"), case(protocol="released"))
    with pytest.raises(UnknownName, match=r"model in these results 'o'.* Allowed: m, n"):
        of_rows(two, "o")
    with pytest.raises(UnknownName, match=r"protocol in these results .* Allowed: paper, released"):
        of_rows(two, "m", "x")
    with pytest.raises(InputError, match=r"2 models: m, n. Allowed: one. Choose with --model"):
        of_rows(two)
    with pytest.raises(InputError, match=r"2 protocols: paper, released. .* --protocol"):
        of_rows(two, "m")
    assert of_rows(two, "n").sam == "n"


def test_numbers_are_the_texts_only_for_its_model_on_its_tasks():
    tasks = of_published().names
    full = frame(*(case(task, model="sam_vit_h") for task in tasks))
    assert of_rows(full).quoted
    assert not of_rows(full.assign(model="sam_vit_b")).quoted
    assert not of_rows(full[full.task != "ct_liver"]).quoted
    assert of_rows(full).called(["us_ovary"]) == "US-Ovarian-Tumor"


def test_as_read_from_a_folder():
    """Whole numbers of results can be missing: their type is another one."""
    rows = frame(case(), case(image="j")).astype({"k": "Int16", "object_px": "Int64"})
    rows["n_regions"] = pd.array(rows.n_regions, dtype="Int32")
    assert of_rows(rows).cases("x").n_regions.tolist() == [1, 1]
