"""What lies on disk of one picture or one scan, and the cases that it makes.

A :class:`Picture` is one case. A :class:`Scan` is a case a slice. Whatever is known to be unusable
beforehand is :class:`Broken`, and a case too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from medsam.datasets._cases import failed
from medsam.datasets.picture import LabelFile, Picture
from medsam.datasets.sample import Case
from medsam.datasets.scan import Channel, LabelVolume, Scan, close

__all__ = ["Broken", "Channel", "LabelFile", "LabelVolume", "Picture", "Scan", "Source", "close"]


class Source(Protocol):
    """One picture or scan: what it is called, and its cases."""

    @property
    def id(self) -> str:
        """Name of the picture or scan within its dataset."""

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """Its cases of these tasks, in the order of their ids."""


@dataclass(frozen=True)
class Broken:
    """A picture or scan that is known to be unusable before it is opened, and why."""

    id: str
    group: str
    reason: str
    files: tuple[Path, ...] = ()

    def cases(self, tasks: Sequence[str]) -> Iterator[Case]:
        """One case, which cannot be read."""
        yield failed(self.id, self.group, tasks, self.reason, self.files)
