"""Models by name. A module is imported only when its model is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from medsam.errors import UnknownName
from medsam.models.contract import PromptableModel

__all__ = ["MODELS", "check_name", "load"]

MODELS: dict[str, str] = {
    "minisam": "medsam.models.onnx_sam:MiniSam",
}
"""Name of a model and where its class is (``module:Class``)."""


def check_name(name: str) -> str:
    """The name, if there is such a model.

    Raises
    ------
    UnknownName
        Lists the models there are.
    """
    if name not in MODELS:
        raise UnknownName("model", name, MODELS)
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
    module, _, attribute = MODELS[check_name(name)].partition(":")
    model: PromptableModel = getattr(import_module(module), attribute)(**options)
    return model
