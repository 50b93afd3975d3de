"""Networks of click models with the weights of a checkpoint: every one of them, and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from medsam.errors import WeightsError
from medsam.models.states import read_state

__all__ = ["build"]


class _Inert:
    """Stands for an object of the training code that a checkpoint drags along; does nothing."""

    def __init__(self, *_: object, **__: object):
        pass


_LOSS = "isegm.model.modeling.transformer_helper.cross_entropy_loss"
_INERT: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_Inert, f"{_LOSS}.{name}") for name in ("CrossEntropyLoss", "cross_entropy")
]
"""SimpleClick's settings hold the loss it was trained with. Its code is not needed, and not run."""


def _some(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def build(network: Callable[[], nn.Module], path: Path) -> nn.Module:
    """A network with the weights of a checkpoint, ready to predict.

    The file may be a dict with ``state_dict`` (and ``config``, which is not used), or the tensors
    themselves. Nothing of it is run: what is neither a tensor nor plain data is refused, but for
    the loss in the settings of SimpleClick's files, which is read as an object that does nothing.

    Parameters
    ----------
    network : callable
        Makes the network. It is made without memory, as every weight comes from the file.
    path : Path

    Raises
    ------
    WeightsError
        As :func:`~medsam.models.states.read_state`, and if a weight is missing, left over or of
        another shape; lists them.
    """
    with torch.serialization.safe_globals(_INERT):
        state = read_state(path)
    with torch.device("meta"):
        net = network()
    wanted = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    got = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wrong = {
        "missing": sorted(wanted.keys() - got.keys()),
        "not known": sorted(got.keys() - wanted.keys()),
        "of another shape": sorted(
            f"{name} {got[name]} instead of {wanted[name]}"
            for name in wanted.keys() & got.keys()
            if wanted[name] != got[name]
        ),
    }
    if any(wrong.values()):
        told = "; ".join(f"{len(n)} {how} ({_some(n)})" for how, n in wrong.items() if n)
        raise WeightsError(
            f"Weights {path} are not those of {type(net).__name__}: of its {len(wanted)} tensors, "
            f"{told}. Allowed: all of them and no other. Take the file that belongs to the model."
        )
    # Stored halves become whole, counts of batches stay whole numbers.
    state = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    net.load_state_dict(state, strict=True, assign=True)
    return net.eval().requires_grad_(False)
