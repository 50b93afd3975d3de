"""A dataset of pictures or scans that lie on disk."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tqdm import tqdm

from medsam.datasets.sample import Case
from medsam.datasets.source import Scan, Source, close
from medsam.errors import InputError, UnknownName

__all__ = ["DiskDataset"]

_BAR_FROM = 3  # scans; the labels of fewer are read before a bar could be


class DiskDataset:
    """Pictures and scans with their labels, in the order of their ids.

    Parameters
    ----------
    key, title, modality : str
    tasks : sequence of str
        Every task that the sources tell.
    sources : sequence of Source
    settings : mapping of str to str
        What else decides the pixels (plane, intensity, rater): part of what results depend on.
    skipped : sequence of (name, reason)
        What else lay in the folder and was left out.
    progress : bool
        A bar on stderr while the labels of scans are read for the first time.

    Raises
    ------
    InputError
        If there is no source, or two have one id.
    """

    def __init__(
        self,
        key: str,
        title: str,
        modality: str,
        tasks: Sequence[str],
        sources: Sequence[Source],
        *,
        settings: Mapping[str, str] | None = None,
        skipped: Sequence[tuple[str, str]] = (),
        progress: bool = True,
    ):
        self.key, self.title, self.modality = key, title, modality
        self.settings = dict(settings or {})
        self.skipped = list(skipped)
        self.progress = progress
        self._all = self._chosen = tuple(tasks)
        self.sources = sorted(sources, key=_first)
        ids = Counter(source.id for source in self.sources)
        if not ids:
            raise InputError(f"Dataset {key!r}: no image. Allowed: at least one. Check the folder.")
        twice = sorted(one for one, times in ids.items() if times > 1)
        if twice:
            raise InputError(
                f"Dataset {key!r}: {len(twice)} of {len(ids)} ids stand for several images: "
                f"{', '.join(map(repr, twice[:3]))}{', …' if len(twice) > 3 else ''}. "
                "Allowed: one image an id. Take the copies out."
            )

    @property
    def tasks(self) -> tuple[str, ...]:
        """Keys of the tasks."""
        return self._chosen

    def only(self, tasks: Sequence[str]) -> DiskDataset:
        """The same dataset, restricted to some tasks.

        Raises
        ------
        UnknownName
            If it has no such task.
        """
        for task in tasks:
            if task not in self._all:
                raise UnknownName("task", task, self._all)
        one = DiskDataset(
            self.key,
            self.title,
            self.modality,
            self._all,
            self.sources,
            settings=self.settings,
            skipped=self.skipped,
            progress=self.progress,
        )
        one._chosen = tuple(task for task in self._all if task in tasks)
        return one

    @property
    def empty(self) -> tuple[str, ...]:
        """Ids of scans without a pixel of these tasks, which make no case; reads the labels."""
        return tuple(
            one.id for one in self.sources if next(iter(one.cases(self.tasks)), None) is None
        )

    def __len__(self) -> int:
        """Number of cases; reads the labels of scans the first time."""
        return sum(1 for _ in self._walk(bar=self.progress))

    def cases(self) -> Iterator[Case]:
        """All cases, in the order of their ids; after the last no file is left open."""
        try:
            yield from self._walk(bar=False)
        finally:
            close()

    def _walk(self, *, bar: bool) -> Iterator[Case]:
        scans = sum(isinstance(source, Scan) for source in self.sources)
        shown = tqdm(
            self.sources,
            f"{self.key}: reading labels",
            unit="scan",
            disable=not bar or scans < _BAR_FROM,
            file=sys.stderr,
            leave=False,
        )
        for source in shown:
            yield from source.cases(self.tasks)


def _first(source: Source) -> str:
    """What its first id begins with, so that all ids are sorted: "a-b/…" before "a/…"."""
    return f"{source.id}/" if isinstance(source, Scan) else source.id
