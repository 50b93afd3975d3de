"""The brain tumour benchmark BraTS, in its releases of 2017 to 2021.

``<case>_flair``, ``_t1``, ``_t1ce``, ``_t2`` and ``<case>_seg``, as ``.nii.gz`` or ``.nii``.
Which sequence the paper took, or which three as colours, it does not say. The default is FLAIR,
since one picture serves all three tasks and the whole tumour stands out on it, edema included;
the enhancing part is told from the core better on T1ce.

From 2023 on files are named otherwise and label 3 is what was 4: these are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from medsam.datasets.catalog import entry
from medsam.datasets.layouts._parts import nifti_channel, nifti_labels, not_one_each
from medsam.datasets.layouts.layout import Layout, Settings, grouped, labels_of
from medsam.datasets.layouts.tree import Found, Tree
from medsam.datasets.source import Scan, Source
from medsam.errors import InputError

__all__ = ["LAYOUT"]

_SEQUENCES = ("flair", "t1", "t1ce", "t2")
_COLOURS = "flair+t1ce+t2"
_CASE = r"(?P<id>Bra[Tt][Ss]\d+_\w+?)"
_NII = r"\.nii(?:\.gz)?"
_ODD_NAME = rf"(?P<id>BraTS20_Training_355)/W39_1998\.09\.19_Segm{_NII}"
_LATER = r"BraTS-[A-Z]+-\d+-\d+-seg\.nii(?:\.gz)?"
_UNLABELLED = ("valid", "test")


def _find(tree: Tree, settings: Settings) -> Sequence[Source]:
    _refuse_later(tree)
    labels = labels_of(entry("mri_brain"))
    pictures = list(tree.match(rf"{_CASE}_(?P<sequence>{'|'.join(_SEQUENCES)}){_NII}"))
    masks = grouped([*tree.match(rf"{_CASE}_seg{_NII}"), *tree.match(_ODD_NAME)], "id")
    list(tree.match(r"[^/]*(?:name_mapping|survival)[^/]*\.csv"))  # known, and not used
    pictures = [
        one for one in pictures if (one.parts["id"],) in masks or not _unlabelled(one, tree)
    ]
    _one_release({one.parts["id"] for one in pictures})
    wanted = settings.options["sequence"].split("+")
    images = grouped(pictures, "id", "sequence")
    sources: list[Source] = []
    for case in sorted({one.parts["id"] for one in pictures} | {case for (case,) in masks}):
        shown = {one: images.get((case, one), []) for one in wanted}
        mask = masks.get((case,), [])
        sources.append(
            not_one_each(case, case, {**shown, "seg": mask})
            or Scan(
                case,
                case,
                tuple(nifti_channel(paths[0]) for paths in shown.values()),
                (nifti_labels(mask[0], labels),),
                settings.plane,
                settings.intensity,
                trust_image=settings.trust_image,
            )
        )
    return sources


def _unlabelled(one: Found, tree: Tree) -> bool:
    """Whether it lies in a validation or test part, which come without masks."""
    below = one.path.relative_to(tree.root).as_posix().lower()
    return any(word in below for word in _UNLABELLED)


def _refuse_later(tree: Tree) -> None:
    later = next(tree.match(_LATER), None)
    if later:
        raise InputError(
            f"MRI-Brain: {later.path.name!r} is of a release from 2023 on, where label 3 is the "
            "enhancing tumour. Allowed: a release of 2017 to 2021 (<case>_seg.nii.gz, labels 1, 2 "
            "and 4), whose labels the tasks are. Give the folder of such a release."
        )


def _one_release(cases: set[str]) -> None:
    releases = sorted({case.split("_")[0] for case in cases}, key=str.lower)
    if len(releases) > 1:
        raise InputError(
            f"MRI-Brain: cases of {len(releases)} releases in one folder ({', '.join(releases)}). "
            "Allowed: one, since later releases hold the patients of earlier ones under other "
            "names. Give the folder of one release."
        )


LAYOUT = Layout(
    "mri_brain",
    rf"{_CASE}_(?:{'|'.join(_SEQUENCES)}){_NII}",
    "the case folders (<case>/<case>_flair.nii.gz, …, <case>_seg.nii.gz; 2017 to 2021)",
    _find,
    options={"sequence": (*_SEQUENCES, _COLOURS)},
)
