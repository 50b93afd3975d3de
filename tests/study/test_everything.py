"""Segment everything as an experiment: hand-worked masks, rows, files, and what a kill leaves."""

import json
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from toys import SquareModel, write_pair
from typer.testing import CliRunner

from medsam.cli import app
from medsam.datasets.sample import Sample
from medsam.datasets.select import select
from medsam.errors import InputError, ResultsError
from medsam.models.automatic import Found
from medsam.models.contract import Embedding, Prediction, PromptableModel
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.study import everything
from medsam.study.everything import Filters, Grid

PAPER = PROTOCOLS["paper"]


class Plateaus(PromptableModel):
    """A point gives what is of its own grey level: sure, stable, one mask."""

    name: ClassVar[str] = "plateaus"
    accepts: ClassVar[frozenset[str]] = frozenset({"points"})

    def __init__(self):
        self.asked = 0
        self.cut_after = None

    def embed(self, image):
        return Embedding(image[..., 0], image.shape[:2])

    def predict(self, embedding, prompts, *, multimask=True):
        out = []
        for prompt in prompts:
            self.asked += 1
            if self.cut_after is not None and self.asked > self.cut_after:
                raise KeyboardInterrupt
            x, y = prompt.points[0].astype(int)
            same = embedding.features == embedding.features[y, x]
            logits = np.where(same, 9, -9).astype(np.float32)[None]
            out.append(Prediction(same[None], np.array([0.95], np.float32), logits))
        return out

    def upscale(self, logits, image_size):
        return logits

    def provenance(self):
        return {"weights": "none", "sha256": "0"}


def found(mask, score=0.9, point=(0.0, 0.0)):
    mask = np.array(mask, bool)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (columns[0], rows[0], columns[-1], rows[-1]) if len(rows) else (0, 0, 0, 0)
    x0, y0, x1, y1 = map(int, box)
    bits = np.packbits(mask[y0 : y1 + 1, x0 : x1 + 1])
    return Found(point, (x0, y0, x1, y1), int(mask.sum()), score, 1.0, bits, mask.shape)


def grid(masks, side=2, **changes):
    values = {
        "identity": {"dataset": "d", "model": "m"},
        "image": "a/b",
        "digest": "0",
        "side": side,
        "size": (2, 3),
        "found": masks,
        "seconds": 1.5,
        "cpu_seconds": 2.5,
        "versions": {"machine": "toy"},
    }
    return Grid(**(values | changes))


LEFT = found([[1, 0, 0], [1, 0, 0]], 0.7, (0.5, 0.5))
TWO_COLUMNS = found([[1, 1, 0], [1, 1, 0]], 0.9, (1.0, 1.0))
EMPTY = found([[0, 0, 0], [0, 0, 0]], 0.99)
OBJECT = np.array([[1, 0, 0], [1, 1, 0]], bool)


@pytest.fixture
def pictures(tmp_path):
    """Two images of 16 x 16: object 1 on both, object 2 on the second only."""
    for name in "ab":
        mask = np.zeros((16, 16), np.uint8)
        mask[2:6, 2:6] = 1
        if name == "b":
            mask[9:14, 9:14] = 2
        write_pair(tmp_path, name, mask, np.uint8(10 + 100 * mask))
    return tmp_path


def dataset(folder):
    return select((), folder / "images", folder / "masks", progress=False)


def test_best_mask_by_hand():
    # IoU of the left column: 2 of 3; of two columns: 3 of 4; of nothing: 0.
    assert everything.best(grid([EMPTY, LEFT, TWO_COLUMNS]), OBJECT) == 2
    assert everything.best(grid([LEFT]), OBJECT) == 0
    # Of equals the more confident, which stands first.
    assert everything.best(grid([TWO_COLUMNS, replace(TWO_COLUMNS, score=0.5)]), OBJECT) == 0


def test_no_mask_or_none_that_touches():
    right = found([[0, 0, 1], [0, 0, 1]])
    assert everything.best(grid([]), OBJECT) is None
    assert everything.best(grid([EMPTY, right]), OBJECT) is None


def rows(masks, mask=OBJECT, spacing=None):
    image = np.zeros((2, 3, 3), np.uint8)
    sample = Sample("i", "i", image, {"t": mask}, spacing=spacing)
    return list(everything.rows_of(sample, "t", {2: grid(masks), 4: grid([], 4)}, PAPER))


def test_rows_by_hand():
    one, none = rows([LEFT, TWO_COLUMNS])
    assert (one["experiment"], one["k"], one["choice"]) == ("everything", 2, "oracle")
    assert one["iou"] == pytest.approx(3 / 4)
    assert one["dice"] == pytest.approx(6 / 7)
    assert one["score"] == 0.9
    assert json.loads(one["prompt"])["points"] == [[1.0, 1.0]]
    assert (one["object_px"], one["n_regions"], one["height"], one["width"]) == (3, 1, 2, 3)
    assert "nsd" not in one
    # Nothing found is an IoU of 0, without a score or a point that gave it.
    assert (none["k"], none["iou"], none["dice"]) == (4, 0, 0)
    assert "score" not in none
    assert "prompt" not in none


def test_rows_with_a_size_of_pixels():
    one, none = rows([TWO_COLUMNS], spacing=(1.0, 1.0))
    assert one["nsd"] == 1.0
    assert none["nsd"] == 0.0
    assert none["hd95"] is None


def test_an_object_without_a_pixel():
    (row,) = rows([LEFT], np.zeros((2, 3), bool))
    assert row["status"] == "empty"
    assert "no pixel" in row["reason"]


def test_masks_come_back_from_the_disk(tmp_path):
    path = everything.save(tmp_path, grid([TWO_COLUMNS, LEFT, EMPTY]))
    assert path.name.startswith("a_b-002-")
    back = everything.load(path)
    for one, other in zip(back.found, [TWO_COLUMNS, LEFT, EMPTY], strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert (one.point, one.box, one.area) == (other.point, other.box, other.area)
        assert (one.score, one.stability) == (other.score, other.stability)
    assert (back.image, back.side, back.size, back.points) == ("a/b", 2, (2, 3), 4)
    assert (back.seconds, back.cpu_seconds, back.versions) == (1.5, 2.5, {"machine": "toy"})
    assert [one.side for one in everything.stored(tmp_path)] == [2]
    assert not list(path.parent.glob(".*"))


def test_another_identity_is_another_file(tmp_path):
    one = everything.place(tmp_path, {"model": "a"}, "i", 2)
    assert one != everything.place(tmp_path, {"model": "b"}, "i", 2)
    assert one != everything.place(tmp_path, {"model": "a"}, "i", 4)
    assert one == everything.place(tmp_path, {"model": "a"}, "i", 2)


def test_a_torn_file_is_named(tmp_path):
    path = everything.save(tmp_path, grid([LEFT]))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ResultsError, match=r"File .*-002-.* cannot be read"):
        everything.load(path)


def test_run(pictures, tmp_path):
    out, model = tmp_path / "out", Plateaus()
    data = dataset(pictures)
    report = everything.run(data, model, out, sides=[2, 4], progress=False)
    assert (report.computed, report.resumed) == (4, 0)
    assert model.asked == 2 * (4 + 16)
    table = results.read(out)
    # Image a has no object 2.
    assert table[table.status == "empty"][["image", "task"]].values.tolist() == [["a", "object-2"]]
    table = table[table.status == "ok"]
    assert set(table.experiment) == {"everything"}
    assert set(table.choice) == {"oracle"}
    # A grid of 2 has its points at 4 and 12; each hits an object, whose plateau is the object.
    assert table.iou.tolist() == [1.0] * 6
    assert table.groupby("image").size().to_dict() == {"a": 2, "b": 4}
    # Background and objects: what has one grey level is one mask.
    assert [len(one.found) for one in everything.stored(out)] == [2, 2, 3, 3]


def test_a_second_run_computes_nothing_and_a_new_side_only_itself(pictures, tmp_path):
    out, model, data = tmp_path / "out", Plateaus(), dataset(pictures)
    everything.run(data, model, out, sides=[2], progress=False)
    asked = model.asked
    again = everything.run(data, model, out, sides=[2], progress=False)
    assert (again.computed, again.resumed, model.asked) == (0, 2, asked)
    more = everything.run(data, model, out, sides=[3], progress=False)
    assert (more.computed, model.asked) == (2, asked + 2 * 9)
    # Rows of both sides are there, each once.
    assert results.read(out).query("status == 'ok'").groupby(["image", "k"]).size().to_dict() == {
        ("a", 2): 1,
        ("a", 3): 1,
        ("b", 2): 2,
        ("b", 3): 2,
    }


def test_an_object_that_comes_later_gets_its_rows(pictures, tmp_path):
    out, model, data = tmp_path / "out", Plateaus(), dataset(pictures)
    first = replace_tasks(data, ("object-1",))
    everything.run(first, model, out, sides=[2], progress=False)
    asked = model.asked
    everything.run(data, model, out, sides=[2], progress=False)
    assert model.asked == asked
    table = results.read(out).query("status == 'ok'")
    assert table.groupby("task").size().to_dict() == {"object-1": 2, "object-2": 1}


class replace_tasks:
    """A dataset with fewer tasks."""

    def __init__(self, data, tasks):
        self.key, self.title, self.modality = data.key, data.title, data.modality
        self.settings = getattr(data, "settings", {})
        self._data, self.tasks = data, tasks

    def cases(self):
        for case in self._data.cases():
            yield replace(case, tasks=tuple(t for t in case.tasks if t in self.tasks))

    def __len__(self):
        return len(self._data)


def test_a_killed_run_goes_on_with_the_grid_that_was_cut(pictures, tmp_path):
    out, model, data = tmp_path / "out", Plateaus(), dataset(pictures)
    model.cut_after = 4 + 7  # within the second grid of the first image
    with pytest.raises(KeyboardInterrupt):
        everything.run(data, model, out, sides=[2, 4], progress=False)
    assert [(one.image, one.side) for one in everything.stored(out)] == [("a", 2)]
    model.cut_after, model.asked = None, 0
    report = everything.run(data, model, out, sides=[2, 4], progress=False)
    assert (report.computed, report.resumed) == (3, 1)
    assert model.asked == 16 + 4 + 16
    assert (results.read(out).status == "ok").sum() == 6


def test_other_filters_are_other_masks(pictures, tmp_path):
    data, model = dataset(pictures), Plateaus()
    everything.run(data, model, tmp_path / "o", sides=[2], progress=False)
    with pytest.raises(ResultsError, match="depend on something else"):
        everything.run(
            data, model, tmp_path / "o", sides=[2], filters=Filters(min_score=0), progress=False
        )


def test_a_changed_image_is_noticed(pictures, tmp_path):
    model = Plateaus()
    everything.run(dataset(pictures), model, tmp_path / "o", sides=[2], progress=False)
    mask = np.zeros((16, 16), np.uint8)
    mask[3:7, 3:7] = 1
    write_pair(pictures, "a", mask)
    with pytest.raises(ResultsError, match="'a' or its mask has changed"):
        everything.run(dataset(pictures), model, tmp_path / "o", sides=[2], progress=False)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sides": []}, "Grids of no points a side. Allowed: at least one"),
        ({"sides": [0, 4]}, "Grids of 0, 4 points a side. Allowed: .* 1 to 1000"),
        ({"images": ["z"]}, r"Images z of .* Allowed: ids such as a, b \(2 in all\)"),
        ({"images": []}, "Images none of"),
    ],
)
def test_errors_before_any_compute(pictures, tmp_path, options, says):
    model = Plateaus()
    with pytest.raises(InputError, match=says):
        everything.run(dataset(pictures), model, tmp_path / "o", progress=False, **options)
    assert model.asked == 0
    assert not (tmp_path / "o").exists()


def test_models_that_cannot(pictures, tmp_path):
    boxes = SquareModel()
    boxes.accepts = frozenset({"box"})
    with pytest.raises(InputError, match="does not take points prompts"):
        everything.run(dataset(pictures), boxes, tmp_path / "o", progress=False)
    assert not (tmp_path / "o").exists()


def test_busiest(pictures):
    assert everything.busiest(dataset(pictures)) == "b"
    nothing = replace_tasks(dataset(pictures), ())
    nothing.cases = lambda: iter(())
    with pytest.raises(InputError, match="has no image. Allowed: at least one"):
        everything.busiest(nothing)


def test_an_image_that_cannot_be_read_is_a_row_with_the_reason(pictures, tmp_path):
    (pictures / "images" / "a.png").write_bytes(b"torn")
    out, model = tmp_path / "o", Plateaus()
    assert everything.busiest(dataset(pictures)) == "b"
    report = everything.run(dataset(pictures), model, out, sides=[2], progress=False)
    assert list(report.reasons) == ["a"]
    table = results.read(out)
    assert set(table[table.image == "a"].status) == {"error"}
    assert set(table[table.image == "b"].status) == {"ok"}
    # It is not tried again until its file changes.
    again = everything.run(dataset(pictures), model, out, sides=[2], progress=False)
    assert not again.reasons


@pytest.fixture
def cli(monkeypatch):
    import medsam.models

    model = Plateaus()
    monkeypatch.setattr(medsam.models, "load", lambda name, **_: model)

    def run(*arguments):
        return CliRunner().invoke(app, ["everything", *map(str, arguments)])

    return run


def test_command(cli, pictures, tmp_path):
    given = [
        "--images",
        pictures / "images",
        "--masks",
        pictures / "masks",
        "--out",
        tmp_path / "o",
    ]
    out = cli(*given, "--sides", "2,3", "-q")
    assert out.exit_code == 0, out.output
    assert "2 grids computed (6 masks), 0 found complete" in out.output
    # By default the one image with the most objects.
    assert set(results.read(tmp_path / "o").image) == {"b"}
    out = cli(*given, "--sides", "2", "--ids", "all", "-q")
    assert "1 grids computed (2 masks), 1 found complete" in out.output
