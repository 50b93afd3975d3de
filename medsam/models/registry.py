"""Models by name. A module is imported only when its model is asked for."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path
from typing import Any

from medsam.errors import InputError, MedsamError, UnknownName
from medsam.models.check import told
from medsam.models.checkpoints import (
    CHECKPOINTS,
    REGISTRY,
    Checkpoint,
    digest,
    find,
    own_file,
    own_name,
)
from medsam.models.contract import PromptableModel

GROUP = "medsam.models"
"""Entry-point group: a package that is installed names its models in it.

In its ``pyproject.toml``::

    [project.entry-points."medsam.models"]
    other-sam = "other_package:ENTRY"

where ``ENTRY`` is an :class:`Entry`. The module that holds it should import nothing heavy: it is
imported whenever models are listed.
"""

OPTIONS = frozenset({"base", "checkpoint", "compiled", "device", "folder", "precision", "threads"})
"""What a person may say of a model when it is loaded, if its class takes it."""


class PluginNote(UserWarning):
    """A model that another package offers and that cannot be used, and why."""


@dataclass(frozen=True)
class Entry:
    """A model before it is loaded.

    Attributes
    ----------
    where : str
        Its class, a :class:`PromptableModel`, as ``module:Class``.
    accepts : str
        Kinds of prompt that it takes, of ``points``, ``box`` and ``mask``, with spaces between.
    side : int or None
        Longest side in pixels of what its encoder sees; ``None`` where it takes any size.
    note : str
        What it is, in a sentence, such that its numbers are not taken for another's.
    weights : tuple of Checkpoint
        Its weight files.
    run : bool
        Whether this project has run it with its own weights; else they were not to be had.
    encodes : bool
        Whether it encodes an image before it is asked, so that there is something to keep.
    arguments : mapping of str to object
        What its class is made with, before the options of :func:`load`.
    """

    where: str
    accepts: str
    side: int | None
    note: str
    weights: tuple[Checkpoint, ...] = ()
    run: bool = False
    encodes: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_class(self) -> Any:
        """Its class, imported, or out of a file."""
        module, _, attribute = self.where.rpartition(":")
        if module.endswith(".py"):
            return _class_in_file(Path(module), attribute)
        return getattr(import_module(module), attribute)

    @property
    def missing(self) -> tuple[Checkpoint, ...]:
        """Weight files that are not on this machine. That one is there says nothing of its hash."""
        return tuple(one for one in self.weights if find(one) is None)


MODELS: dict[str, Entry] = {
    name: Entry(**model | {"weights": tuple(CHECKPOINTS[one["key"]] for one in model["weights"])})
    for name, model in REGISTRY.items()
}
"""The models that come with this package, in the order they are listed."""


def models() -> dict[str, Entry]:
    """All models by name: those of this package, then those that other packages offer.

    Warns
    -----
    PluginNote
        If an offered model cannot be imported, is no :class:`Entry`, or has a name that is taken.
    """
    found = dict(MODELS)
    for point in entry_points(group=GROUP):
        try:
            if point.name in found:
                raise ValueError("the name is taken")
            entry = point.load()
            if not isinstance(entry, Entry):
                kind = type(entry).__name__
                raise TypeError(f"it is a {kind}, not a medsam.models.registry.Entry")
        except Exception as error:  # another package's code may raise anything
            warnings.warn(
                f"Model {point.name!r} of {point.value!r} is left out: {type(error).__name__}: "
                f"{error}. Change or uninstall the package that offers it.",
                PluginNote,
                stacklevel=2,
            )
        else:
            found[point.name] = entry
    return found


def _class_in_file(path: Path, attribute: str) -> Any:
    """The model class of that name in a file of a user."""
    if not path.is_file():
        raise InputError(f"No file {str(path)!r}. Allowed: path/to/file.py:Class.")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # as in models()
        raise InputError(f"{path} cannot be run: {told(error)}. Mend it.") from error
    found = getattr(module, attribute, None)
    if not isinstance(found, type) or not issubclass(found, PromptableModel):
        known = [key for key, one in vars(module).items() if isinstance(one, type)]
        raise InputError(
            f"{attribute!r} of {path} is no PromptableModel. Its classes: {', '.join(known)}."
        )
    return found


def with_files(model: str, checkpoint: Path | str = "", base: Path | str = "") -> str:
    """One name of a model with weights of one's own, which :func:`load` understands.

    Examples
    --------
    >>> with_files("sam-vit-b", "mine.pth")
    'sam-vit-b+checkpoint=mine.pth'
    """
    given = {"checkpoint": checkpoint, "base": base}
    return model + "".join(f"+{name}={value}" for name, value in given.items() if value)


def placed(name: str, base: Path) -> str:
    """The same with absolute paths of what lies in a folder; a name of a hub stays."""

    def place(path: str) -> str:
        there = base / Path(path).expanduser()
        return str(there.absolute()) if there.exists() else path

    model, files = _split(name)
    path, colon, attribute = model.rpartition(":")
    model = place(path) + colon + attribute if colon else model
    return with_files(model, **{key: place(file) for key, file in files.items()})


def _split(name: str) -> tuple[str, dict[str, str]]:
    """What :func:`with_files` joined."""
    model, *files = re.split(r"\+(?=(?:checkpoint|base)=)", name)
    return model, dict(one.split("=", 1) for one in files)


def entry(name: str) -> Entry:
    """The entry of a model, or of a class in a file.

    Raises
    ------
    UnknownName
        Lists the models there are.
    InputError
        If there is no such file or class.
    """
    model, _ = _split(name)
    if ".py:" in model:
        accepts = _said(model, "accepts", frozenset)
        return replace(_own(model), accepts=" ".join(sorted(accepts)))
    if model in MODELS:
        return MODELS[model]
    if model not in (known := models()):
        raise UnknownName("model", model, known)
    return known[model]


def _own(model: str) -> Entry:
    """The entry of a class in a file, but for what it accepts."""
    return Entry(model, "", None, "A class of your own.")


def check_name(name: str) -> str:
    """The name, if there is such a model, or a class in a file (``path/to/file.py:Class``).

    Raises
    ------
    UnknownName, InputError
        As :func:`entry`.
    WeightsError
        If weights of one's own are not there.
    """
    entry(name)
    for file in _split(name)[1].values():
        own_file(file)
    return name


def label(name: str) -> str:
    """What results call a model."""
    model, files = _split(name)
    if ".py:" in model:
        return str(_said(model, "name", str))
    return own_name(model, files["checkpoint"]) if "checkpoint" in files else model


def _said(model: str, name: str, kind: type) -> Any:
    """What a class in a file says of itself; where it says that when it is made, it is made."""
    made = _own(model).model_class
    said = getattr(made, name, None)
    return said if isinstance(said, kind) else getattr(_made(model, made, {}), name)


def _made(name: str, made: Any, arguments: Mapping[str, Any]) -> PromptableModel:
    """A model of a class; what that of a user raises is told in a line."""
    try:
        model: PromptableModel = made(**arguments)
    except Exception as error:  # the author's code may raise anything
        if isinstance(error, MedsamError) or ".py:" not in name:
            raise
        raise InputError(f"Model {name!r} cannot be made: {told(error)}. Mend it.") from error
    return model


def weights(name: str) -> list[str | None]:
    """The sha256 of a model's weights, as far as it is known before they are loaded."""
    model, files = _split(name)
    if files:
        return [digest(own_file(file)) for file in files.values()]
    if ".py:" in model:
        return [digest(Path(model.rpartition(":")[0]))]
    return [one.sha256 for one in entry(name).weights]


def load(name: str, **options: Any) -> PromptableModel:
    """The model of that name, weights loaded and checked; or of a class in a file.

    Parameters
    ----------
    name : str
    **options
        What the model's class takes, such as ``folder``, ``device`` or ``precision``; ``None``,
        ``False`` and an empty word are the default.

    Raises
    ------
    InputError
        If the model does not take an option.
    UnknownName
        If there is no such model.
    WeightsError
        If its weights are missing, torn or changed.
    """
    given = {option: value for option, value in options.items() if value}
    name, files = _split(name)
    given |= files
    found = _own(name) if ".py:" in name else entry(name)
    made = found.model_class
    taken = list(signature(made).parameters)
    for option in given:
        if option not in taken and "options" not in taken:
            raise InputError(
                f"Model {name!r} takes no {option}. Allowed: "
                f"{', '.join(sorted({*taken} & OPTIONS)) or 'no option'}. Leave it out."
            )
    model = _made(name, made, {**found.arguments, **given})
    if ".py:" in name and model.name in MODELS:
        raise InputError(f"Model {name!r} is named {model.name!r}, which is taken. Rename it.")
    return model
