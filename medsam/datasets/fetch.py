"""Getting a dataset: a plain download where there is one, otherwise the steps a person takes."""

from __future__ import annotations

import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path, PurePosixPath
from string import ascii_lowercase

from tqdm import tqdm

from medsam.datasets.catalog import entry, place
from medsam.errors import InputError
from medsam.files import atomic, download

SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip")
"""Archives that are unpacked."""

MOST_RATIO = 500
"""Unpacked bytes a packed byte, of all files together and of archives in it, beyond 100 MiB."""
_FREE = 100 * 2**20


# Unpacking an archive that somebody else made, and nothing outside its folder.


def stem(name: str) -> str:
    """The name of an archive without its ending.

    Examples
    --------
    >>> stem("Task09_Spleen.tar"), stem("siemens-3t.tar.gz")
    ('Task09_Spleen', 'siemens-3t')
    """
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def unpack(archive: Path, folder: Path, *, progress: bool = True) -> Path:
    """Unpack an archive, and those in it, into a folder of its name, whole or not at all.

    Parameters
    ----------
    archive : Path
        One of :data:`SUFFIXES`.
    folder : Path
        Where the folder of its name is made. What is there already is not touched.
    progress : bool
        A bar on stderr.

    Returns
    -------
    Path
        The folder of its name.

    Raises
    ------
    InputError
        If it is no archive, is torn, would write outside its folder, holds links or devices,
        unpacks to more than is plausible, or there is no room.
    """
    target = folder / stem(archive.name)
    if target.is_dir():
        return target
    if target.exists() or target.is_symlink():
        raise InputError(
            f"{str(target)!r} is a file. Allowed: a folder of that name, or none. Unpack into "
            "another folder."
        )
    temporary = folder / f".{target.name}.unpacking"
    shutil.rmtree(temporary, ignore_errors=True)  # what a cut run has left
    whole = temporary / "whole"
    whole.mkdir(parents=True)
    left = _FREE + MOST_RATIO * archive.stat().st_size
    try:
        left -= _unpack(archive, whole, left, progress)
        for found in sorted(whole.rglob("*")):
            if found.is_file() and _is_archive(found.name):
                packed = found.rename(temporary / found.name)
                inside = found.with_name(stem(found.name))
                inside = found if inside.exists() else inside
                inside.mkdir()
                left -= _unpack(packed, inside, left, progress)
                packed.unlink()
        whole.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _is_archive(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _unpack(archive: Path, folder: Path, limit: int, progress: bool) -> int:
    """Unpack one archive into its folder; how many bytes came out."""
    used = 0
    try:
        for name, size, plain, extract in tqdm(
            _members(archive, folder), archive.name, disable=not progress
        ):
            path = PurePosixPath(name.replace("\\", "/"))
            used += size
            if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
                raise _refused(archive, f"has a member {name!r} outside its folder")
            if not plain:
                raise _refused(archive, f"has a link or device: {name!r}")
            if used > limit:
                raise _refused(archive, f"unpacks to more than {limit:,} bytes")
            extract()
    except InputError:
        raise
    except Exception as error:  # the disk, tarfile, zipfile, zlib and lzma each have their own
        raise InputError(
            f"Archive {archive.name!r} cannot be unpacked ({type(error).__name__}: {error}). "
            "Allowed: a complete archive, and room for what is in it. Download it again, or free "
            "some space."
        ) from error
    return used


def _members(archive: Path, folder: Path) -> Iterator[tuple[str, int, bool, Callable[[], object]]]:
    """Name, size and whether it is a plain file or folder of each member, and what extracts it."""
    if archive.suffix.lower() == ".zip":
        with zipfile.ZipFile(archive) as file:
            for one in file.infolist():
                kind = stat.S_IFMT(one.external_attr >> 16)  # 0 where none is told
                plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
                yield one.filename, one.file_size, plain, partial(file.extract, one, folder)
        return
    with tarfile.open(archive) as tar:
        for each in tar:
            plain = each.isfile() or each.isdir()
            extract = partial(tar.extract, each, folder, filter="data")
            yield each.name, each.size, plain, extract
        # tarfile stops at the last member; the checksum of what is packed stands behind it.
        while tar.fileobj and tar.fileobj.read(2**20):
            pass


def _refused(archive: Path, got: str) -> InputError:
    return InputError(
        f"Archive {archive.name!r} {got}. Allowed: plain files in its folder, at most "
        f"{MOST_RATIO} times its size. Get it again from its official home."
    )


# Getting a dataset.


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
    for archive in one.archives:
        if archive.url and not (folder / stem(archive.text)).exists():
            known = f"md5:{archive.md5}" if archive.md5 else None
            download(archive.url, where / archive.text, known, progress=progress)
    unpacked = tuple(unpack(path, folder, progress=progress) for path in find_archives(where))
    # What comes by itself is not all, where other parts are behind an account.
    direct = {stem(archive.text) for archive in one.archives if archive.url}
    parts = direct if one.access != "direct" else set()
    if folder.is_dir() and any(path.name not in parts for path in folder.iterdir()):
        return Fetched(folder, unpacked, ())
    names = ", ".join(archive.text for archive in one.archives)
    steps = (
        *one.how_to_get,
        f"Put the archives ({names}) as they are into {where}, and run "
        f"`medsam data fetch {key}` again: it unpacks them into {folder}. "
        "What you have unpacked yourself can lie anywhere: "
        f"`medsam data check {key} PATH`.",
    )
    return Fetched(folder, unpacked, steps)


def find_archives(where: Path) -> list[Path]:
    """Archives that lie in a folder; parts (``.tar.gz.aa``, …) are joined first."""
    files = {path for path in where.glob("[!.]*") if path.is_file()}
    found = {path for path in files if _is_archive(path.name)}
    parts: dict[Path, list[Path]] = {}
    for path in sorted(files - found):
        if _is_archive(path.stem) and re.fullmatch(r"\.[a-z]{2}", path.suffix):
            parts.setdefault(path.with_suffix(""), []).append(path)
    for whole in parts.keys() - found:
        _join(parts[whole], whole)
    return sorted(found | parts.keys())


def _join(paths: list[Path], whole: Path) -> None:
    """One file from its parts, in the order of their names."""
    ends = [path.suffix[1:] for path in paths]
    if ends != ["".join(end) for end in product(ascii_lowercase, repeat=2)][: len(ends)]:
        raise InputError(
            f"Parts of {whole.name!r}: {', '.join(ends)}. Allowed: aa, ab, … without a gap. "
            "Download the missing ones too."
        )
    with atomic(whole) as temporary, open(temporary, "wb") as target:
        for path in paths:
            with open(path, "rb") as source:
                shutil.copyfileobj(source, target, 2**20)
