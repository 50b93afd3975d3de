"""What pictures and scans share: joined masks, samples, cases that failed, digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsam.datasets.labels import Labels
from medsam.datasets.sample import Case, Sample
from medsam.errors import DataError
from medsam.hashes import sha256

__all__ = ["Masks", "digest", "failed", "file_hashes", "join", "rules", "sample"]

Masks = dict[str, NDArray[np.bool_]]


def join(into: Masks, masks: Mapping[str, NDArray[np.bool_]]) -> None:
    """Add masks to those of the same tasks (or)."""
    for task, mask in masks.items():
        into[task] = into[task] | mask if task in into else mask


def sample(
    name: str,
    group: str,
    image: NDArray[np.uint8],
    masks: Masks,
    tasks: Sequence[str],
    spacing: tuple[float, float] | None,
) -> Sample:
    """A sample of the tasks that are asked; the union of all tells where any object is."""
    union = np.zeros(image.shape[:2], bool)
    for mask in masks.values():
        union |= mask
    kept = {task: np.ascontiguousarray(masks[task]) for task in tasks}
    return Sample(name, group, image, kept, union, spacing)


def failed(name: str, group: str, tasks: Sequence[str], reason: str, files: Sequence[Path]) -> Case:
    """A case that says why it cannot be read."""

    def load() -> Sample:
        raise DataError(reason)

    def whole() -> str:
        return digest(file_hashes(files), reason)

    return Case(name, group, tuple(tasks), load, whole)


def digest(*words: str) -> str:
    """sha256 of words, each on a line."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def rules(labels: Iterable[Labels]) -> str:
    """Label rules in words: whoever changes one gets other masks from the same bytes."""
    return "; ".join(f"{sorted(one.tasks.items())} {one.others}" for one in labels)


def file_hashes(files: Iterable[Path]) -> str:
    """sha256 of each file, or of each file in a folder; what cannot be read says so."""
    return "\n".join(_hash(path) for file in files for path in _below(file))


def _below(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(one for one in path.rglob("*") if one.is_file())
    else:
        yield path


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"
