"""How each of the 19 datasets lies on disk, in its official form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medsam.errors import InputError, UnknownName

if TYPE_CHECKING:
    from medsam.datasets.layouts.layout import Layout
    from medsam.datasets.layouts.tree import Tree
    from medsam.datasets.source import DiskDataset, Reading

__all__ = ["choices_of", "layout_of", "open_dataset"]


def layout_of(key: str) -> Layout:
    """The layout of a dataset.

    Raises
    ------
    UnknownName
        If there is no such dataset.
    """
    from medsam.datasets.layouts.layout import read_layouts

    if key not in read_layouts():
        raise UnknownName("dataset", key, read_layouts())
    return read_layouts()[key]


def choices_of(key: str) -> Mapping[str, tuple[str, ...]]:
    """A dataset's own choices and their values, the first of which is the default.

    Examples
    --------
    >>> choices_of("mri_spine")["rater"][0]
    'vote'
    """
    return {name: tuple(values) for name, values in layout_of(key).options.items()}


def open_dataset(
    key: str, root: Path | str, reading: Reading | None = None, *, progress: bool = True
) -> DiskDataset:
    """A dataset of the paper, from the folder into which it was unpacked.

    Parameters
    ----------
    key : str
        Of the catalog, such as ``"ct_spleen"``.
    root : path
    reading : Reading, optional
        How files become pixels; as is usual for the dataset by default.
    progress : bool
        A bar on stderr while the labels of scans are read.

    Raises
    ------
    InputError
        If the folder cannot be used; says which folder is expected.
    UnknownName
        If the dataset, an option or its value does not exist.
    """
    from medsam.datasets.layouts.layout import find_sources
    from medsam.datasets.layouts.tree import Tree
    from medsam.datasets.source import DiskDataset, Reading

    asked = reading or Reading()
    tree = Tree(Path(root))
    layout, options = layout_of(key).form_in(tree).chosen(asked.options)
    reading = replace(asked, plane=asked.plane or "axial", options=options)
    one, sources = layout.entry, find_sources(layout, tree, reading)
    if not sources:
        raise _wrong_folder(layout, tree)
    return DiskDataset(
        key,
        one.title,
        one.modality,
        [task.key for task in one.tasks],
        sources,
        settings={
            **({} if layout.is_2d else {"plane": reading.plane}),
            "intensity": ", ".join(reading.to_uint8.words(unit) for unit in layout.units),
            **options,
            **({"headers": "image"} if reading.trust_image else {}),
        },
        skipped=tree.skipped("not part of the layout"),
        progress=progress,
    )


def _wrong_folder(layout: Layout, tree: Tree) -> InputError:
    found = (
        tree.above(form.expression(pattern))
        for form in (layout, *map(layout.changed, layout.forms))
        for patterns in (*form.images.values(), *form.masks.values())
        for pattern in patterns
    )
    above = next(filter(None, found), None)
    hint = f"Give {str(above)!r}." if above else "Check the path, or unpack the archive."
    closed = f"; {len(tree.closed)} folders may not be listed" if tree.closed else ""
    return InputError(
        f"{layout.entry.title}: none of the {len(tree.paths)} files below {str(tree.root)!r} (such "
        f"as {next(iter(tree.paths))!r}) is one of its images{closed}. Allowed: the folder that "
        f"holds {layout.expects}. {hint}"
    )
