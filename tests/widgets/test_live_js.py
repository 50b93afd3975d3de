"""What the live widgets' JavaScript computes, in Node, against Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medsam import widgets
from medsam.datasets.intensity import Intensity
from medsam.datasets.readers.volume import Volume
from medsam.metrics import iou
from medsam.models.onnx_sam import point_inputs, upscale
from medsam.prompts import Prompt

JS = Path(widgets.__file__).parent / "live" / "js"
pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="No node on the PATH")


def node(imports: str, module: str, script: str, given=None):
    """What an expression over ``given`` and the imports of a module gives, as JSON."""
    text = f"""import {imports} from "./{module}"; import {{ readFileSync }} from "node:fs";
      const given = JSON.parse(readFileSync(0, "utf8"));
      console.log(JSON.stringify({script}))"""
    command = ["node", "--input-type=module", "--eval", text]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=False, cwd=JS
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --------------------------------------------------------------- prompts, masks
@pytest.mark.parametrize("size", [(218, 182), (60, 200), (1500, 700)])
def test_logits_become_the_same_mask_as_in_python(size):
    coarse = np.random.default_rng(3).normal(0, 4, (12, 12))
    logits = np.kron(coarse, np.ones((22, 22)))[:256, :256].astype(np.float32)
    (expected,) = upscale(logits[None], size) > 0
    given = {"logits": logits.ravel().tolist(), "size": size}
    script = "[...toMask(Float32Array.from(given.logits), given.size)]"
    found = np.array(node("{ toMask }", "prompt.js", script, given), bool).reshape(size)
    assert iou(found, expected) > 0.9999


def test_the_decoder_is_fed_as_in_python():
    given = [
        {"points": [[10, 20], [30, 5]], "labels": [1, 0], "box": None},
        {"points": [], "labels": [], "box": [3, 4, 40, 50]},
        {"points": [[7, 8]], "labels": [0], "box": [1, 2, 30, 40]},
    ]
    script = """given.map((one) => feed([218, 182], one))
      .map(({ coordinates, labels }) => [[...coordinates], [...labels]])"""
    for asked, found in zip(given, node("{ feed }", "prompt.js", script, given), strict=True):
        boxes = [asked["box"]] if asked["box"] else ()
        prompt = Prompt(asked["points"], asked["labels"], boxes)
        feed = point_inputs(prompt, (218, 182))
        np.testing.assert_allclose(found[0], feed["point_coords"].ravel(), rtol=1e-6)
        assert found[1] == feed["point_labels"].ravel().tolist()


@pytest.mark.parametrize(("size", "to"), [((30, 21), (102, 73)), ((90, 140), (24, 37))])
@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_are_resized_as_pillow_does_it(size, to, channels):
    pixels = np.random.default_rng(7).integers(0, 256, (*size, channels), np.uint8)
    script = f"[...resized(Uint8Array.from(given), {channels}, {list(size)}, {list(to)})]"
    found = node("{ resized }", "prompt.js", script, pixels.ravel().tolist())
    found = np.reshape(found, (*to, channels))
    for c in range(channels):
        image = Image.fromarray(pixels[..., c]).resize(to[::-1], Image.Resampling.BILINEAR)
        assert (found[..., c] == np.asarray(image)).all()


# ------------------------------------------------------------------------ scans
def affines(rng: np.random.Generator) -> list[np.ndarray]:
    """Orders and directions of axes, then slanted, sheared and stretched ones."""
    made = [
        np.diag([*signs, 1.0])[:, [*order, 3]]
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]
    for _ in range(60):
        affine = np.eye(4)
        affine[:3, :3] = rng.normal(0, 1, (3, 3)) * rng.uniform(0.3, 5, 3)
        made.append(affine)
    return made


def test_slices_are_cut_and_turned_as_in_python():
    rng = np.random.default_rng(5)
    data = rng.integers(-900, 900, (5, 6, 7)).astype(np.int16)
    made = affines(rng)[::5]
    given = {"affines": [a.tolist() for a in made], "data": data.ravel("F").tolist()}
    script = """given.affines.map((affine) => {
      const slabs = [0, 1, 2, 3, 4, 5, 6].map((k) => ({ offset: 30 * k, slope: 2, intercept: 1 }));
      const volume = new Volume({ shape: [5, 6, 7], affine, data: given.data, slabs });
      return volume.planes().map(({ name, spacing }) => {
        const { values, rows, columns } = volume.slice(name, 3);
        return { name, spacing, shape: [rows, columns], values: [...values] };
      });
    })"""
    found = node("{ Volume }", "scan/volume.js", script, given)
    for affine, planes in zip(made, found, strict=True):
        volume = Volume(data * 2 + 1, affine)
        for one in planes:
            assert one["spacing"] == pytest.approx(volume.spacing(one["name"]))
            picture = np.reshape(one["values"], one["shape"])
            assert (picture == volume.slice(one["name"], 3)).all()


def test_the_letters_at_the_sides():
    """Radiological: the patient's right on the left; a slanted axis has a second letter."""
    cos, sin = np.cos(0.5), np.sin(0.5)
    slanted = [[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1]]
    script = """given.map((affine) => new Volume({ shape: [4, 5, 6], affine }).planes())
      .map((planes) => planes.map(({ sides }) =>
        ["left", "right", "top", "bottom"].map((at) => sides[at]).join(" ")))"""
    given = [np.diag([-1, 1, 1, 1]).tolist(), slanted]
    assert node("{ Volume }", "scan/volume.js", script, given) == [
        ["R L A P", "R L S I", "A P S I"],
        ["R L AS PI", "R L SP IA", "AS PI SP IA"],
    ]


@pytest.mark.parametrize("low", [-700, 0, 20])
def test_grey_values_are_those_of_python(low):
    values = np.random.default_rng(6).normal(150, 90, (20, 30)).clip(low).round(3)
    ways = [Intensity("max"), Intensity("percentile"), Intensity("window", (120.0, 250.0))]
    given = {"values": values.ravel().tolist(), "ways": ["max", "percentile", "window"]}
    script = """given.ways.map((way) =>
      [...toGrey(Float64Array.from(given.values), { way, level: 120, width: 250 })])"""
    for way, one in zip(ways, node("{ toGrey }", "scan/grey.js", script, given), strict=True):
        np.testing.assert_allclose(one, way.grey(values).ravel(), atol=1)
        assert np.mean(one == way.grey(values).ravel()) > 0.99
