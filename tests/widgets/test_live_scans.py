"""What the browser computes of a reader's own scan, against Python: turns, grey values, sizes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from live_node import JS, node
from nibabel.orientations import io_orientation
from PIL import Image

from medsam.datasets.intensity import Intensity
from medsam.datasets.readers.volume import Volume

SCAN = JS / "scan"


def turned(rng: np.random.Generator) -> list[np.ndarray]:
    """Affines: every order and direction of axes, then slanted, sheared and stretched ones."""
    from itertools import permutations, product

    made = [
        np.diag([*signs, 1.0])[:, [*order, 3]]
        for order in permutations(range(3))
        for signs in product((1, -1), repeat=3)
    ]
    for _ in range(60):
        affine = np.eye(4)
        affine[:3, :3] = rng.normal(0, 1, (3, 3)) * rng.uniform(0.3, 5, 3)
        if abs(np.linalg.det(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))) > 0.1:
            made.append(affine)
    return made


def test_axes_are_found_as_nibabel_finds_them():
    affines = turned(np.random.default_rng(4))
    found = node(
        f"""import {{ orientation }} from "{(SCAN / "volume.js").as_uri()}";
        console.log(JSON.stringify({json.dumps([a.tolist() for a in affines])}.map(orientation)))"""
    )
    for affine, one in zip(affines, found, strict=True):
        expected = io_orientation(affine)
        assert [int(np.flatnonzero(expected[:, 0] == w)[0]) for w in range(3)] == one["axis"]
        assert expected[:, 1].tolist() == one["sign"]


def test_slices_are_cut_and_turned_as_in_python():
    rng = np.random.default_rng(5)
    data = rng.integers(-900, 900, (5, 6, 7)).astype(np.int16)
    affines = turned(rng)[::5]
    given = {"affines": [a.tolist() for a in affines], "data": data.ravel("F").tolist()}
    found = node(
        f"""import {{ Volume }} from "{(SCAN / "volume.js").as_uri()}";
        const {{ affines, data }} = {json.dumps(given)};
        const slab = (k) => ({{ offset: 30 * k, slope: 2, intercept: 1 }});
        const slabs = [0, 1, 2, 3, 4, 5, 6].map(slab);
        console.log(JSON.stringify(affines.map((affine) => {{
          const volume = new Volume({{ shape: [5, 6, 7], affine, data, slabs }});
          return volume.planes().map((plane) => {{
            const {{ values, rows, columns }} = volume.slice(plane.name, 3);
            return {{ ...plane, rows, columns, values: [...values] }};
          }});
        }})))"""
    )
    for affine, planes in zip(affines, found, strict=True):
        volume = Volume(data * 2 + 1, affine)
        assert [one["name"] for one in planes] == ["axial", "coronal", "sagittal"]
        for one in planes:
            assert one["count"] == volume.count(one["name"])
            assert one["spacing"] == pytest.approx(volume.spacing(one["name"]))
            picture = np.reshape(one["values"], (one["rows"], one["columns"]))
            assert (picture == volume.slice(one["name"], 3)).all()


def test_the_letters_at_the_sides():
    """Radiological: the patient's right on the left; a slanted axis has a second letter."""
    slanted = np.eye(4)
    slanted[:3, :3] = [[1, 0, 0], [0, np.cos(0.5), -np.sin(0.5)], [0, np.sin(0.5), np.cos(0.5)]]
    affines = [np.diag([-1, 1, 1, 1]).tolist(), slanted.tolist()]
    found = node(
        f"""import {{ Volume }} from "{(SCAN / "volume.js").as_uri()}";
        const planes = (affine) => new Volume({{ shape: [4, 5, 6], affine }}).planes();
        const sides = (affine) => planes(affine).map((plane) => plane.sides);
        console.log(JSON.stringify({affines}.map(sides)))"""
    )
    straight = [
        {"left": "R", "right": "L", "top": "A", "bottom": "P"},
        {"left": "R", "right": "L", "top": "S", "bottom": "I"},
        {"left": "A", "right": "P", "top": "S", "bottom": "I"},
    ]
    assert found[0] == straight
    assert found[1] == [
        straight[0] | {"top": "AS", "bottom": "PI"},
        straight[1] | {"top": "SP", "bottom": "IA"},
        {"left": "AS", "right": "PI", "top": "SP", "bottom": "IA"},
    ]


@pytest.mark.parametrize("low", [-700, 0, 20])
def test_grey_values_are_those_of_python(low):
    values = np.random.default_rng(6).normal(150, 90, (20, 30)).clip(low).round(3)
    ways = {
        "max": Intensity("max"),
        "percentile": Intensity("percentile"),
        "window": Intensity("window", (120.0, 250.0)),
    }
    found = node(
        f"""import {{ toGrey }} from "{(SCAN / "grey.js").as_uri()}";
        const values = Float64Array.from({values.ravel().tolist()});
        const grey = (way) => [...toGrey(values, {{ way, level: 120, width: 250 }})];
        console.log(JSON.stringify({json.dumps(list(ways))}.map(grey)))"""
    )
    for way, one in zip(ways.values(), found, strict=True):
        np.testing.assert_allclose(one, way.grey(values).ravel(), atol=1)
        assert np.mean(one == way.grey(values).ravel()) > 0.99


@pytest.mark.parametrize(
    ("values", "way", "text"),
    [
        ("[1, NaN, Infinity]", "max", "2 of 3 values are NaN or infinite. Allowed: finite"),
        ("[0, 0]", "max", "All 2 values are 0. Allowed: at least one value above 0"),
        ("[-3, -3]", "max", "All 2 values are -3. Allowed: at least one value above 0"),
        ("[7, 7]", "percentile", "All 2 values are the same. Allowed: at least two different"),
        ("[7, 8]", "window", "A window of level 1 and width 0. Allowed: a width above 0"),
    ],
)
def test_values_that_have_no_grey(values, way, text):
    said = node(
        f"""import {{ toGrey }} from "{(SCAN / "grey.js").as_uri()}";
        try {{ toGrey(Float64Array.from({values}), {{ way: "{way}", level: 1, width: 0 }}); }}
        catch (error) {{ console.log(JSON.stringify(error.message)); }}"""
    )
    assert said.startswith(text)


@pytest.mark.parametrize(("size", "to"), [((30, 21), (102, 73)), ((90, 140), (24, 37))])
@pytest.mark.parametrize("channels", [1, 4])
def test_pictures_are_resized_as_pillow_does_it(size, to, channels):
    pixels = np.random.default_rng(7).integers(0, 256, (*size, channels), np.uint8)
    found = node(
        f"""import {{ resized }} from "{(JS / "prompt.js").as_uri()}";
        const pixels = Uint8Array.from({pixels.ravel().tolist()});
        console.log(JSON.stringify([...resized(pixels, {channels}, {list(size)}, {list(to)})]))"""
    )
    found = np.reshape(found, (*to, channels))
    for c in range(channels):
        image = Image.fromarray(pixels[..., c]).resize(to[::-1], Image.Resampling.BILINEAR)
        assert (found[..., c] == np.asarray(image)).all()


def test_every_module_is_served():
    """What a module of the reader imports lies beside it on the site."""
    import re

    from medsam.widgets.live.site import SCAN_LIBRARIES

    there = {path.name for path in SCAN.glob("*.js")}
    there |= {name.removeprefix("scan/") for name in SCAN_LIBRARIES}
    for path in SCAN.glob("*.js"):
        for name in re.findall(r'(?:from|beside\()\s*"(?:\./)?([\w./-]+)"', Path(path).read_text()):
            assert name in there, f"{path.name} asks for {name}"
