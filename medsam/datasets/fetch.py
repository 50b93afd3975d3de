"""Getting a dataset: a plain download where there is one, otherwise the steps a person takes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from medsam.datasets.archive import SUFFIXES, stem, unpack
from medsam.datasets.catalog import entry
from medsam.datasets.entry import Archive
from medsam.datasets.home import place
from medsam.download import download as retrieve
from medsam.errors import InputError

__all__ = ["Fetched", "archives_folder", "download", "fetch", "find_archives"]


@dataclass(frozen=True)
class Fetched:
    """What came of it.

    Attributes
    ----------
    folder : Path
        Where the dataset lies, or will lie.
    unpacked : tuple of Path
        Folders that are there now.
    steps : tuple of str
        What a person has left to do; empty when all is there.
    """

    folder: Path
    unpacked: tuple[Path, ...]
    steps: tuple[str, ...]


def archives_folder(folder: Path) -> Path:
    """Where archives are put, beside the folder of their dataset."""
    return folder.parent / "archives" / folder.name


def fetch(key: str, folder: Path | None = None, *, progress: bool = True) -> Fetched:
    """Download and unpack a dataset, or unpack the archives that a person has put there.

    Parameters
    ----------
    key : str
        Of the catalog.
    folder : Path, optional
        Where the dataset goes; its place in the data folder by default. Archives go to
        ``archives/<key>`` beside it.
    progress : bool
        Bars on stderr.

    Returns
    -------
    Fetched
        With the steps that are left where the data is behind a form, an account or a client.

    Raises
    ------
    UnknownName
        If there is no such dataset.
    InputError
        If a download fails (what has come is kept, and the same call goes on from there), a
        hash is not the expected one, or an archive cannot be unpacked.
    """
    one = entry(key)
    folder = folder or place(key)
    where = archives_folder(folder)
    direct = [archive for archive in one.archives if archive.url]
    for archive in direct:
        if not (folder / stem(archive.name)).exists():
            download(archive, where, progress=progress)
    unpacked = []
    for path in find_archives(where):
        unpacked.append(unpack(path, folder, progress=progress))
    there = folder.is_dir() and any(folder.iterdir())  # unpacked by hand, or at an earlier call
    if unpacked or there:
        return Fetched(folder, tuple(unpacked), ())
    names = ", ".join(archive.name for archive in one.archives)
    steps = (
        *one.how_to_get,
        f"Put the archives ({names}) as they are into {where}, and run "
        f"`medsam data fetch {key}` again: it unpacks them into {folder}. "
        "What you have unpacked yourself can lie anywhere: "
        f"`medsam data check {key} PATH`.",
    )
    return Fetched(folder, (), steps)


def find_archives(where: Path) -> list[Path]:
    """Archives that lie in a folder; parts (``.tar.gz.aa``, …) are joined first."""
    if not where.is_dir():
        return []
    parts: dict[str, list[Path]] = {}
    found = []
    for path in sorted(where.iterdir()):
        base, _, last = path.name.rpartition(".")
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.name.lower().endswith(SUFFIXES):
            found.append(path)
        elif len(last) == 2 and last.isalpha() and base.lower().endswith(SUFFIXES):
            parts.setdefault(base, []).append(path)
    for base, paths in parts.items():
        whole = where / base
        if not whole.exists():
            _join(paths, whole)
            found.append(whole)
    return sorted(found)


def _join(paths: list[Path], whole: Path) -> None:
    """One file from its parts, in the order of their names."""
    ends = [path.name[-2:] for path in paths]
    due = [chr(97 + i // 26) + chr(97 + i % 26) for i in range(len(paths))]
    if ends != due:
        missing = next(d for d in due if d not in ends)
        raise InputError(
            f"Parts of {whole.name!r}: {', '.join(ends)}. Allowed: aa, ab, … without a gap. "
            f"Download part {missing!r} too."
        )
    temporary = whole.with_name(f".{whole.name}.joining")
    with open(temporary, "wb") as target:
        for path in paths:
            with open(path, "rb") as source:
                shutil.copyfileobj(source, target, 2**20)
    temporary.rename(whole)


def download(archive: Archive, folder: Path, *, progress: bool = True) -> Path:
    """Download an archive; continue where a cut download stopped.

    Raises
    ------
    InputError
        If there is no connection, the server refuses, or the hash is another one.
    """
    known = f"md5:{archive.md5}" if archive.md5 else None
    return retrieve(archive.url, folder / archive.name, known, progress=progress)
