"""Segment everything as an experiment: hand-worked masks, rows, files, and what a kill leaves."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toys import SquareModel, write_pair
from typer.testing import CliRunner

from medsam.cli import app
from medsam.datasets.sample import Sample
from medsam.datasets.select import select
from medsam.errors import ResultsError
from medsam.models.automatic import Found
from medsam.models.contract import Embedding, Prediction
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.results.check import check
from medsam.results.masks import decode
from medsam.study import everything, runner
from medsam.study.evaluate import Scores
from medsam.study.everything import Filters, Grid

PAPER = PROTOCOLS["paper"]


class Plateaus(SquareModel):
    """A point gives what is of its own grey level: sure, stable, one mask."""

    name = "plateaus"
    accepts = frozenset({"points"})
    cut_after = 1_000_000

    def embed(self, image):
        return Embedding(image[..., 0], image.shape[:2])

    def predict(self, embedding, prompts, *, multimask=True):
        out = []
        for prompt in prompts:
            if len(self.asked) == self.cut_after:
                raise KeyboardInterrupt
            self.asked.append(prompt)
            x, y = prompt.points[0].astype(int)
            same = embedding.features == embedding.features[y, x]
            logits = np.where(same, 9, -9).astype(np.float32)[None]
            out.append(Prediction(same[None], np.array([0.95], np.float32), logits))
        return out

    def upscale(self, logits, image_size):
        return logits


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
    # No mask, or none that touches.
    right = found([[0, 0, 1], [0, 0, 1]])
    assert everything.best(grid([]), OBJECT) is None
    assert everything.best(grid([EMPTY, right]), OBJECT) is None


def test_rows_by_hand():
    sample = Sample("i", "i", np.zeros((2, 3, 3), np.uint8), {"t": OBJECT}, spacing=(1.0, 1.0))
    grids = (grid([LEFT, TWO_COLUMNS]), grid([], 4))
    one, none = (everything.row_of(Scores(sample), "t", each, PAPER) for each in grids)
    assert (one["experiment"], one["k"], one["choice"]) == ("everything-2", 2, "oracle")
    assert np.array_equal(decode(one["mask"], 2, 3), TWO_COLUMNS.mask)
    assert one["iou"] == pytest.approx(3 / 4)
    assert one["dice"] == pytest.approx(6 / 7)
    assert one["score"] == 0.9
    assert json.loads(one["prompt"])["points"] == [[1.0, 1.0]]
    assert (one["object_px"], one["n_regions"], one["height"], one["width"]) == (3, 1, 2, 3)
    assert one["nsd"] == 1
    # Nothing found is an IoU of 0 at no distance, without a score or a point that gave it.
    assert (none["k"], none["iou"], none["dice"]) == (4, 0, 0)
    assert (none["nsd"], none["hd95"]) == (0, None)
    assert not {"score", "prompt"} & set(none)


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


def run(data, model, out, sides, **options):
    return runner.run(
        data, model, out, experiments=["everything"], sides=sides, progress=False, **options
    )


def test_run(pictures, tmp_path):
    out, model = tmp_path / "out", Plateaus()
    data = dataset(pictures)
    report = run(data, model, out, [2, 4])
    assert (report.computed, report.resumed) == (4, 0)
    assert len(model.asked) == 2 * (4 + 16)
    table = results.read(out)
    # Image a has no object 2.
    empty = table[table.status == "empty"]
    assert set(empty.image + empty.task) == {"aobject-2"}
    table = table[table.status == "ok"]
    # A grid of 2 has its points at 4 and 12; each hits an object, whose plateau is the object.
    assert table.iou.tolist() == [1.0] * 6
    assert table.groupby("image").size().to_dict() == {"a": 2, "b": 4}
    # Background and objects: what has one grey level is one mask.
    assert [len(one.found) for one in everything.stored(out)] == [2, 2, 3, 3]
    assert check(out).wrong == []


def test_a_killed_run_goes_on_with_the_grid_that_was_cut(pictures, tmp_path):
    out, model, data = tmp_path / "out", Plateaus(), dataset(pictures)
    model.cut_after = 4 + 7  # within the second grid of the first image
    with pytest.raises(KeyboardInterrupt):
        run(data, model, out, [2, 4])
    assert [(one.image, one.side) for one in everything.stored(out)] == [("a", 2)]
    del model.cut_after, model.asked[:]
    report = run(data, model, out, [2, 4])
    assert (report.computed, report.resumed) == (4, 0)
    assert len(model.asked) == 16 + 4 + 16
    assert (results.read(out).status == "ok").sum() == 6
    # A new side computes itself alone, and so do the modes in the same folder.
    run(data, model, out, [2, 3, 4])
    assert len(model.asked) == 36 + 2 * 9
    assert set(results.read(out).experiment) == {f"everything-{side}" for side in (2, 3, 4)}
    runner.run(data, model, out, experiments=["mode"], progress=False)
    assert "mode" in set(results.read(out).experiment)
    with pytest.raises(ResultsError, match="depend on something else"):
        run(data, model, out, [2], filters=Filters(min_score=0))


def test_command(monkeypatch, pictures, tmp_path):
    monkeypatch.setattr("medsam.models.load", lambda name, **_: Plateaus())
    given = ["everything", "--images", str(pictures / "images"), "--masks", str(pictures / "masks")]
    given += ["--out", str(tmp_path / "o"), "-q"]
    done = CliRunner().invoke(app, [*given, "--sides", "2,3"])
    assert "2 cases computed (2 ok, 0 empty, 0 error), 0 found complete" in done.output
    # By default the one image with the most objects.
    assert set(results.read(tmp_path / "o").image) == {"b"}
    done = CliRunner().invoke(app, [*given, "--sides", "2", "--ids", "all"])
    assert "2 cases computed (1 ok, 1 empty, 0 error), 2 found complete" in done.output
