"""The surface metrics of rows; what else they hold is in test_study.py."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from medsam.datasets import Sample
from medsam.metrics import Surface
from medsam.study import evaluate as evaluation
from medsam.study.evaluate import evaluate


def case(spacing, shape=(20, 20)):
    mask = np.zeros(shape, bool)
    mask[5:12, 5:12] = True
    image = np.repeat(np.uint8(200 * mask)[..., None], 3, axis=2)
    return Sample("i", "g", image, {"t": mask}, spacing=spacing)


def rows(model, sample, **options):
    embedding = model.embed(sample.image)
    found = evaluate(sample, "t", lambda p: model.predict(embedding, p.split()), **options)
    return pd.DataFrame(found).set_index(["experiment", "choice", "k"])


def test_rows_by_hand(square):
    frame = rows(square, case((1.0, 1.5)))
    assert tuple(frame.loc[("mode", "top", 1), ["nsd", "hd95"]]) == (1, 0)
    # The box and one pixel more on each side: a boundary of 32 pixels around one of 24. From it,
    # 14 above and below are 1 mm away, 14 at the sides 1.5 mm, the four corners the hypotenuse.
    top = frame.loc[("mode", "top", 4)]
    assert top.hd95 == pytest.approx(np.hypot(1, 1.5))
    assert top.nsd == 1
    # Columns of 2.5 mm: beyond 2 mm are the two sides of nine of the larger one, and of the smaller
    # one's sides of seven the middle three; the others are 1 or 2 mm below or above.
    wide = rows(square, case((1.0, 2.5))).loc[("mode", "top", 4)]
    assert wide.nsd == (32 - 2 * 9 + 24 - 2 * 3) / (32 + 24)


def test_without_a_size_of_pixels_there_are_no_distances(square):
    assert not {"nsd", "hd95"} & set(rows(square, case(None)).columns)
    assert not {"nsd", "hd95"} & set(rows(square, case((1.0, 1.0)), surface=False).columns)


def test_an_empty_prediction_is_zero_and_at_no_distance(square):
    original = square.predict

    def predict(embedding, prompts, **options):
        out = original(embedding, prompts, **options)
        for each in out:
            each.masks[:] = False
        return out

    square.predict = predict
    frame = rows(square, case((1.0, 1.0)))
    assert (frame.iou == 0).all()
    assert (frame.nsd == 0).all()
    assert frame.hd95.isna().all()
    assert all(value is None for value in frame.hd95.astype(object))


def test_each_distinct_prediction_is_measured_once(square, monkeypatch):
    asked = []

    def surface_metrics(prediction, mask, spacing):
        asked.append(prediction.tobytes())
        return Surface(0.5, 3.0)

    monkeypatch.setattr(evaluation, "surface_metrics", surface_metrics)
    frame = rows(square, case((1.0, 1.0)))
    assert len(frame) == 28
    assert len(asked) == len(set(asked)) == 2
    assert (frame.nsd == 0.5).all()


def test_no_torch_and_no_monai_to_measure():
    code = (
        "import sys, numpy as np; from medsam.metrics import surface_metrics; "
        "a = np.ones((3, 3), bool); surface_metrics(a, a, (1.0, 1.0)); print('monai' in sys.modules, 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "False"]
