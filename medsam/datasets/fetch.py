"""Getting a dataset: a plain download where there is one, otherwise the steps a person takes."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from medsam.datasets.catalog import Archive, entry, place
from medsam.errors import InputError
from medsam.files import download as retrieve

__all__ = [
    "MOST_BYTES",
    "MOST_FILES",
    "MOST_RATIO",
    "SUFFIXES",
    "Fetched",
    "archives_folder",
    "download",
    "fetch",
    "find_archives",
    "stem",
    "unpack",
]


# Unpacking an archive that somebody else made, and nothing outside its folder.


SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip")
"""Archives that are unpacked."""

MOST_BYTES = 2**40
"""No archive of these datasets unpacks to more (1 TiB)."""
MOST_FILES = 2_000_000
"""No archive of these datasets holds more files."""
MOST_RATIO = 500
"""Unpacked bytes a packed byte, of all files together, beyond the first 100 MiB."""
_FREE = 100 * 2**20
_BLOCK = 2**20
_TORN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # zipfile's word for a password, and for a kind of packing that it lacks
)


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


def unpack(archive: Path, folder: Path, *, inner: bool = True, progress: bool = True) -> Path:
    """Unpack an archive into a folder of its name, whole or not at all.

    Parameters
    ----------
    archive : Path
        One of :data:`SUFFIXES`.
    folder : Path
        Where the folder of its name is made. What is there already is not touched.
    inner : bool
        Also unpack the archives that lie in it, each in its place.
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
    if target.exists():
        return target
    temporary = folder / f".{target.name}.unpacking"
    shutil.rmtree(temporary, ignore_errors=True)  # what a cut run has left
    temporary.mkdir(parents=True)
    try:
        _unpack(archive, temporary, archive.stat().st_size, progress)
        if inner:
            for found in sorted(temporary.rglob("*")):
                if found.is_file() and found.name.lower().endswith(SUFFIXES):
                    place = found.with_name(stem(found.name) + ".unpacked")
                    place.mkdir()
                    _unpack(found, place, found.stat().st_size, progress)
                    found.unlink()
                    if not found.with_name(stem(found.name)).exists():
                        place.rename(found.with_name(stem(found.name)))
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return target


def _unpack(archive: Path, folder: Path, packed: int, progress: bool) -> None:
    with _opened(archive) as members:
        budget = _Budget(archive, packed, folder)
        bar = tqdm(
            desc=f"unpacking {archive.name}",
            unit="B",
            unit_scale=True,
            disable=not progress,
        )
        with bar:
            for name, source in members:
                path = folder / _inside(name, archive)
                if source is None:
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                budget.file()
                with open(path, "xb") as file:
                    while block := source.read(_BLOCK):
                        budget.take(len(block))
                        file.write(block)
                        bar.update(len(block))


class _Budget:
    """What an archive may still write."""

    def __init__(self, archive: Path, packed: int, folder: Path):
        self.archive, self.files, self.bytes = archive, 0, 0
        self.most = min(MOST_BYTES, _FREE + MOST_RATIO * packed)
        self.folder = folder

    def file(self) -> None:
        self.files += 1
        if self.files > MOST_FILES:
            raise _refused(self.archive, f"holds more than {MOST_FILES:,} files", "fewer")

    def take(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self.most:
            raise _refused(
                self.archive,
                f"unpacks to more than {self.most:,} bytes",
                f"at most {MOST_RATIO} times its size",
            )


def _refused(archive: Path, got: str, allowed: str) -> InputError:
    return InputError(
        f"Archive {archive.name!r} {got}. Allowed: {allowed}. It is not unpacked: get it again "
        "from its official home."
    )


def _inside(name: str, archive: Path) -> Path:
    """The path of a member below its folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (path.parts and ":" in path.parts[0]):
        raise _refused(archive, f"has a member {name!r} outside its folder", "paths below it")
    return Path(*path.parts)


Member = tuple[str, IO[bytes] | None]
"""Name and content; a folder has none."""


@contextmanager
def _opened(archive: Path) -> Iterator[Iterator[Member]]:
    """Members of an archive; whatever is wrong with it is one kind of error."""
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as opened:
                yield _zip(opened, archive)
        elif archive.name.lower().endswith(SUFFIXES):
            with tarfile.open(archive) as tar:
                yield _tar(tar, archive)
        else:
            raise InputError(
                f"File {archive.name!r} is no archive by its name. Allowed: "
                f"{', '.join(SUFFIXES)}. Give the archive as it was downloaded."
            )
    except FileExistsError as error:
        name = Path(error.filename).name
        raise _refused(archive, f"has a member twice: {name!r}", "each once") from error
    except OSError as error:
        if error.errno is None:  # such as gzip.BadGzipFile
            raise _torn(archive, error) from error
        raise InputError(
            f"Archive {archive.name!r} cannot be unpacked ({error.strerror}). Allowed: a readable "
            "file and room for what is in it. Free some space, or change the permissions."
        ) from error
    except _TORN as error:
        raise _torn(archive, error) from error


def _torn(archive: Path, error: Exception) -> InputError:
    return InputError(
        f"Archive {archive.name!r} cannot be read ({type(error).__name__}: {error}). Allowed: a "
        "complete archive. Download it again."
    )


def _zip(opened: zipfile.ZipFile, archive: Path) -> Iterator[Member]:
    for member in opened.infolist():
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(archive, f"has a link or device: {member.filename!r}", "plain files")
        if member.is_dir():
            yield member.filename, None
        else:
            with opened.open(member) as source:
                yield member.filename, source


def _tar(opened: tarfile.TarFile, archive: Path) -> Iterator[Member]:
    for member in opened:
        if not (member.isfile() or member.isdir()):
            raise _refused(archive, f"has a link or device: {member.name!r}", "plain files")
        source = opened.extractfile(member)
        yield member.name, source
    # tarfile stops at the last member; the checksum of what is packed stands behind it.
    assert opened.fileobj is not None
    while opened.fileobj.read(_BLOCK):
        pass


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
