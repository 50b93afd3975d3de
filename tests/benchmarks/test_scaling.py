import pytest
from scaling_toys import content

from benchmarks.report import page
from benchmarks.report.scaling import MODELS, Measured, measured
from medsam.errors import InputError


def test_times_as_fast_by_hand():
    found = Measured(content()).scaling().set_index(["scaling", "turn"])
    # The same two images: 22 s against 16 s, and 20 CPU s against 16 of each of two.
    assert found.loc["strong", 1].tolist() == pytest.approx([22 / 16, 20 / 16])
    # Twice the objects in 16 s against 14 s: 2 x 14 / 16.
    assert found.loc["weak", 1].tolist() == pytest.approx([28 / 16, 26 / 16])
    # A machine twice as slow has the same ratios.
    assert found.loc["strong", 2].tolist() == pytest.approx(found.loc["strong", 1].tolist())


def test_predictions_by_hand():
    found = Measured(content()).predicted().set_index("way")
    # 6 s a process, 4.75 s an image, 23 x 0.13 = 2.99 s an object.
    expected = {"half": 6 + 4.75 + 2.99, "whole": 6 + 9.5 + 5.98, "halves": 12 + 9.5 + 5.98}
    assert found.predicted.to_dict() == pytest.approx(expected)
    assert found.error["whole"] == pytest.approx(21.48 / 20 - 1)
    assert found.wall["whole"] == pytest.approx(33)  # median of 22 and 44


def test_what_is_shipped_and_a_measurement_that_is_not_whole():
    assert set(measured().stages) == set(MODELS)
    with pytest.raises(InputError, match="without a whole turn 2.*Allowed: what benchmarks"):
        Measured(content(runs=content()["runs"][:-1]))


def test_numbers_of_the_text():
    found = page.findings(Measured(content()))
    assert found["image"] == pytest.approx(4.75 + 2.99 + 0.125)
    assert found["strong-wall"] == pytest.approx(22 / 16)
    # 21.48 s in one process against 27.48 s in two; half of it is 13.74 s.
    assert found["strong-stages"] == pytest.approx(2 * 21.48 / 27.48)
    assert found["weak-stages"] == pytest.approx(4 * 13.74 / 27.48)
    assert (found["turns"], found["images"], found["objects"]) == (2, 2, 2)
    assert (found["load-low"], found["load-high"]) == (1.5, 3)
    assert found["cases"] == 113_280
    assert found["merge"] == pytest.approx(0.125 * 113_280)
    # Of an image: 0.75 s and 23 x 0.03 s beside 0.15 s and 23 x 0.004 s, and the merge.
    beside = 0.75 + 0.69
    assert found["beside"] == pytest.approx(beside / (beside + 0.15 + 0.092 + 0.125))
