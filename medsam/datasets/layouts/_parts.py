"""What scans of several files are made of, and whether all of it is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from medsam.datasets.intensity import Unit
from medsam.datasets.labels import Labels
from medsam.datasets.nifti import open_nifti
from medsam.datasets.source import Broken, Channel, LabelVolume

__all__ = ["nifti_channel", "nifti_labels", "not_one_each"]


def nifti_channel(path: Path, unit: Unit = "") -> Channel:
    """One file as one channel."""
    return Channel(partial(open_nifti, path), (path,), unit)


def nifti_labels(path: Path, labels: Labels) -> LabelVolume:
    """One file as one label volume."""
    return LabelVolume(partial(open_nifti, path), (path,), labels)


def not_one_each(
    name: str, group: str, parts: Mapping[str, Sequence[Path]], hint: str = ""
) -> Broken | None:
    """A broken source if some part of a scan is missing or there more than once.

    Parameters
    ----------
    name, group : str
        Of the scan.
    parts : mapping of str to paths
        What each part is called, and the files that were found for it.
    hint : str
        What else can be done about it.

    Examples
    --------
    >>> not_one_each("a", "a", {"SUV": [Path("SUV.nii.gz")], "SEG": []}).reason
    "'a': 0 of SEG. Allowed: one file each of SUV, SEG. Unpack what is missing."
    """
    wrong = {what: paths for what, paths in parts.items() if len(paths) != 1}
    if not wrong:
        return None
    fixes = [
        "Unpack what is missing." if any(not paths for paths in wrong.values()) else "",
        "Take the copies out." if any(paths for paths in wrong.values()) else "",
        hint,
    ]
    reason = (
        f"{name!r}: {', '.join(f'{len(paths)} of {what}' for what, paths in wrong.items())}. "
        f"Allowed: one file each of {', '.join(parts)}. {' '.join(filter(None, fixes))}"
    )
    return Broken(name, group, reason, tuple(path for paths in parts.values() for path in paths))
