"""How each of the 19 datasets lies on disk, in its official form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from medsam.errors import UnknownName

if TYPE_CHECKING:
    from medsam.datasets.intensity import Intensity
    from medsam.datasets.layouts.layout import Layout
    from medsam.datasets.readers.volume import Plane
    from medsam.datasets.sample import Sample
    from medsam.datasets.source import DiskDataset

__all__ = ["assumption_of", "choices_of", "layout_of", "layouts", "open_dataset"]


def _modules() -> tuple[ModuleType, ...]:
    from medsam.datasets.layouts import pictures, scans

    return scans, pictures, scans, pictures


@cache
def _all() -> dict[str, Layout]:
    return {one.key: one for module in _modules() for one in module.LAYOUTS}


def assumption_of(key: str) -> Callable[[Sample], str | None] | None:
    """What is assumed of a dataset's labels, as a test of one image.

    It gives a sentence that says what was tested and whether it held, or ``None`` where that
    image cannot decide; and is ``None`` itself where nothing is assumed.
    """
    for module in _modules():
        found: Callable[[Sample], str | None] | None = getattr(module, "ASSUMPTIONS", {}).get(key)
        if found is not None:
            return found
    return None


def layouts() -> dict[str, Layout]:
    """Every layout by the key of its dataset, in the catalog's order."""
    from medsam.datasets.catalog import catalog

    return {key: _all()[key] for key in catalog()}


def layout_of(key: str) -> Layout:
    """The layout of a dataset.

    Raises
    ------
    UnknownName
        If there is no such dataset.
    """
    if key not in _all():
        raise UnknownName("dataset", key, _all())
    return _all()[key]


def choices_of(key: str) -> Mapping[str, tuple[str, ...]]:
    """A dataset's own choices and their values, the first of which is the default.

    Examples
    --------
    >>> choices_of("mri_spine")["rater"][0]
    'vote'
    """
    return layout_of(key).options


def open_dataset(
    key: str,
    root: Path | str,
    *,
    intensity: Intensity | None = None,
    plane: Plane | None = None,
    options: Mapping[str, str] | None = None,
    trust_image: bool = False,
    progress: bool = True,
) -> DiskDataset:
    """A dataset of the paper, from the folder into which it was unpacked.

    Parameters
    ----------
    key : str
        Of the catalog, such as ``"ct_spleen"``.
    root : path
    intensity : Intensity, optional
        As is usual for the modality by default.
    plane : str, optional
        How volumes are cut; the layout's own by default.
    options : mapping of str to str, optional
        The layout's own choices, such as ``{"rater": "vote"}``.
    trust_image : bool
        Take the image's grid where the labels' header tells another one for the same shape.
    progress : bool
        A bar on stderr while the labels of scans are read.

    Raises
    ------
    InputError
        If the folder cannot be used; says which folder is expected.
    UnknownName
        If the dataset, an option or its value does not exist.
    """
    from medsam.datasets.layouts.layout import open_layout

    return open_layout(
        layout_of(key),
        Path(root),
        intensity=intensity,
        plane=plane,
        options=options,
        trust_image=trust_image,
        progress=progress,
    )
