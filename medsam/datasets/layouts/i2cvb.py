"""The I2CVB prostate set: T2-weighted DICOM series with one mask slice a slice.

``Patient NNN/T2W/*.dcm`` with ``Patient NNN/GT/prostate/*.dcm``, in ``GE`` (1.5 T) and
``Siemens`` (3 T). Mask slices are laid on the image by their position, not by their order.
The other sequences and the masks of zones and cancer are known and not used.

In one case ('Patient 428260') a mask slice is missing. An image slice without one would pass for
a slice without prostate, so that such a case is refused; the public recipe drops it too. With
the option ``gaps=empty`` slices without a file count as empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from medsam.datasets.catalog import entry
from medsam.datasets.dicom import open_masks, open_series
from medsam.datasets.layouts.layout import Layout, Settings, labels_of, paired
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.source import Broken, Channel, LabelVolume, Scan, Source
from medsam.datasets.volume import Volume

__all__ = ["LAYOUT"]

_PATIENT = r"(?P<id>Patient \d+)"
_FILE = r"[^/]+\.(?i:dcm)"
_IMAGE = rf"{_PATIENT}/T2W/{_FILE}"

Series = dict[tuple[str, ...], list[Path]]


def _find(tree: Tree, settings: Settings) -> Sequence[Source]:
    labels = labels_of(entry("mri_prostate"))
    files: dict[Path, list[Path]] = {}
    images, masks = _series(tree, "T2W", files), _series(tree, "GT/prostate", files)
    list(tree.match(rf"{_PATIENT}/(?!T2W/|GT/prostate/)[^/]+/.+"))  # known, and not used

    def make(names: tuple[str, ...], image: Path, found: Sequence[Path]) -> Source:
        (name,) = names
        slices, drawn = tuple(files[image]), tuple(files[found[0]])
        reason = ""
        if len(found) > 1:
            reason = (
                f"{len(found)} folders of masks for {name!r}: "
                f"{' and '.join(repr(path.as_posix()) for path in found[:2])}. Allowed: one. "
                "Take the copies out."
            )
        elif len(slices) != len(drawn) and settings.options["gaps"] == "refuse":
            reason = (
                f"{name!r}: {len(drawn)} mask slices for {len(slices)} slices of T2W. Allowed: a "
                "mask slice for each. Unpack the rest, leave the case out, or let slices without "
                "one count as empty (--option gaps=empty)."
            )
        if reason:
            return Broken(name, name, reason, (*slices, *drawn))
        return Scan(
            name,
            name,
            (Channel(partial(open_series, slices), slices),),
            (LabelVolume(partial(_open_masks, drawn, slices), drawn, labels),),
            settings.plane,
            settings.intensity,
            trust_image=settings.trust_image,
        )

    return paired(images, masks, make)


def _series(tree: Tree, folder: str, files: dict[Path, list[Path]]) -> Series:
    """Folders of a kind by patient; puts the files of each into ``files``."""
    folders: Series = {}
    for one in tree.match(rf"{_PATIENT}/{folder}/{_FILE}"):
        where = one.path.parent
        if where not in files:
            folders.setdefault((one.parts["id"],), []).append(where)
        files.setdefault(where, []).append(one.path)
    return folders


def _open_masks(files: Sequence[Path], image: Sequence[Path]) -> Volume:
    return open_masks(files, open_series(image))


LAYOUT = Layout(
    "mri_prostate",
    _IMAGE,
    "GE and Siemens (Patient NNN/T2W/*.dcm, Patient NNN/GT/prostate/*.dcm)",
    _find,
    options={"gaps": ("refuse", "empty")},
)
