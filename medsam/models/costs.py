"""How long a model takes on this machine, and how much memory at most."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_all_start_methods, get_context
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from medsam.errors import MedsamError
from medsam.models.contract import PromptableModel
from medsam.models.networks import LARGEST, Network, network
from medsam.prompts import Prompt

__all__ = ["Costs", "apart", "idle_memory", "measure", "peak_memory"]

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
        See :func:`medsam.models.networks.network`.

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
