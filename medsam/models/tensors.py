"""Tensors of weight files: read, renamed, and put into a network."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor, nn

from medsam.errors import InputError, WeightsError
from medsam.models.checkpoints import REGISTRY, SAVED, digest, find_weights, own_file, own_name

NAMES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("names.yaml").read_text("utf-8"))
"""Parts of names of tensors, Meta's and transformers', as ``names.yaml`` has them."""

_State = dict[str, Tensor]


def renamed(state: Mapping[str, Tensor], *kinds: str, back: bool = False) -> _State:
    """Tensors under other names.

    Parameters
    ----------
    state : mapping of str to Tensor
    *kinds : str
        Keys of :data:`NAMES`, whose names are used one after the other.
    back : bool
        From transformers' names to Meta's.
    """
    pairs = [pair for kind in kinds for pair in NAMES[kind].items()]
    if back:
        pairs = [(to, part) for part, to in reversed(pairs)]
    out = {}
    for name, value in state.items():
        for part, to in pairs:
            name = f".{name}".replace(part, to)[1:]
        out[name] = value
    return out


def load_weights(
    net: nn.Module,
    name: str,
    folder: Path | None = None,
    checkpoint: Path | str | None = None,
    base: Path | str | None = None,
    rename: Callable[[_State], _State] = dict,
) -> tuple[str, nn.Module, dict[str, str]]:
    """A network with the published weights, or with a file of one's own.

    Parameters
    ----------
    net : Module
        See :func:`fit`.
    name, folder, checkpoint
        See :func:`find_weights`.
    base : Path or str, optional
        Weights with all tensors, of which ``checkpoint`` replaces some.
    rename : callable
        From a file's names of tensors to those of the network.

    Returns
    -------
    name, net, about
        Name of the model in results, which for a file of one's own is ``network+file``; the
        network; and what the provenance says of the weights.

    Raises
    ------
    WeightsError
        As :func:`find_weights`, :func:`read_state` and :func:`fit`.
    """
    if base is not None and checkpoint is None:
        raise InputError("A base without a checkpoint. Allowed: both. Give --checkpoint FILE.")
    shown = name if checkpoint is None else own_name(name, checkpoint)
    path, about = find_weights(name, folder, checkpoint)
    side, got = REGISTRY[name]["side"], _side(path)
    if None not in (side, got) and side != got:
        raise WeightsError(
            f"Weights {path} are for images of {got} pixels; {name} sees {side}. Allowed: weights "
            "for that size. Choose the model that they are of; `medsam models`."
        )
    state = _as_named(read_state(path), net, rename)
    if base is not None:
        file = own_file(base)
        state = _as_named(read_state(file), net, rename) | state
        about |= {"base": str(base), "base_sha256": digest(file)}
    return shown, fit(net, state, path, name), about


def _side(path: Path) -> Any:
    """Longest side of the images that a file of weights is for, as far as it tells."""
    config = path.with_name("config.json")
    if path.name in SAVED and config.is_file():
        settings = json.loads(config.read_text("utf-8"))
        return settings.get("prompt_encoder_config", {}).get("image_size")
    sides = {
        one.get("sha256"): model["side"] for model in REGISTRY.values() for one in model["weights"]
    }
    # The tensors of MedSAM2 have the names and shapes of SAM 2.1's.
    return sides.get(digest(path), 512 if "medsam2" in path.name.lower() else None)


def _as_named(state: _State, net: nn.Module, rename: Callable[[_State], _State]) -> _State:
    """The tensors under a network's names, without what training code put before all of them."""
    due, inner = net.state_dict().keys(), state
    while inner:
        found = rename(inner)
        if due & found.keys():
            return found
        if len({name.partition(".")[0] for name in inner}) > 1:
            break
        inner = {name.partition(".")[2]: value for name, value in inner.items()}
    return rename(state)


class _Inert:
    """Stands for an object of the training code that a checkpoint drags along; does nothing."""

    def __init__(self, *_: object, **__: object):
        pass


_LOSS = "isegm.model.modeling.transformer_helper.cross_entropy_loss"
_INERT = ("argparse.Namespace", f"{_LOSS}.CrossEntropyLoss", f"{_LOSS}.cross_entropy")
"""Settings of the training beside the tensors: of a script's arguments, and of SimpleClick's loss.

Their code is not needed, and not run.
"""
_CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model", "net")
_SAVE = "Save `model.state_dict()` with torch.save."


def read_state(path: Path) -> _State:
    """Tensors of a checkpoint by name, on the CPU.

    The file is one of safetensors, or of torch.save with the tensors themselves, or with a
    dictionary that has them as ``state_dict``, ``model_state_dict``, ``model_state``, ``model`` or
    ``net``. Nothing of it is run: what is neither a tensor nor plain data is refused, but for
    settings of the training that are known, which are read as objects that do nothing.

    Raises
    ------
    WeightsError
        If the file is torn, no checkpoint, or holds other things than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals([(_Inert, name) for name in _INERT]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load and safetensors raise errors of many kinds
        if named := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise WeightsError(
                f"Weights {path} hold code: an object of {named[1]}; none was run. "
                f"Allowed: tensors by name. {_SAVE}"
            ) from error
        raise WeightsError(
            f"Weights {path} cannot be read: torn, or no checkpoint ({type(error).__name__}). "
            "Allowed: a whole file of torch.save or safetensors."
        ) from error
    held = f"a {type(state).__name__}"
    if isinstance(state, dict):
        held = f"keys {', '.join(map(str, state))}"[:60]
    for container in _CONTAINERS:
        if isinstance(state, dict) and isinstance(state.get(container), dict):
            state = state[container]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise WeightsError(
            f"Weights {path} hold {held}, not tensors by name. "
            f"Allowed: tensors, alone or under {', '.join(_CONTAINERS)}. {_SAVE}"
        )
    return dict(state)


def fit(net: nn.Module, state: _State, path: Path, name: str) -> nn.Module:
    """A network with the weights of a checkpoint, ready to predict: all of them, and no other.

    Parameters
    ----------
    net : Module
        May be one without memory (``torch.device("meta")``), as every weight comes from the file.
    state : dict of str to Tensor
        Halves become whole.
    path : Path
        Where the weights are from, for the message.
    name : str
        Of the model, for the message.

    Raises
    ------
    WeightsError
        If a tensor is missing, left over or of another shape; lists the first of them.
    """
    own = net.state_dict()
    due, got = ({(key, tuple(one.shape)) for key, one in each.items()} for each in (own, state))
    if due != got:
        parts = "; ".join(
            f"{len(some)} {how} ({', '.join(f'{key} {shape}' for key, shape in sorted(some)[:3])}"
            f"{', …' if len(some) > 3 else ''})"
            for how, some in (("missing", due - got), ("unknown", got - due))
            if some
        )
        onto = "" if got - due else ", or some of them onto a whole file: --base FILE"
        raise WeightsError(
            f"Weights {path} do not fit {name}: {parts}. Allowed: exactly the {len(due)} tensors "
            f"of its network{onto}. Check that the file is of this model and variant."
        )
    state = {key: value.to(own[key].dtype) for key, value in state.items()}
    net.load_state_dict(state, strict=True, assign=True)
    return net.eval().requires_grad_(False)
