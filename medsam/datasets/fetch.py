"""Getting a dataset: a plain download where there is one, otherwise the steps a person takes."""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from medsam.datasets.catalog import entry, place
from medsam.errors import InputError
from medsam.files import atomic, download

SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip")
"""Archives that are unpacked."""

MOST_RATIO = 500
"""Unpacked bytes a packed byte, of all files together and of archives in it, beyond 100 MiB."""
_FREE = 100 * 2**20
_TORN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,  # zipfile's word for a password, and for a kind of packing that it lacks
)


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
    temporary.mkdir(parents=True)
    budget = _Budget(_FREE + MOST_RATIO * archive.stat().st_size)
    try:
        _unpack(archive, temporary, budget, progress)
        for found in sorted(temporary.rglob("*")):
            if found.is_file() and found.name.lower().endswith(SUFFIXES):
                place = Path(tempfile.mkdtemp(dir=found.parent))
                place.chmod(0o755)
                _unpack(found, place, budget, progress)
                found.unlink()
                whole = found.with_name(stem(found.name))
                place.rename(found if whole.exists() else whole)
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return target


@dataclass
class _Budget:
    """Bytes that an archive and those in it may unpack to, and how many they have."""

    limit: int
    used: int = 0


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    plain: bool
    extract: Callable[[], object]


def _unpack(archive: Path, folder: Path, budget: _Budget, progress: bool) -> None:
    seen = set[PurePosixPath]()
    with _errors_of(archive):
        for member in tqdm(_members(archive, folder), archive.name, disable=not progress):
            path = PurePosixPath(member.name.replace("\\", "/"))
            budget.used += member.size
            if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
                raise _refused(archive, f"has a member {member.name!r} outside its folder")
            if not member.plain:
                raise _refused(archive, f"has a link or device: {member.name!r}")
            if budget.used > budget.limit:
                raise _refused(archive, f"unpacks to more than {budget.limit:,} bytes")
            if path in seen and not (folder / path).is_dir():
                raise _refused(archive, f"has a member twice: {member.name!r}")
            seen.add(path)
            member.extract()


def _members(archive: Path, folder: Path) -> Iterator[_Member]:
    """What is in an archive, in order, each to be extracted before the next."""
    name = archive.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive) as file:
            for one in file.infolist():
                kind = stat.S_IFMT(one.external_attr >> 16)  # 0 where none is told
                plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
                extract = partial(file.extract, one, folder)
                yield _Member(one.filename, one.file_size, plain, extract)
    elif name.endswith(SUFFIXES):
        with tarfile.open(archive) as tar:
            for each in tar:
                plain = each.isfile() or each.isdir()
                unpack_one = partial(tar.extract, each, folder, filter="data")
                yield _Member(each.name, each.size, plain, unpack_one)
            # tarfile stops at the last member; the checksum of what is packed stands behind it.
            while tar.fileobj and tar.fileobj.read(2**20):
                pass
    else:
        raise InputError(
            f"File {archive.name!r} is no archive by its name. Allowed: {', '.join(SUFFIXES)}. "
            "Give the archive as it was downloaded."
        )


def _refused(archive: Path, got: str) -> InputError:
    return InputError(
        f"Archive {archive.name!r} {got}. Allowed: plain files in its folder, each once, at most "
        f"{MOST_RATIO} times its size. Get it again from its official home."
    )


@contextmanager
def _errors_of(archive: Path) -> Iterator[None]:
    """Whatever is wrong with an archive is one kind of error."""
    try:
        yield
    except (OSError, *_TORN) as error:
        if isinstance(error, OSError) and error.errno is not None:  # gzip.BadGzipFile has none
            raise InputError(
                f"Archive {archive.name!r} cannot be unpacked ({error.strerror}). Allowed: a "
                "readable file and room for what is in it. Free some space, or change permissions."
            ) from error
        raise InputError(
            f"Archive {archive.name!r} cannot be read ({type(error).__name__}: {error}). Allowed: "
            "a complete archive. Download it again."
        ) from error


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
        if archive.url and not (folder / stem(archive.name)).exists():
            known = f"md5:{archive.md5}" if archive.md5 else None
            download(archive.url, where / archive.name, known, progress=progress)
    unpacked = tuple(unpack(path, folder, progress=progress) for path in find_archives(where))
    # What comes by itself is not all, where other parts are behind an account.
    direct = {stem(archive.name) for archive in one.archives if archive.url}
    parts = direct if one.access != "direct" else set()
    if folder.is_dir() and any(path.name not in parts for path in folder.iterdir()):
        return Fetched(folder, unpacked, ())
    names = ", ".join(archive.name for archive in one.archives)
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
    with atomic(whole) as temporary, open(temporary, "wb") as target:
        for path in paths:
            with open(path, "rb") as source:
                shutil.copyfileobj(source, target, 2**20)
