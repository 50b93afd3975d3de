"""Tables of the licences page, from what is installed; and licence texts for the site.

The page includes ``licences/python.csv`` and ``licences/javascript.csv``; the texts of what the
site serves lie in ``licences/`` of the site.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from packaging.requirements import InvalidRequirement, Requirement

from medsam.errors import InputError
from medsam.files import write_if_new

__all__ = ["javascript", "licence_of", "licences", "python"]

SERVED = {
    "onnxruntime-web": "runs the model, where a reader loads it",
    "nifti-reader-js": "reads the header of a reader's own NIfTI file",
    "fflate": "unpacks, for the one above and for deflated DICOM",
    "dicom-parser": "reads a reader's own DICOM file",
    "mathjax": "formulas",
}
"""Packages of npm from which the site serves files, and what for."""

THEMES = {"sphinx-book-theme": "look of the pages", "pydata-sphinx-theme": "the theme beneath it"}
"""Packages of Python of which the site serves files, and what for."""

WITHIN = {
    "bootstrap": ("MIT", "within the theme: layout and menus"),
    "fontawesome": ("CC BY 4.0 (icons), MIT (code)", "within the theme: icons"),
}

MIT = """MIT License

{copyright}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

_COPYRIGHT = re.compile(r"Copyright (?:\(c\)|\d{4}) ?[^.(\n]+")
_PREFIX = re.compile(r"^License :: (?:OSI Approved :: )?")
_LONG = 60  # a licence field that is longer holds the text itself
_UNKNOWN = "not stated"


def licence_of(about: Message) -> str:
    """What a package says of its licence: the expression, else a short field, else classifiers.

    Examples
    --------
    >>> about = Message()
    >>> about["Classifier"] = "License :: OSI Approved :: MIT License"
    >>> licence_of(about)
    'MIT License'
    """
    if expression := about.get("License-Expression"):
        return str(expression)
    field = str(about.get("License") or "").strip()
    classifiers = [c for c in about.get_all("Classifier") or [] if c.startswith("License :: ")]
    named = [
        name
        for c in classifiers
        if "::" not in (name := _PREFIX.sub("", c)) and name != "OSI Approved"
    ]
    short = "\n" not in field and len(field) <= _LONG and not field.startswith("Copyright")
    if field and field != "UNKNOWN" and short:
        return field
    return ", ".join(named) or _UNKNOWN


def python(lock: Path) -> Iterator[tuple[str, str, str]]:
    """Name, version and licence of each package of a lock for this Python and this system.

    Parameters
    ----------
    lock : Path
        A requirements file with one version a package.

    Yields
    ------
    name, version, licence : str
        The licence is ``"not installed here"`` where there is no metadata to read.

    Raises
    ------
    InputError
        If the lock cannot be read.
    """
    try:
        text = lock.read_text("utf-8")
    except OSError as error:
        raise InputError(
            f"{lock.name} cannot be read ({error.strerror}). Allowed: a requirements file. "
            "Make one with `make lock`."
        ) from None
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            one = Requirement(line.partition(" --hash=")[0].strip())
        except InvalidRequirement:
            raise InputError(
                f"{lock.name}: {line[:60]!r} is no requirement. Allowed: lines such as name==1.0. "
                "Make the lock again with `make lock`."
            ) from None
        if one.marker and not one.marker.evaluate():
            continue
        try:
            found = metadata.distribution(one.name)
        except metadata.PackageNotFoundError:
            yield one.name, str(one.specifier).removeprefix("=="), "not installed here"
            continue
        licence = licence_of(_about(found))
        yield one.name, found.version, _by_text(found) if licence == _UNKNOWN else licence


def javascript(node_modules: Path) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, version, licence, purpose and licence text of each library that the site serves.

    Raises
    ------
    InputError
        If a package is missing, or has no text of its licence.
    """
    for name, purpose in SERVED.items():
        folder = node_modules / name
        about = json.loads(_read(folder / "package.json"))
        text = folder / "LICENSE"
        words = _read(text) if text.is_file() else _text(about, folder)
        yield name, about["version"], about["license"], purpose, words
    for name, purpose in THEMES.items():
        found = metadata.distribution(name)
        texts = [file for file in found.files or [] if file.name == "LICENSE"]
        yield name, found.version, licence_of(_about(found)), purpose, _read(texts[0].locate())
    scripts = Path("theme", "pydata_sphinx_theme", "static", "scripts")
    theme = Path(str(metadata.distribution("pydata-sphinx-theme").locate_file("")))
    for name, (licence, purpose) in WITHIN.items():
        words = _read(theme / "pydata_sphinx_theme" / scripts / f"{name}.js.LICENSE.txt")
        version = re.search(r"(?:v|Free )(\d+(?:\.\d+)+)", words)
        notice = _COPYRIGHT.search(words)
        # The theme brings their notices alone.
        words += "\n" + MIT.format(copyright=notice[0].strip() if notice else "")
        yield name, version[1] if version else "", licence, purpose, words


def licences(source: Path, extra: Path, node_modules: Path, lock: Path) -> list[Path]:
    """Write the tables into the tree, and the texts where the site serves them.

    Parameters
    ----------
    source : Path
        Tree of pages; the tables go into ``licences/`` of it.
    extra : Path
        Files that the site serves as they are; the texts go into ``licences/`` of it.
    node_modules, lock : Path
        As in :func:`javascript` and :func:`python`.
    """
    made, rows = [], []

    def write(path: Path, content: str) -> None:
        write_if_new(path, content.encode())
        made.append(path)

    for name, version, licence, purpose, words in javascript(node_modules):
        write(extra / "licences" / f"{name}.txt", words)
        link = f'<a href="licences/{name}.txt">{licence}</a>'
        rows.append((name, version, link, purpose))
    write(source / "licences" / "javascript.csv", table(rows))
    write(source / "licences" / "python.csv", table(python(lock)))
    return made


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows as CSV, without a head."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _about(found: metadata.Distribution) -> Message:
    about: Any = found.metadata  # its type names fewer methods than it has
    return cast("Message", about)


def _by_text(found: metadata.Distribution) -> str:
    """The title of a package's licence file, where its metadata names no licence."""
    for file in found.files or []:
        if file.name.upper().startswith("LICEN"):
            lines = (line.strip() for line in _read(file.locate()).splitlines())
            title = next((line for line in lines if line), "")
            return f"{title} (title of its text)" if len(title) <= _LONG else _UNKNOWN
    return _UNKNOWN


def _text(about: dict[str, str], folder: Path) -> str:
    """The MIT licence with the notice of the package's program, which came without a text."""
    program = folder / str(about.get("module") or about.get("main", ""))
    notice = _COPYRIGHT.search(_read(program)[:1000]) if program.is_file() else None
    if about["license"] != "MIT" or not notice:
        raise InputError(
            f"{folder.name} has no LICENSE, and is {about['license']!r}. Allowed: a package with "
            "its text, or MIT with a notice in its program. Add its text to book/licences.py."
        )
    return MIT.format(copyright=notice[0])


def _read(path: object) -> str:
    try:
        return Path(str(path)).read_text("utf-8")
    except OSError:
        raise InputError(
            f"{path} is not there. Allowed: the packages of package-lock.json and "
            "requirements.lock. Install them with `make env`."
        ) from None
