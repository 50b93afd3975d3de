"""Promptable segmentation models behind one contract."""

from medsam.models.contract import Embedding, Prediction, PromptableModel
from medsam.models.registry import MODELS, check_name, load

__all__ = ["MODELS", "Embedding", "Prediction", "PromptableModel", "check_name", "load"]
