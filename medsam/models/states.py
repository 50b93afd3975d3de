"""Torch weight files read without running what is in them, and fitted key by key."""

from __future__ import annotations

import pickle
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medsam.errors import WeightsError

if TYPE_CHECKING:
    import torch

__all__ = ["fit", "read_state"]

_WRAPPERS = ("state_dict", "model")
"""Keys under which training programs put the weights beside their own things."""


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a checkpoint by name, on the CPU.

    Reads with ``weights_only=True``: a pickle that would run code, or holds anything but tensors
    and plain containers, is refused.

    Raises
    ------
    WeightsError
        If the file is torn, no checkpoint, or holds other things than tensors.
    """
    import torch

    get = "Get the file again from its source; never load one from a source you do not trust."
    if path.suffix == ".safetensors":
        return _read_safetensors(path, get)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        first = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"Weights {path} hold more than tensors, or code ({first}). Allowed: a dictionary of "
            f"tensors, readable with weights_only=True. Nothing of it was run. {get}"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"Weights {path} cannot be read ({first}). Allowed: a whole file that torch.save "
            f"wrote; this one is torn or no checkpoint. {get}"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        raise WeightsError(
            f"Weights {path} hold a {type(state).__name__} of other things than tensors by name. "
            f"Allowed: a dictionary of tensors. {get}"
        )
    return dict(state)


def _read_safetensors(path: Path, get: str) -> dict[str, torch.Tensor]:
    """A file of nothing but tensors, which cannot hold code."""
    try:
        files: Any = import_module("safetensors.torch")
    except ImportError as error:
        raise WeightsError(
            f"Weights {path} cannot be read ({error}). Allowed: with the package safetensors. "
            "Run `pip install safetensors`."
        ) from error
    try:
        state: dict[str, torch.Tensor] = files.load_file(path)
    except Exception as error:  # the format's own class of error comes from its binary part
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"Weights {path} cannot be read ({first}). Allowed: a whole file in the format "
            f"safetensors; this one is torn or of another format. {get}"
        ) from error
    return state


def fit(net: torch.nn.Module, state: dict[str, torch.Tensor], path: Path, what: str) -> None:
    """Load weights into a network: every tensor of the one has its place in the other.

    Parameters
    ----------
    net : Module
    state : dict of str to Tensor
    path : Path
        Where the weights are from, for the message.
    what : str
        The architecture by name, for the message.

    Raises
    ------
    WeightsError
        If a tensor is missing, unknown, or of another shape; names the first of each.
    """
    due = net.state_dict()
    missing = [name for name in due if name not in state]
    unknown = [name for name in state if name not in due]
    other = [n for n in due if n in state and due[n].shape != state[n].shape]
    if missing or unknown or other:
        told = []
        if missing:
            told.append(f"{len(missing)} of {len(due)} tensors missing ({missing[0]}, …)")
        if unknown:
            told.append(f"{len(unknown)} unknown ({unknown[0]}, …)")
        if other:
            shapes = f"{tuple(state[other[0]].shape)} for {tuple(due[other[0]].shape)}"
            told.append(f"{len(other)} of another shape ({other[0]}: {shapes}, …)")
        raise WeightsError(
            f"Weights {path} do not fit {what}: {'; '.join(told)}. Allowed: exactly the "
            f"{len(due)} tensors of {what}. Check that the file is of this model and variant."
        )
    net.load_state_dict(state, strict=True)
