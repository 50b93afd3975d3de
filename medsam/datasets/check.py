"""What a dataset holds, beside what the paper counted where it is one of the paper's."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter
from tqdm import tqdm

from medsam.datasets.catalog import catalog, data_folder, entry
from medsam.datasets.layouts.assumptions import ASSUMPTIONS, Verdict, judge
from medsam.datasets.sample import Dataset
from medsam.errors import DataError
from medsam.files import atomic

JUDGED = 50
"""Images on which an assumption is judged, at most: one of each patient or volume."""


@dataclass(frozen=True)
class Check:
    """What was found.

    Attributes
    ----------
    key : str
    settings : dict of str to str
        How it was read (plane, intensity, rater).
    cases : int
        Images or slices that were looked at, those that cannot be used included.
    masks : dict of str to int
        Images with a pixel of a task, by task.
    images : int
        Images with a pixel of any task: what the paper's Tables 1 and 2 count.
    empty : int
        Pictures on which no task has a pixel.
    groups : int
        Patients or volumes.
    problems : list of [id, reason]
        Cases that would be skipped, and why.
    skipped : list of [name, reason]
        Files that are no part of the dataset, and scans without any object.
    assumptions : list of str
        What was assumed of the labels, and how many images bear it out; and of which scans the
        size of a pixel is not known.
    """

    key: str
    settings: dict[str, str]
    cases: int
    masks: dict[str, int]
    images: int
    empty: int
    groups: int
    problems: list[tuple[str, str]]
    skipped: list[tuple[str, str]]
    assumptions: list[str] = field(default_factory=list)

    @property
    def published(self) -> int | None:
        """The paper's count of this dataset; none of one's own data."""
        return entry(self.key).published_masks.count if self.key in catalog() else None

    @property
    def comparison(self) -> str:
        """The two counts in a sentence; an unverified one informs and proves nothing.

        Of one's own data, our count alone.

        Examples
        --------
        >>> Check("ct_spleen", {}, 3, {"ct_spleen": 3}, 3, 0, 1, [], []).comparison
        '3 images with a mask here, 3,650 ? in the paper (unverified, recalled).'
        """
        if self.key not in catalog():
            return f"{self.images:,} images with a mask."
        masks = entry(self.key).published_masks
        here = f"{self.images:,} images with a mask here"
        return f"{here}, {masks.words} in the paper ({masks.status})."


def check(dataset: Dataset, *, pixels: bool = True, progress: bool = True) -> Check:
    """Look at every case of a dataset.

    Parameters
    ----------
    dataset : Dataset
        From :func:`medsam.datasets.select.select`: one of the catalog, or of one's own.
    pixels : bool
        Read every image as well as every mask. Without, the labels of scans alone are read: much
        faster, but an image that is torn is not noticed.
    progress : bool
        A bar on stderr.

    Returns
    -------
    Check
    """
    masks: Counter[str] = Counter(dict.fromkeys(dataset.tasks, 0))
    problems: list[tuple[str, str]] = []
    groups, images, empty, cases = set(), 0, 0, 0
    judged: dict[str, Verdict] = {}  # one image of a patient
    assume = dataset.key in ASSUMPTIONS
    bar = tqdm(dataset.cases(), dataset.key, unit="image", disable=not progress, file=sys.stderr)
    for case in bar:
        cases += 1
        judging = assume and case.group not in judged and len(judged) < JUDGED
        if not pixels and case.place and not judging:
            found = set(case.tasks)  # a slice is a case of the tasks that it holds
        else:
            try:
                sample = case.load()
            except DataError as error:
                problems.append((case.id, str(error)))
                continue
            found = {task for task, mask in sample.masks.items() if mask.any()}
            if judging and (verdict := judge(dataset.key, sample)):
                judged[case.group] = verdict
        groups.add(case.group)
        masks.update(found)
        images += bool(found)
        empty += not found
    assumptions = [*_told(dataset.key, [*judged.values()]), *getattr(dataset, "notes", ())]
    skipped = list(getattr(dataset, "skipped", ()))
    skipped += [(name, "no object on any slice") for name in getattr(dataset, "empty", ())]
    settings = dict(getattr(dataset, "settings", {}))
    counts = (cases, dict(masks), images, empty, len(groups))
    return Check(dataset.key, settings, *counts, problems, skipped, assumptions)


def _told(key: str, verdicts: list[Verdict]) -> list[str]:
    """How many images bear an assumption out, and the first that does not."""
    if not verdicts:
        return []
    held = sum(one for one, _ in verdicts)
    seen = next((words for one, words in verdicts if not one), verdicts[0][1])
    return [f"{ASSUMPTIONS[key][0]}: {held} of {len(verdicts)} images bear it out. {seen}"]


def _report_file(key: str) -> Path:
    return data_folder() / "checks" / f"{key}.json"


def save(found: Check, file: Path | None = None) -> Path:
    """Write what was found as JSON, for the book's tables; into the data folder by default."""
    path = file or _report_file(found.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        temporary.write_bytes(TypeAdapter(Check).dump_json(found, indent=1))
    return path


def reports() -> dict[str, Check]:
    """What was found and saved in the data folder, by dataset, in the catalog's order."""
    files = {key: _report_file(key) for key in catalog()}
    known = TypeAdapter(Check)
    return {
        key: known.validate_json(file.read_bytes()) for key, file in files.items() if file.is_file()
    }
