"""The files below a folder, found once, and what each is by its path."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medsam.errors import InputError

__all__ = ["Found", "Tree"]

_JUNK = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True, slots=True)
class Found:
    """A file, and the named parts of its path."""

    path: Path
    parts: Mapping[str, str]


@dataclass
class Tree:
    r"""Every file below a folder, hidden ones (``.DS_Store``, ``._a.nii.gz``) passed over.

    Links are followed, also out of the folder, as data that lies elsewhere is linked in; not to
    a folder above themselves.

    Parameters
    ----------
    root : Path

    Attributes
    ----------
    paths : dict of str to Path
        Path below the root to the file, sorted; with ``/``, in Unicode NFC, and bytes that are no
        UTF-8 written out (``\xe9``).
    used : set of str
        Paths that some pattern has matched.
    closed : list of str
        Folders that may not be listed.
    why : dict of str to str
        Why a path of :attr:`left` is not used, where it is part of the layout.

    Raises
    ------
    InputError
        If the root is missing, is a file, or holds no file.
    """

    root: Path
    paths: dict[str, Path] = field(default_factory=dict, init=False)
    used: set[str] = field(default_factory=set, init=False)
    closed: list[str] = field(default_factory=list, init=False)
    why: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            what = "is a file" if self.root.exists() else "does not exist"
            raise InputError(
                f"Folder {str(self.root)!r} {what}. Allowed: the folder into which the archive was "
                "unpacked. Check the path."
            )
        found: dict[str, Path] = {}
        for raw in sorted(self._walk(), key=lambda raw: (raw != _told(raw), raw)):
            # Two spellings of one name on one disk: both stay, and match as one name twice.
            below = _told(raw)
            found[_utf8(raw) if below in found else below] = self.root / raw
        self.paths = dict(sorted(found.items()))
        if not self.paths:
            raise InputError(
                f"No file below {str(self.root)!r}{_closed(self.closed)}. "
                "Allowed: the folder into which the archive was unpacked. Check the path."
            )

    def _walk(self) -> Iterator[str]:
        """Paths below the root, in whatever order the disk has them."""
        todo: list[tuple[str, tuple[str, ...]]] = [("", (os.path.realpath(self.root),))]
        while todo:
            below, above = todo.pop()
            try:
                entries = list(os.scandir(self.root / below))
            except OSError:
                self.closed.append(_told(below) or str(self.root))
                continue
            for entry in entries:
                name = f"{below}/{entry.name}".lstrip("/")
                if _junk(entry.name):
                    continue
                if entry.is_dir():
                    # A link to a folder above it would be walked for ever.
                    real = (
                        os.path.realpath(entry)
                        if entry.is_symlink()
                        else f"{above[-1]}/{entry.name}"
                    )
                    if real not in above:
                        todo.append((name, (*above, real)))
                elif entry.is_file() or entry.is_symlink():  # a dangling link fails when read
                    yield name

    def match(self, pattern: str) -> Iterator[Found]:
        r"""Files whose path below the root ends in that pattern, in sorted order.

        Parameters
        ----------
        pattern : str
            A regular expression, matched against whole path components
            from the right, in any case of letters: ``imagesTr/(?P<id>la_\d+)\.nii\.gz`` finds
            it at any depth.
        """
        whole = re.compile(rf"(?:.*/)?(?:{pattern})", re.IGNORECASE)
        for below, path in self.paths.items():
            match = whole.fullmatch(_told(below))
            if match:
                self.used.add(below)
                yield Found(path, {k: v for k, v in match.groupdict().items() if v is not None})

    def above(self, pattern: str) -> Path | None:
        """The folder that should have been given, if the root lies inside what was unpacked.

        That is where files of the root match the pattern once the names of the folders above
        the root are taken into account.
        """
        whole = re.compile(rf"(?:.*/)?(?P<_whole>{pattern})", re.IGNORECASE)
        root = self.root.resolve()
        for below in self.paths:
            full = (root / below).as_posix()
            match = whole.fullmatch(full)
            if match:
                return Path(full[: match.start("_whole")])
        return None

    @property
    def left(self) -> list[str]:
        """Paths that no pattern has matched."""
        return [below for below in self.paths if below not in self.used]


def _junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK


def _closed(folders: list[str]) -> str:
    if not folders:
        return ""
    return f" ({len(folders)} folders may not be listed, such as {folders[0]!r})"


def _utf8(name: str) -> str:
    """Bytes that are no UTF-8 written out, since tables and terminals take text alone."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _told(name: str) -> str:
    """As it is told: macOS stores 'é' as two code points, Linux as one; ids must not differ."""
    return unicodedata.normalize("NFC", _utf8(name))
