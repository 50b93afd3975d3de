# ruff: noqa: NPY002 - the published scripts draw from the legacy generator
"""The ``released`` preset against a plain statement of the published scripts' rules.

The rules are written anew here, as simply as they can be, from what the scripts do: one program
for the modes, one for the clicks, one more for the clicks with oracle, each seeded with 1 and each
going through the images in sorted order. Nothing of medsam is used but the toy model's answers.
"""

import cv2
import numpy as np
import pytest
from scipy import ndimage
from toys import SquareModel, blob, write_pair

from medsam import results, study
from medsam.datasets import FolderDataset
from medsam.prompts import Prompt
from medsam.protocol import PROTOCOLS


def iou(a, b):
    union = (a | b).sum()
    return (a & b).sum() / union if union else -1


def predict(model, shape, points=(), labels=(), box=None):
    prompt = Prompt(
        np.array(points, float).reshape(-1, 2),
        np.array(labels, int),
        np.array([] if box is None else [box]),
    )
    (answer,) = model.predict(model.embed(np.zeros((*shape, 3), np.uint8)), [prompt])
    return answer.masks


def farthest(mask):
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    ys, xs = np.where(distance == distance.max())
    at = np.random.randint(0, len(xs))
    return int(xs[at]), int(ys[at])


def tight(mask):
    ys, xs = np.where(mask)
    return [int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())]


def score(masks, truth, oracle):
    index = 0
    if oracle:
        index, best = -1, 0
        for i, mask in enumerate(masks):
            if iou(mask, truth) > best:
                index, best = i, iou(mask, truth)
    return masks[index]


def modes_program(images, classes, oracle):
    np.random.seed(1)
    model, rows = SquareModel(), {}
    for name, labels in sorted(images.items()):
        for value in classes:
            truth = labels == value
            if not truth.any():
                continue
            numbered, count = ndimage.label(truth, np.ones((3, 3)))
            by_area = sorted(((numbered == n).sum() / truth.sum(), n) for n in range(1, count + 1))
            parts = [numbered == n for _, n in by_area[::-1]]
            for mode in (1, 2, 3, 4, 5):
                if mode in (1, 2):
                    chosen = parts[:1] if mode == 1 else parts[:3]
                    points = [farthest(part) for part in chosen]
                    prompt = {"points": points, "boxes": []}
                    masks = predict(model, truth.shape, points, [1] * len(points))
                else:
                    boxes = {3: parts[:1], 4: parts[:3], 5: [truth]}[mode]
                    boxes = [tight(part) for part in boxes]
                    prompt = {"points": [], "boxes": boxes}
                    masks = np.any([predict(model, truth.shape, box=b) for b in boxes], axis=0)
                rows[name, value, mode] = prompt, iou(score(masks, truth, oracle), truth)
    return rows


def clicks_program(images, classes, oracle):
    np.random.seed(1)
    model, rows = SquareModel(), {}
    for name, labels in sorted(images.items()):
        for value in classes:
            truth = labels == value
            if not truth.any():
                continue
            points, signs, error = [], [], truth
            for k in range(1, 10):
                x, y = farthest(error)
                points.append((x, y))
                signs.append(1 if k == 1 else int(labels[y, x] != 0))
                mask = score(predict(model, truth.shape, points, signs), truth, oracle)
                rows[name, value, k] = (
                    {"points": list(points), "labels": list(signs)},
                    iou(mask, truth),
                )
                error = mask ^ truth
    return rows


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(5)
    made = {f"case{i}": blob(i) for i in range(4)}
    # Objects that touch, equal areas, many ties, and a blob without symmetry.
    touching = np.zeros((40, 50), np.uint8)
    touching[5:15, 5:15], touching[5:15, 15:30], touching[25:35, 5:15] = 1, 2, 1
    noise = ndimage.gaussian_filter(rng.normal(size=(40, 50)), 3)
    made |= {"touching": touching, "noise": np.uint8(noise > np.quantile(noise, 0.8))}
    # The first answer to the first click is the object itself: no error is left.
    perfect = np.zeros((40, 50), np.uint8)
    perfect[20:23, 30:33] = 1
    made["perfect"] = perfect
    for name, labels in made.items():
        write_pair(tmp_path, name, labels)
    return made


def test_same_prompts_and_ious_as_the_published_rules(images, tmp_path):
    data = FolderDataset(tmp_path / "images", tmp_path / "masks", progress=False)
    study.run(data, SquareModel(), tmp_path / "r", PROTOCOLS["released"], seed=1, progress=False)
    table = results.read(tmp_path / "r").query("status == 'ok'")
    ours = table.set_index(["experiment", "choice", "image", "task", "k"])
    compared = 0
    for choice in ("top", "oracle"):
        programs = {"mode": modes_program, "clicks": clicks_program}
        for experiment, program in programs.items():
            for (name, value, k), (prompt, wanted) in program(
                images, (1, 2), choice == "oracle"
            ).items():
                row = ours.loc[(experiment, choice, name, f"object-{value}", k)]
                got = Prompt.from_json(row.prompt)
                assert got.points.tolist() == [list(map(float, p)) for p in prompt["points"]]
                if experiment == "clicks":
                    assert got.labels.tolist() == prompt["labels"]
                else:
                    assert got.boxes.tolist() == [list(map(float, b)) for b in prompt["boxes"]]
                assert row.iou == pytest.approx(wanted)
                compared += 1
    assert compared == len(ours) == 10 * 28
