"""Samples and where they come from."""

from medsam.datasets.brain import BrainSample
from medsam.datasets.folder import FolderDataset
from medsam.datasets.intensity import to_uint8_rgb
from medsam.datasets.sample import Case, Dataset, Sample

__all__ = [
    "BrainSample",
    "Case",
    "Dataset",
    "FolderDataset",
    "Sample",
    "embedded_tasks",
    "to_uint8_rgb",
]


def embedded_tasks() -> tuple[str, ...]:
    """Keys of the tasks of the embedded sample, without reading it.

    Examples
    --------
    >>> embedded_tasks()[0]
    'patients_brain_mri'
    """
    from medsam.datasets.select import EMBEDDED

    return tuple(EMBEDDED)
