"""Files: written whole or not at all, known by a hash, fetched from the web."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from medsam.errors import InputError, MedsamError, UnknownName

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")


def plain_key(words: str) -> str:
    """A key made of words, for names of files, rows and tasks: no spaces, no signs.

    Examples
    --------
    >>> plain_key("my scans (2)")
    'my_scans__2_'
    """
    return re.sub(r"[^\w.+-]", "_", words)


def sha256(file: Path) -> str:
    """Hex sha256 of a file, which is never whole in memory.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def read_keys(file: Path) -> dict[str, Any]:
    """What a YAML file of keys and values holds.

    Raises
    ------
    InputError
        If it cannot be read, or holds anything else.
    """
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise InputError(
            f"File {str(file)!r} cannot be read ({words}). Allowed: a YAML file of keys and "
            "values. Check it."
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            f"File {str(file)!r} holds {type(content).__name__}. Allowed: KEY: VALUE in each line. "
            "Write them."
        )
    return content


def validated(kind: type[Model], content: Mapping[str, Any], where: str) -> Model:
    """What keys and values of a file say.

    Raises
    ------
    UnknownName
        If there is no such key.
    InputError
        If a value cannot be used.
    """
    from pydantic import ValidationError

    for key in content:
        if key not in kind.model_fields:
            raise UnknownName(f"key in {where}", str(key), kind.model_fields)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "what it says"
        field = kind.model_fields.get(str(next(iter(first["loc"]), "")))
        about = f" {field.description}" if field and field.description else ""
        if first["type"] == "missing":
            raise InputError(f"{where} has no {place!r}.{about} Add it.") from error
        raise InputError(
            f"{where}: {place} is {first.get('input')!r}. Allowed: {first['msg']}.{about} Mend it."
        ) from error


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    Parameters
    ----------
    path : Path
        Where the file goes; its folder exists.

    Yields
    ------
    Path
        A hidden file in the same folder, ``.<name>-<random>.tmp``, for the block to write. It is
        flushed to the disk and takes its place when the block ends, and is removed if it fails.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}-{uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_if_new(path: Path, content: bytes) -> bool:
    """Write a file unless it already holds this content, so that its time stays.

    Returns
    -------
    bool
        Whether it was written.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True


def download(
    url: str,
    path: Path,
    known_hash: str | None = None,
    *,
    progress: bool = True,
    error: type[MedsamError] = InputError,
) -> Path:
    """Download a file; continue where a cut download stopped.

    Parameters
    ----------
    url : str
    path : Path
        Where it goes. Until it is whole and checked it lies beside it, as ``<name>.part``. A file
        that is there and has the hash is not downloaded again.
    known_hash : str, optional
        ``"md5:…"`` or ``"sha256:…"``.
    progress : bool
        A bar on stderr.
    error : type of MedsamError
        What is raised.

    Raises
    ------
    MedsamError
        If there is no connection, the server refuses, the disk is full or not to be written, or
        the hash is another one.
    """
    import pooch
    import requests

    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = pooch.retrieve(
            url,
            known_hash=known_hash,
            fname=path.name,
            path=path.parent,
            downloader=_resuming(part, progress),
        )
    except requests.RequestException as problem:
        raise error(
            f"{url} cannot be downloaded ({type(problem).__name__}: {problem}). Allowed: a "
            "connection to it. Run the same command again: it goes on where it stopped. Or "
            f"download {path.name} by hand and put it into {path.parent}."
        ) from problem
    except OSError as problem:
        raise error(
            f"{path} cannot be written ({problem.strerror or problem}). Allowed: a folder with "
            "room for it. Free some space or choose another folder, and run the same command "
            "again: it goes on where it stopped."
        ) from problem
    except ValueError as problem:  # pooch: the hash is another one
        part.unlink(missing_ok=True)
        kind, _, digest = (known_hash or "").partition(":")
        raise error(
            f"{url}: what came is not the expected file ({problem}). Allowed: {kind.upper()} "
            f"{digest}. It was deleted; run the same command again, or look at the home page "
            "for a new release."
        ) from problem
    return Path(found)


def _resuming(part: Path, progress: bool) -> Callable[[str, Any, Any], None]:
    """A downloader for pooch that keeps what has come, and asks for the rest only."""

    def load(url: str, output: Any, _pooch: Any) -> None:
        import requests
        from tqdm import tqdm

        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, stream=True, headers=headers, timeout=60) as answer:
            if answer.status_code == 416:  # nothing is left to send
                shutil.move(part, output)
                return
            answer.raise_for_status()
            if answer.status_code != 206:
                have = 0  # the server sends all of it again
            total = int(answer.headers.get("Content-Length", 0)) + have
            with (
                open(part, "ab" if have else "wb") as file,
                tqdm(
                    desc=part.stem,
                    total=total or None,
                    initial=have,
                    unit="B",
                    unit_scale=True,
                    disable=not progress,
                ) as bar,
            ):
                for block in answer.iter_content(2**16):  # what a cut can cost
                    file.write(block)
                    bar.update(len(block))
        shutil.move(part, output)

    return load
