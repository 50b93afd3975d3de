"""Samples and where they come from."""

from medsam.datasets.brain import BrainSample
from medsam.datasets.intensity import to_uint8_rgb
from medsam.datasets.own import open_folders
from medsam.datasets.sample import Case, Dataset, Sample

__all__ = [
    "BrainSample",
    "Case",
    "Dataset",
    "Sample",
    "embedded_tasks",
    "open_folders",
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
