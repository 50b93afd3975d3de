"""Published checkpoints of click models: found, read without running code, and loaded whole."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medsam.errors import WeightsError
from medsam.models.checkpoints import ENVIRONMENT

__all__ = ["Official", "build", "find", "read", "sha256"]


@dataclass(frozen=True)
class Official:
    """A checkpoint that its authors publish. It is not part of medsam, nor of a package.

    Attributes
    ----------
    file : str
        Its name there.
    home : str
        Where the authors offer it.
    licence : str
        Of the code it comes with; none of the authors states one for the weights.
    """

    file: str
    home: str
    licence: str


class _Inert:
    """Stands for an object of the training code that a checkpoint drags along; does nothing."""

    def __init__(self, *_: object, **__: object):
        pass


_LOSS = "isegm.model.modeling.transformer_helper.cross_entropy_loss"
_INERT: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_Inert, f"{_LOSS}.{name}") for name in ("CrossEntropyLoss", "cross_entropy")
]
"""SimpleClick's settings hold the loss it was trained with. Its code is not needed, and not run."""


def find(official: Official, folder: Path | None = None) -> Path:
    """Path of a checkpoint.

    Parameters
    ----------
    official : Official
    folder : Path, optional
        The only folder to look in; else the one that ``MEDSAM_WEIGHTS`` names.

    Raises
    ------
    WeightsError
        If it is not there; says where it is published.
    """
    named = os.environ.get(ENVIRONMENT)
    where = folder if folder is not None else Path(named) if named else None
    if where is not None and (where / official.file).is_file():
        return where / official.file
    looked = f"in {where}" if where is not None else f"as {ENVIRONMENT} is not set"
    raise WeightsError(
        f"Weights {official.file!r}: no such file {looked}. They are not included: get them "
        f"from {official.home} and set {ENVIRONMENT} to the folder that holds them."
    )


def sha256(path: Path) -> str:
    """Hex digest of a whole file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, by name, on the CPU.

    The file may be a dict with ``state_dict`` (and ``config``, which is not used), or the
    tensors themselves. No code of the file is run: it is read with ``weights_only=True``, and
    whatever is neither a tensor nor plain data is refused. One exception is read and thrown
    away, the loss in the settings of SimpleClick's files.

    Raises
    ------
    WeightsError
        If the file is torn, holds other objects (which are named), or holds no tensors.
    """
    again = "Get the file anew from its home."
    try:
        with torch.serialization.safe_globals(_INERT):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch's own message is long, and advises what must not be done here.
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"the object {named[1]}" if named else "bytes that no tensor is made of"
        raise WeightsError(
            f"Weights {path} hold {what}. Allowed: tensors and plain data, which are read with "
            f"weights_only=True, since other content can run code. {again}"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"Weights {path} cannot be read: {error}. Allowed: a file of torch.save. {again}"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if (
        not isinstance(state, Mapping)
        or not state
        or not all(isinstance(v, Tensor) for v in state.values())
    ):
        raise WeightsError(
            f"Weights {path} hold a {type(content).__name__} without tensors by name. Allowed: a "
            f"dict with 'state_dict', or the tensors by name. {again}"
        )
    return {str(name): tensor for name, tensor in state.items()}


def _some(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def build(network: Callable[[], nn.Module], path: Path) -> nn.Module:
    """A network with the weights of a checkpoint, ready to predict.

    Parameters
    ----------
    network : callable
        Makes the network. It is made without memory, as every weight comes from the file.
    path : Path

    Raises
    ------
    WeightsError
        As :func:`read`, and if a weight is missing, left over or of another shape; lists them.
    """
    state = read(path)
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
