"""The files below a folder, found once, and what each is by its path."""

from __future__ import annotations

import filecmp
import os
import re
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medsam.datasets.readers.dicom import is_slice
from medsam.errors import InputError

Key = tuple[str, str]
"""Id and group (or empty) of an image, as its path tells them."""

Files = dict[Key, list[Path]]
"""Files, and folders of DICOM files."""

_JUNK = {"thumbs.db", "desktop.ini", "__macosx"}


def expression(pattern: str, where: Mapping[str, str] | None = None) -> str:
    r"""The regular expression of a path with placeholders.

    Parameters
    ----------
    pattern : str
        ``{name}`` stands for a part of a path without ``/``, or for the expression that ``where``
        has of it, and for the same text where it stands again; ``*`` for any text without ``/``,
        ``**`` for any text.
    where : mapping of str to str, optional
        Regular expressions of placeholders.

    Examples
    --------
    >>> expression("{id}/*_seg.png", {"id": r"case\d+"})
    '(?P<id>case\\d+)/[^/]*_seg\\.png'
    """
    seen: set[str] = set()
    out = ""
    for word in re.split(r"(\{\w+\}|\*\*|\*)", pattern):
        name = word[1:-1]
        if word in ("*", "**"):
            out += ".*" if word == "**" else "[^/]*"
        elif not word.startswith("{"):
            out += re.escape(word)
        elif name in seen:
            out += f"(?P={name})"
        else:
            out += f"(?P<{name}>{(where or {}).get(name, '[^/]+')})"
            seen.add(name)
    return out


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
    closed, special : list of str
        Folders that may not be listed; pipes, sockets and devices, of which none is opened.
    reasons : dict of Path to str
        Why a file, or the files of a folder, are not used although a pattern matches them.
    flat : bool
        Whether files directly in the root alone are looked for.

    Raises
    ------
    InputError
        If the root is missing, is a file, or holds no file.
    """

    root: Path
    paths: dict[str, Path] = field(default_factory=dict, init=False)
    used: set[str] = field(default_factory=set, init=False)
    closed: list[str] = field(default_factory=list, init=False)
    special: list[str] = field(default_factory=list, init=False)
    reasons: dict[Path, str] = field(default_factory=dict, init=False)
    flat: bool = field(default=False, init=False)
    _excluded: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        if not self.root.is_dir():
            what = "is a file" if self.root.exists() else "does not exist"
            raise InputError(
                f"Folder {str(self.root)!r} {what}. Allowed: the folder that holds the data. "
                "Check the path."
            )
        found: dict[str, Path] = {}
        for raw in sorted(self._walk(), key=lambda raw: (raw != _normal(raw), raw)):
            # Two spellings of one name on one disk: both stay, and match as one name twice.
            below = _normal(raw)
            found[text_of(raw) if below in found else below] = self.root / raw
        self.paths = dict(sorted(found.items()))
        if not self.paths:
            closed = f" (may not be listed: {self.closed[0]!r})" if self.closed else ""
            raise InputError(
                f"No file below {str(self.root)!r}{closed}. Allowed: the folder that holds the "
                "data. Check the path."
            )

    def _walk(self) -> Iterator[str]:
        """Paths below the root, in whatever order the disk has them."""

        def closed(error: OSError) -> None:
            self.closed.append(text_of(str(error.filename)))

        for folder, folders, files in os.walk(self.root, followlinks=True, onerror=closed):
            here = Path(folder)
            folders[:] = [name for name in folders if _is_data(name) and not _leads_up(here / name)]
            for name in filter(_is_data, files):
                below = (here / name).relative_to(self.root).as_posix()
                if _is_special(here / name):
                    self.special.append(text_of(below))
                else:
                    yield below

    def find(
        self,
        patterns: Iterable[str],
        name: str = "{id}",
        group: str = "{group}",
        *,
        anywhere: bool = True,
        keep: Callable[[Path], bool] | None = None,
    ) -> Files:
        """What fits one of some patterns, in sorted order.

        Of equal copies (or links to one file) the first counts; the others are left out.

        Parameters
        ----------
        patterns : iterable of str
            As for :meth:`fitting`.
        name, group : str
            Templates of id and group, from the named parts of the patterns.
        anywhere : bool
            As for :meth:`fitting`.
        keep : callable, optional
            Whether a file or folder that fits is meant; by default it is.
        """
        groups: Files = {}
        for pattern in patterns:
            for path, parts, files in self.fitting(pattern, anywhere=anywhere):
                if keep and not keep(path):
                    continue
                self.used.update(files)
                known = defaultdict(str, parts)
                key = (name.format_map(known).strip("/"), group.format_map(known))
                same = groups.setdefault(key, [])
                first = next((one for one in same if _same_content(one, path)), None)
                if first is None:
                    same.append(path)
                elif first.resolve() != path.resolve():
                    shown = first.relative_to(self.root).as_posix()
                    self.leave_out([path], f"a copy of {shown!r}, equal to the byte")
        return dict(sorted(groups.items()))

    def fitting(
        self, pattern: str, *, anywhere: bool = True
    ) -> Iterator[tuple[Path, dict[str, str], list[str]]]:
        r"""Files whose path below the root ends in that pattern, then folders of DICOM files.

        Parameters
        ----------
        pattern : str
            A regular expression, matched against whole path components from the right, in any
            case of letters: ``imagesTr/(?P<id>la_\d+)\.nii\.gz`` finds it at any depth. Where it
            fits a file, the folder of that file is not looked at.
        anywhere : bool
            Otherwise the whole path has to fit.

        Yields
        ------
        path, parts, files
            With the named parts of the pattern, and the paths below the root that are in it.
        """
        whole = re.compile(f"{'(?:.*/)?' if anywhere else ''}(?:{pattern})", re.IGNORECASE)
        folders: dict[str, list[str]] = {}
        named = set[str]()
        for below, path in self.paths.items():
            if below in self._excluded:
                continue
            folder = below.rpartition("/")[0]
            folders.setdefault(folder, []).append(below)
            if match := whole.fullmatch(_normal(below)):
                named.add(folder)
                yield path, match.groupdict(""), [below]
        for folder, files in folders.items():
            match = None if folder in named else whole.fullmatch(_normal(folder))
            if match:
                others = [one for one in files if not is_slice(self.paths[one])]
                if len(others) < len(files):
                    self.leave_out((self.paths[one] for one in others), "no DICOM file")
                    yield self.paths[files[0]].parent, match.groupdict(""), files

    def exclude(self, pattern: str) -> None:
        """Have no pattern match these files; the name of the root counts as a folder of theirs."""
        whole = re.compile(rf"(?:.*/)?(?:{pattern})", re.IGNORECASE)
        root = self.root.resolve().name
        self._excluded |= {below for below in self.paths if whole.fullmatch(f"{root}/{below}")}

    def leave_out(self, paths: Iterable[Path], reason: str) -> None:
        """Have files (or those of folders) listed as left out, although a pattern matched them."""
        self.reasons.update(dict.fromkeys(paths, reason))

    def skipped(self, reason: str) -> list[tuple[str, str]]:
        """Paths that are left out and why; for the reason that is given if no pattern matched."""
        left = []
        for below, path in self.paths.items():
            why = self.reasons.get(path) or self.reasons.get(path.parent)
            if below not in self._excluded and (why or below not in self.used):
                left.append((below, why or reason))
        left += [(folder, "a folder that may not be listed") for folder in self.closed]
        return left + [(one, "a pipe, socket or device") for one in sorted(self.special)]


def _is_special(path: Path) -> bool:
    """Whether it is a pipe, a socket or a device: to open one may take forever."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:  # A link that leads nowhere is told where it is read.
        return False


def _same_content(one: Path, other: Path) -> bool:
    """Whether two files, or all files of two folders, are equal to the byte."""
    try:
        if not one.is_dir():
            return filecmp.cmp(one, other, shallow=False)
        names = sorted(path.name for path in one.iterdir())
        return names == sorted(path.name for path in other.iterdir()) and all(
            _same_content(one / name, other / name) for name in names
        )
    except OSError:  # whoever reads it tells what is wrong
        return False


def _is_data(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _JUNK


def _leads_up(path: Path) -> bool:
    """Whether it is a link to a folder above it, which would be walked for ever."""
    return path.is_symlink() and any(path.samefile(above) for above in path.parents)


def text_of(name: str) -> str:
    """A file name as text, bytes that are no UTF-8 written out: tables and terminals take text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _normal(name: str) -> str:
    """In one spelling: macOS stores 'é' as two code points, Linux as one; ids must not differ."""
    return unicodedata.normalize("NFC", text_of(name))
