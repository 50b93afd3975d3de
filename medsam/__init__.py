"""medsam: the re-runnable edition of "Segment Anything Model for Medical Image Analysis".

Importing this package is light: torch, onnxruntime and matplotlib load only when a model
or a figure asks for them.
"""

from medsam.errors import (
    DataError,
    InputError,
    MedsamError,
    ResultsError,
    UnknownName,
    WeightsError,
)
from medsam.protocol import PROTOCOLS, Protocol

__version__ = "0.1.0"

__all__ = [
    "PROTOCOLS",
    "DataError",
    "InputError",
    "MedsamError",
    "Protocol",
    "ResultsError",
    "UnknownName",
    "WeightsError",
    "__version__",
]
