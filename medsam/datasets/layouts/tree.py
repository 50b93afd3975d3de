"""The files below a folder, found once, and what each is by its path."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medsam.errors import InputError

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
        todo: list[tuple[str, tuple[str, ...]]] = [("", (os.path.realpath(self.root),))]
        while todo:
            below, above = todo.pop()
            try:
                entries = list(os.scandir(self.root / below))
            except OSError:
                self.closed.append(_normal(below) or str(self.root))
                continue
            for entry in entries:
                name = f"{below}/{entry.name}".lstrip("/")
                if entry.name.startswith(".") or entry.name.lower() in _JUNK:
                    continue
                if _is_dir(entry):
                    # A link to a folder above it would be walked for ever.
                    linked = entry.is_symlink()
                    real = os.path.realpath(entry) if linked else f"{above[-1]}/{entry.name}"
                    if real not in above:
                        todo.append((name, (*above, real)))
                elif entry.is_symlink() or entry.is_file():  # a dangling link fails when read
                    yield name

    def match(self, pattern: str, *, anywhere: bool = True) -> list[Found]:
        r"""Files whose path below the root ends in that pattern, in sorted order.

        Parameters
        ----------
        pattern : str
            A regular expression, matched against whole path components from the right, in any
            case of letters: ``imagesTr/(?P<id>la_\d+)\.nii\.gz`` finds it at any depth.
        anywhere : bool
            Otherwise the whole path has to fit.
        """
        found = []
        for below, match in self._matches(pattern, "(?:.*/)?" if anywhere else ""):
            self.used.add(below)
            parts = {name: text for name, text in match.groupdict().items() if text is not None}
            found.append(Found(self.paths[below], parts))
        return found

    def first(self, pattern: str) -> str:
        """The first path below the root that a pattern fits, if any."""
        return next((below for below, _ in self._matches(pattern)), "")

    def ignore(self, pattern: str) -> None:
        """Take files of a pattern for known, though they are not read."""
        self.used.update(below for below, _ in self._matches(pattern))

    def _matches(
        self, pattern: str, above: str = "(?:.*/)?"
    ) -> Iterator[tuple[str, re.Match[str]]]:
        whole = re.compile(f"{above}(?:{pattern})", re.IGNORECASE)
        for below in self.paths:
            match = None if below in self._excluded else whole.fullmatch(_normal(below))
            if match:
                yield below, match

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
        return left + [(folder, "a folder that may not be listed") for folder in self.closed]

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
            if match and below not in self._excluded:
                return Path(full[: match.start("_whole")])
        return None


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself fails when it is read
        return False


def text_of(name: str) -> str:
    """A file name as text, bytes that are no UTF-8 written out: tables and terminals take text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _normal(name: str) -> str:
    """In one spelling: macOS stores 'é' as two code points, Linux as one; ids must not differ."""
    return unicodedata.normalize("NFC", text_of(name))
