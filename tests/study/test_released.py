# ruff: noqa: NPY002 - the published scripts draw from the legacy generator
"""The ``released`` preset against a plain statement of the published scripts' rules.

The rules are written anew here, as simply as they can be, from what the scripts do: one program
for the modes, one for the clicks, one more for the clicks with oracle, each seeded with 1 and each
going through the images in sorted order. They read the files themselves; nothing of medsam is used
but the toy model's answers. Each rule matters here: with any one of them changed to what the paper
says, the results differ.
"""

from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np
import pytest
from scipy import ndimage
from toys import SquareModel, blob, write_pair

from medsam.datasets import open_folders
from medsam.models.contract import Prediction, Predictor
from medsam.prompts import Prompt
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.study import runner
from medsam.study.evaluate import evaluate, streams

PAPER, RELEASED = PROTOCOLS["paper"], PROTOCOLS["released"]
CLASSES = (1, 2)


class ThirdsModel(SquareModel):
    """Answers a box with its left third, its left two thirds, and all of it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def embed(self, image):
        self.seen.append(image)
        return super().embed(image)

    def predict(self, embedding, prompts, *, multimask=True):
        out = super().predict(embedding, prompts, multimask=multimask)
        for prompt, answer in zip(prompts, out, strict=True):
            for x0, y0, x1, y1 in prompt.boxes.astype(int):
                answer.masks[:] = False
                for i in range(3):
                    end = x0 + (x1 - x0 + 1) * (i + 1) // 3
                    answer.masks[i, y0 : y1 + 1, x0:end] = True
        return [Prediction(a.masks, a.scores, a.logits) for a in out]


# ---- The published rules, stated anew ----


def read(folder):
    """Images and labels by file name, in sorted order."""
    found = {}
    for path in sorted(Path(folder, "masks").glob("*.png")):
        image, labels = iio.imread(Path(folder, "images", path.name)), iio.imread(path)
        image = np.uint8(image / image.max() * 255)
        found[path.stem] = np.dstack([image] * 3), labels
    return found


def overlap(a, b):
    union = (a | b).sum()
    return (a & b).sum() / union if union else -1


def predict(model, image, points=(), labels=(), box=None):
    prompt = Prompt(
        np.array(points, float).reshape(-1, 2),
        np.array(labels, int),
        np.array([] if box is None else [box]),
    )
    (answer,) = model.predict(model.embed(image), [prompt])
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
            if overlap(mask, truth) > best:
                index, best = i, overlap(mask, truth)
    return masks[index]


def modes_program(folder, oracle):
    np.random.seed(1)
    model, rows = ThirdsModel(), {}
    for name, (image, labels) in read(folder).items():
        for value in CLASSES:
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
                    prompt = {"points": points, "labels": [1] * len(points), "boxes": []}
                    masks = predict(model, image, points, prompt["labels"])
                else:
                    boxes = {3: parts[:1], 4: parts[:3], 5: [truth]}[mode]
                    boxes = [tight(part) for part in boxes]
                    prompt = {"points": [], "labels": [], "boxes": boxes}
                    masks = np.any([predict(model, image, box=b) for b in boxes], axis=0)
                rows[name, value, mode] = prompt, overlap(score(masks, truth, oracle), truth)
    return rows


def clicks_program(folder, oracle):
    np.random.seed(1)
    model, rows = ThirdsModel(), {}
    for name, (image, labels) in read(folder).items():
        for value in CLASSES:
            truth = labels == value
            if not truth.any():
                continue
            points, signs, error = [], [], truth
            for k in range(1, 10):
                x, y = farthest(error)
                points.append((x, y))
                signs.append(1 if k == 1 else int(labels[y, x] != 0))
                mask = score(predict(model, image, points, signs), truth, oracle)
                prompt = {"points": list(points), "labels": list(signs), "boxes": []}
                rows[name, value, k] = prompt, overlap(mask, truth)
                error = mask ^ truth
    return rows


def published(folder):
    """Prompt and IoU by experiment, choice, image, task and k."""
    programs = {"mode": modes_program, "clicks": clicks_program}
    return {
        (experiment, choice, name, f"object-{value}", k): row
        for experiment, program in programs.items()
        for choice in ("top", "oracle")
        for (name, value, k), row in program(folder, choice == "oracle").items()
    }


# ---- What is compared ----


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("released")
    rng = np.random.default_rng(5)
    made = {f"case{i}": blob(i) for i in range(4)}
    # Objects that touch, equal areas, many ties, and a blob without symmetry.
    touching = np.zeros((40, 50), np.uint8)
    touching[5:15, 5:15], touching[5:15, 15:30], touching[25:35, 5:15] = 1, 2, 1
    noise = ndimage.gaussian_filter(rng.normal(size=(40, 50)), 3)
    made |= {"touching": touching, "noise": np.uint8(noise > np.quantile(noise, 0.8))}
    noise = ndimage.gaussian_filter(rng.normal(size=(90, 120)), 8)
    made["smooth"] = np.uint8(noise > np.quantile(noise, 0.7))
    # The first answer to the first click is the object itself: no error is left.
    perfect = np.zeros((40, 50), np.uint8)
    perfect[20:23, 30:33] = 1
    made["perfect"] = perfect
    # A negative click next to the one pixel wipes it out of every answer.
    dot = np.zeros((40, 50), np.uint8)
    dot[20, 25] = 1
    made["dot"] = dot
    # Beside object 1 lies object 2: a click there is positive for either.
    island = np.zeros((40, 50), np.uint8)
    island[15:26, 20:31], island[20, 25] = 2, 1
    made["island"] = island
    # For the square all of its box is best, for the hook the left third of it.
    hook = np.zeros((40, 50), np.uint8)
    hook[2:14, 2:14] = hook[18:36, 10:18] = hook[35, 10:34] = 1
    made["hook"] = hook
    for name, labels in made.items():
        # Dark images.
        image = rng.integers(0, 90, labels.shape).astype(np.uint8)
        write_pair(where, name, labels, image)
    return where


@pytest.fixture(scope="module")
def wanted(folder):
    return published(folder)


def dataset(folder):
    return open_folders(folder / "images", folder / "masks", progress=False)


def differing(rows, wanted):
    """Keys of the rows that are not as published."""
    found = {
        (r["experiment"], r["choice"], r["image"], r["task"], r["k"]): r
        for r in rows
        if r["status"] == "ok"
    }
    assert found.keys() == wanted.keys()
    out = []
    for key, (prompt, value) in wanted.items():
        got = Prompt.from_json(found[key]["prompt"])
        same = (
            got.points.tolist() == [list(map(float, p)) for p in prompt["points"]]
            and got.labels.tolist() == prompt["labels"]
            and got.boxes.tolist() == [list(map(float, b)) for b in prompt["boxes"]]
            and found[key]["iou"] == pytest.approx(value)
        )
        if not same:
            out.append(key)
    return out


def evaluated(folder, protocol, order=slice(None)):
    data = dataset(folder)
    draws = streams(protocol, 1)
    rows = []
    for case in np.array(list(data.cases()), object)[order]:
        sample = case.load()
        predict = Predictor(ThirdsModel(), sample.image)
        for task in case.tasks:
            rows += evaluate(sample, task, predict, protocol, draws, experiments=("mode", "clicks"))
    return rows


def test_same_prompts_and_ious_as_the_published_rules(folder, wanted, tmp_path):
    data = dataset(folder)
    model = ThirdsModel()
    given = {"experiments": ("mode", "clicks"), "progress": False}
    runner.run(data, model, tmp_path / "r", RELEASED, seed=1, **given)
    table = results.read(tmp_path / "r").query("status == 'ok'")
    assert differing(table.to_dict("records"), wanted) == []
    assert len(table) == len(wanted) == 15 * 28
    # The images that the model got: divided by their maximum, cut to 8 bit.
    images = [image for image, _ in read(folder).values()]
    assert len(model.seen) == len(images)
    assert all(np.array_equal(a, b) for a, b in zip(model.seen, images, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        {"distance": "exact"},
        {"region_ties": "first"},
        {"random": "derived"},
        {"top": "confident"},
        {"boxes": "each"},
        {"oracle_none": "first"},
        {"click_label": "task"},
        {"no_error": "stop"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_rule_matters(change, folder, wanted):
    assert differing(evaluated(folder, RELEASED.but("changed", **change)), wanted)


def test_the_order_of_images_changes_ties_under_released_and_nothing_under_paper(folder):
    """One stream over the images: what is drawn depends on what was drawn before."""

    def prompts(protocol, order=slice(None)):
        return {
            (r["experiment"], r["choice"], r["k"], r["image"], r["task"]): (r["prompt"], r["iou"])
            for r in evaluated(folder, protocol, order=order)
            if r["status"] == "ok"
        }

    shuffled = np.random.default_rng(3).permutation(11)
    whole = prompts(PAPER)
    assert prompts(PAPER, shuffled) == whole
    # Nor does leaving images out.
    assert prompts(PAPER, slice(3, 5)).items() <= whole.items()

    before, after = prompts(RELEASED), prompts(RELEASED, shuffled)
    differ = {key for key in before if before[key] != after[key]}
    assert {key[:3] for key in differ} >= {("mode", "top", 1), ("mode", "top", 2)}
    assert {key[0] for key in differ} == {"mode", "clicks"}
    # Boxes are not drawn for, and have no ties.
    assert not [key for key in differ if key[0] == "mode" and key[2] > 2]
