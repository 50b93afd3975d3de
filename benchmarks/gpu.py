"""SAM on a GPU: images a second by batch and precision, the whole protocol, memory, and bf16's IoU.

Run it by ``benchmarks/gpu.sh``. Not run where there is no GPU; nothing in the pages comes from it.
Without a checkpoint the weights are random: times hold, IoUs do not, and this is said.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from medsam.datasets import BrainSample
from medsam.datasets.subsets import Subset
from medsam.models import load
from medsam.results import rows as results
from medsam.study import runner

SIZES = (1, 8, 32)
WAYS = {
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, compiled": {"precision": "bfloat16", "compiled": True},
}


def random_weights(folder: Path, network: str) -> Path:
    """A checkpoint of random weights for a network of segment-anything."""
    from segment_anything import sam_model_registry

    torch.manual_seed(0)
    net = sam_model_registry[network]()
    for name, weight in net.image_encoder.named_parameters():
        # Upstream starts these at zero; a trained network has none at zero.
        if "rel_pos" in name or name == "pos_embed":
            torch.nn.init.normal_(weight, std=0.02)
    file = folder / "random.pth"
    torch.save(net.state_dict(), file)
    return file


def seconds(call: Callable[[], Any], turns: int = 3) -> float:
    """Of the fastest turn, after one that warms up."""
    best = float("inf")
    for turn in range(turns + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start) if turn else best
    return best


class Utilisation:
    """The mean of what nvidia-smi says of the GPU, four times a second."""

    def __enter__(self) -> Self:
        self.seen: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self) -> None:
        ask = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not self._over.wait(0.25):
            found = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split()
            self.seen += [float(found[0])] if found else []

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def mean(self) -> float:
        """Per cent."""
        return float(np.mean(self.seen)) if self.seen else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="sam-vit-h", help="sam-vit-h, -l or -b")
    parser.add_argument("--checkpoint", type=Path, help="weights; random ones by default")
    parser.add_argument("--every", type=int, default=8, help="one of so many images of the sample")
    chosen = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("not run: no CUDA device here")
    network = chosen.model.removeprefix("sam-").replace("-", "_")
    data = Subset(BrainSample(), every=chosen.every)
    image = next(data.cases()).load().image
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {chosen.model}")
    with tempfile.TemporaryDirectory() as folder:
        file = chosen.checkpoint or random_weights(Path(folder), network)
        if not chosen.checkpoint:
            print("RANDOM weights: times hold, IoUs are of no model")
        frames = {}
        for name, how in WAYS.items():
            model: Any = load(chosen.model, checkpoint=file, device="cuda", **how)
            for size in SIZES:
                torch.cuda.reset_peak_memory_stats()
                took = seconds(lambda n=size, m=model: m.embed_many([image] * n))
                peak = torch.cuda.max_memory_allocated() / 2**30
                print(
                    f"encode  {name:20} batch {size:>2}: {size / took:7.2f} img/s, {peak:.1f} GiB"
                )
            if "compiled" in how:
                continue
            for workers, batch in ((1, 1), (4, 8)):
                out = Path(folder) / f"{name}-{workers}"
                with Utilisation() as used:
                    start = time.perf_counter()
                    runner.run(data, model, out, workers=workers, batch=batch, progress=False)
                    took = time.perf_counter() - start
                print(
                    f"run     {name:20} workers {workers}, batch {batch}: {len(data) / took:6.2f} "
                    f"img/s of the whole protocol, GPU busy {used.mean:.0f} %",
                    flush=True,
                )
            frames[name] = results.read(out)
            del model
            torch.cuda.empty_cache()
    keys = ["image", "task", "experiment", "k", "choice"]
    both = frames["float32"].merge(frames["bfloat16"], on=keys, suffixes=("", "_bf16"))
    modes = both[both.experiment == "mode"]
    away = (modes.iou - modes.iou_bf16).abs()
    print(f"IoU of modes, bfloat16 against float32: mean {away.mean():.4f}, max {away.max():.4f}")


if __name__ == "__main__":
    main()
