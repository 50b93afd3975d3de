"""The files below a folder, found once, and what each is by its path."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from medsam.errors import InputError

__all__ = ["Found", "Tree"]

_JUNK = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass(frozen=True)
class Found:
    """A file, and the named parts of its path."""

    path: Path
    parts: dict[str, str]


@dataclass
class Tree:
    """Every file below a folder, hidden ones (``.DS_Store``, ``._a.nii.gz``) passed over.

    Parameters
    ----------
    root : Path

    Attributes
    ----------
    paths : dict of str to Path
        Path below the root (with ``/``, Unicode NFC) to the file, sorted.
    used : set of str
        Paths that some pattern has matched.
    closed : list of str
        Folders that may not be listed.

    Raises
    ------
    InputError
        If the root is missing, is a file, or holds no file.
    """

    root: Path
    paths: dict[str, Path] = field(default_factory=dict, init=False)
    used: set[str] = field(default_factory=set, init=False)
    closed: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            what = "is a file" if self.root.exists() else "does not exist"
            raise InputError(
                f"Folder {str(self.root)!r} {what}. Allowed: the folder into which the archive was "
                "unpacked. Check the path."
            )
        found = {}
        for folder, folders, files in os.walk(self.root, onerror=self._refused):
            folders[:] = sorted(name for name in folders if not _junk(name))
            for name in files:
                if not _junk(name):
                    path = Path(folder, name)
                    # macOS stores 'é' as two code points, Linux as one: the id must not differ.
                    below = unicodedata.normalize("NFC", path.relative_to(self.root).as_posix())
                    found[below] = path
        self.paths = dict(sorted(found.items()))
        if not self.paths:
            raise InputError(
                f"No file below {str(self.root)!r}"
                f"{' (' + str(len(self.closed)) + ' folders may not be listed)' * bool(self.closed)}. "
                "Allowed: the folder into which the archive was unpacked. Check the path."
            )

    def _refused(self, error: OSError) -> None:
        self.closed.append(str(error.filename))

    def match(self, pattern: str) -> Iterator[Found]:
        r"""Files whose path below the root ends in that pattern, in sorted order.

        Parameters
        ----------
        pattern : str
            A regular expression, matched against whole path components
            from the right: ``imagesTr/(?P<id>la_\d+)\.nii\.gz`` finds it at any depth.
        """
        whole = re.compile(rf"(?:^|.*/){pattern}")
        for below, path in self.paths.items():
            match = whole.fullmatch(below)
            if match:
                self.used.add(below)
                yield Found(path, {k: v for k, v in match.groupdict().items() if v is not None})

    def above(self, pattern: str) -> Path | None:
        """The folder that should have been given, if the root lies inside what was unpacked.

        That is where files of the root match the pattern once the names of the folders above
        the root are taken into account.
        """
        whole = re.compile(rf"(?:^|.*/)(?P<_whole>{pattern})")
        root = self.root.resolve()
        for below in self.paths:
            full = (root / below).as_posix()
            match = whole.fullmatch(full)
            if match:
                above = Path(full[: match.start("_whole")] or "/")
                return above
        return None

    @property
    def left(self) -> list[str]:
        """Paths that no pattern has matched."""
        return [below for below in self.paths if below not in self.used]


def _junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK
