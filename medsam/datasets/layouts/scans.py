"""The 3D datasets outside the Decathlon.

LiTS and CT-ORG, numbered CT volumes, are here. What is more than two files a scan, or no NIfTI,
has a module of its own.

The headers of some CT-ORG cases are said to disagree between image and labels. Such a case is
refused, unless the image's header is taken for both (``trust_image``). Most CT-ORG scans are LiTS
scans, too: they are not independent patients, though their groups have names of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from medsam.datasets.catalog import entry
from medsam.datasets.intensity import Unit
from medsam.datasets.layouts import duke
from medsam.datasets.layouts.layout import (
    Layout,
    Settings,
    grouped,
    labels_of,
    nifti_channel,
    nifti_labels,
    not_one_each,
    paired,
)
from medsam.datasets.layouts.tree import Found, Tree
from medsam.datasets.readers.dicom import open_masks, open_series
from medsam.datasets.readers.volume import Volume
from medsam.datasets.sample import Sample
from medsam.datasets.source import Broken, Channel, LabelVolume, Scan, Source
from medsam.errors import InputError

__all__ = [
    "ASSUMPTIONS",
    "LAYOUT",
    "LAYOUTS",
    "LAYOUTS_decathlon",
    "LAYOUT_brats",
    "LAYOUT_i2cvb",
    "LAYOUT_petct",
    "cord_is_whole",
]


# The Medical Segmentation Decathlon: heart, colon, hepatic vessel, pancreas, spleen.


def _layout(key: str, folder: str, name: str, unit: Unit) -> Layout:
    pattern = rf"(?P<id>{name}_\d+)\.nii\.gz"

    def find(tree: Tree, settings: Settings) -> Sequence[Source]:
        labels = labels_of(entry(key))

        def make(names: tuple[str, ...], image: Path, masks: Sequence[Path]) -> Source:
            return Scan(
                names[0],
                names[0],
                (nifti_channel(image, unit),),
                tuple(nifti_labels(path, labels) for path in masks),
                settings.plane,
                settings.intensity,
                trust_image=settings.trust_image,
            )

        images = grouped(tree.match(f"imagesTr/{pattern}"), "id")
        masks = grouped(tree.match(f"labelsTr/{pattern}"), "id")
        for known in (f"imagesTs/{pattern}", r"dataset\.json"):
            list(tree.match(known))  # known, and not used
        return paired(images, masks, make, one_mask=True)

    return Layout(
        key, f"imagesTr/{pattern}", f"imagesTr and labelsTr ({folder})", find, units=(unit,)
    )


LAYOUTS_decathlon = (
    _layout("mri_heart", "Task02_Heart", "la", ""),
    _layout("ct_colon", "Task10_Colon", "colon", "HU"),
    _layout("ct_hepaticvessel", "Task08_HepaticVessel", "hepaticvessel", "HU"),
    _layout("ct_pancreas", "Task07_Pancreas", "pancreas", "HU"),
    _layout("ct_spleen", "Task09_Spleen", "spleen", "HU"),
)


# The spinal cord grey matter challenge (SCGM): four raters a subject.


_RATERS = ("1", "2", "3", "4")
_CASE = r"(?P<id>site\d+-sc(?P<number>\d+))"
_IMAGE = rf"{_CASE}-image\.nii\.gz"
_FIRST_TEST = 11
"""Subjects of each site from this number on are the test archive, which has no masks."""
_OUTLINE = 0.5
"""Part of the cord's outline that white matter has to make for the labels to be believed."""


def _find(tree: Tree, settings: Settings) -> Sequence[Source]:
    labels = labels_of(entry("mri_spine"))
    rater = settings.options["rater"]
    wanted = _RATERS if rater == "vote" else (rater,)
    masks = list(tree.match(rf"{_CASE}-mask-r(?P<rater>\d)\.nii\.gz"))
    drawn = grouped(masks, "id", "rater")
    labelled = {one.parts["id"] for one in masks}
    pictures = [
        one
        for one in tree.match(_IMAGE)
        if one.parts["id"] in labelled or int(one.parts["number"]) < _FIRST_TEST
    ]
    images = grouped(pictures, "id")
    for known in (rf"{_CASE}-levels\.txt", r"license\.txt"):
        list(tree.match(known))  # known, and not used
    sources: list[Source] = []
    for case in sorted(labelled | {one.parts["id"] for one in pictures}):
        image = images.get((case,), [])
        each = [drawn.get((case, one), []) for one in wanted]
        raters = {f"mask of rater {one}": paths for one, paths in zip(wanted, each, strict=True)}
        broken = not_one_each(
            case, case, {"image": image, **raters}, "Or ask one rater (--option rater=1)."
        )
        sources.append(
            broken
            or Scan(
                case,
                case,
                (nifti_channel(image[0]),),
                tuple(nifti_labels(paths[0], labels) for paths in each),
                settings.plane,
                settings.intensity,
                vote=rater == "vote",
                trust_image=settings.trust_image,
            )
        )
    return sources


def cord_is_whole(sample: Sample) -> str | None:
    """Whether the labels of a slice are what is assumed: 1 grey matter, 2 the white around it.

    The cord is taken for the union of both, which no source says of the paper. That holds where
    the union has no hole and its outline is white matter; if the values were swapped, or 2 were
    something else, grey matter would make the outline.

    Parameters
    ----------
    sample : Sample
        A slice with masks of ``mri_spine_gm`` and ``mri_spine_sc``.

    Returns
    -------
    str or None
        What was tested, on which slice, and whether it held; ``None`` if there is no grey
        matter on the slice.
    """
    import numpy as np
    from scipy import ndimage

    grey, cord = (sample.masks.get(f"mri_spine_{task}") for task in ("gm", "sc"))
    if grey is None or cord is None or not grey.any():
        return None
    outline = cord & ~ndimage.binary_erosion(cord)
    white = float(np.mean(~grey[outline]))
    holes = int((ndimage.binary_fill_holes(cord) & ~cord).sum())
    held = white > _OUTLINE and not holes
    return (
        f"Cord = labels 1 (grey matter) and 2 (white matter), tested on {sample.id}: {white:.0%} "
        f"of the outline of their union is label 2 (expected: above {_OUTLINE:.0%}), {holes} of "
        f"its pixels are holes (expected: 0). {'Held.' if held else 'Did not hold.'}"
    )


LAYOUT = Layout(
    "mri_spine",
    _IMAGE,
    "siteS-scNN-image.nii.gz with siteS-scNN-mask-rR.nii.gz (the training archive)",
    _find,
    options={"rater": ("vote", *_RATERS)},
)


# The brain tumour benchmark BraTS, in its releases of 2017 to 2021.


_SEQUENCES = ("flair", "t1", "t1ce", "t2")
_COLOURS = "flair+t1ce+t2"
_CASE_brats = r"(?P<id>Bra[Tt][Ss]\d+_\w+?)"
_NII = r"\.nii(?:\.gz)?"
_ODD_NAME = rf"(?P<id>BraTS20_Training_355)/W39_1998\.09\.19_Segm{_NII}"
_LATER = r"BraTS-[A-Z]+-\d+-\d+-seg\.nii(?:\.gz)?"
_UNLABELLED = ("valid", "test")


def _find_brats(tree: Tree, settings: Settings) -> Sequence[Source]:
    _refuse_later(tree)
    labels = labels_of(entry("mri_brain"))
    pictures = list(tree.match(rf"{_CASE_brats}_(?P<sequence>{'|'.join(_SEQUENCES)}){_NII}"))
    masks = grouped([*tree.match(rf"{_CASE_brats}_seg{_NII}"), *tree.match(_ODD_NAME)], "id")
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


LAYOUT_brats = Layout(
    "mri_brain",
    rf"{_CASE_brats}_(?:{'|'.join(_SEQUENCES)}){_NII}",
    "the case folders (<case>/<case>_flair.nii.gz, …, <case>_seg.nii.gz; 2017 to 2021)",
    _find_brats,
    options={"sequence": (*_SEQUENCES, _COLOURS)},
)


# Whole-body FDG-PET/CT with tumour lesions: PET in red, CT in green and blue.


_STUDY = r"(?P<patient>PETCT_[0-9a-f]+)/(?P<study>[^/]+)/(?P<part>CTres|SUV|SEG)\.nii\.gz"
_NAME = r"fdg_(?P<patient>[0-9a-f]+)_(?P<study>[^/]+?)"
_IMAGE_petct = rf"imagesTr/{_NAME}_000(?P<part>[01])\.nii\.gz"
_PARTS = {"0": "CTres", "1": "SUV"}
_KNOWN = (
    r"PETCT_[0-9a-f]+/[^/]+/(?:CT|PET)\.nii\.gz",
    r"(?:images|labels)T[rs]/psma_[^/]+\.nii\.gz",
    r"imagesTs/fdg_[^/]+\.nii\.gz",
    r"(?:fdg|psma)_metadata\.csv",
    r"dataset\.json",
)


def _find_petct(tree: Tree, settings: Settings) -> Sequence[Source]:
    labels = labels_of(entry("pet_wholebody"))
    folders = grouped(tree.match(_STUDY), "patient", "study", "part")
    flat: dict[tuple[str, ...], list[Path]] = {}
    for pattern in (_IMAGE_petct, rf"labelsTr/{_NAME}\.nii\.gz"):
        for one in tree.match(pattern):
            # The name of a patient must not depend on the form.
            patient, part = f"PETCT_{one.parts['patient']}", one.parts.get("part", "")
            key = (patient, one.parts["study"], _PARTS.get(part, "SEG"))
            flat.setdefault(key, []).append(one.path)
    for known in _KNOWN:
        list(tree.match(known))  # known, and not used
    if folders and flat:
        raise InputError(
            "PET-Whole-Body: studies in folders (PETCT_…) and in the nnU-Net form (fdg_…) side by "
            "side. Allowed: one form, since both hold the same patients. Give the folder of one."
        )
    found = {**folders, **flat}
    sources: list[Source] = []
    for patient, study in sorted({key[:2] for key in found}):
        name = f"{patient}/{study}"
        parts = {what: found.get((patient, study, what), []) for what in ("SUV", "CTres", "SEG")}
        broken = not_one_each(name, patient, parts)
        if broken:
            sources.append(broken)
            continue
        suv, ct, seg = (paths[0] for paths in parts.values())
        sources.append(
            Scan(
                name,
                patient,
                (
                    nifti_channel(suv, "SUV"),
                    nifti_channel(ct, "HU"),
                    nifti_channel(ct, "HU"),
                ),
                (nifti_labels(seg, labels),),
                settings.plane,
                settings.intensity,
                trust_image=settings.trust_image,
            )
        )
    return sources


LAYOUT_petct = Layout(
    "pet_wholebody",
    rf"(?:{_STUDY}|imagesTr/fdg_[^/]+\.nii\.gz)",
    "the patient folders (PETCT_…/<study>/SUV.nii.gz, CTres.nii.gz, SEG.nii.gz), or imagesTr and "
    "labelsTr with fdg_… files",
    _find_petct,
    units=("SUV", "HU", "HU"),
)


# The I2CVB prostate set: T2-weighted DICOM series with one mask slice a slice.


_PATIENT = r"(?P<id>Patient \d+)"
_FILE = r"[^/]+\.(?i:dcm)"
_IMAGE_i2cvb = rf"{_PATIENT}/T2W/{_FILE}"

Series = dict[tuple[str, ...], list[Path]]


def _find_i2cvb(tree: Tree, settings: Settings) -> Sequence[Source]:
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


LAYOUT_i2cvb = Layout(
    "mri_prostate",
    _IMAGE_i2cvb,
    "GE and Siemens (Patient NNN/T2W/*.dcm, Patient NNN/GT/prostate/*.dcm)",
    _find_i2cvb,
    options={"gaps": ("refuse", "empty")},
)


def _numbered(
    key: str,
    mask: str,
    suffix: str,
    expects: str,
    *,
    others: tuple[int, ...] = (),
    known: tuple[str, ...] = (),
) -> Layout:
    """``volume-N`` with its labels in ``<mask>-N``, in whatever folders."""
    image = rf"volume-(?P<id>\d+){suffix}"

    def find(tree: Tree, settings: Settings) -> Sequence[Source]:
        labels = labels_of(entry(key), others=others)
        images = grouped(tree.match(image), "id")
        masks = grouped(tree.match(rf"{mask}-(?P<id>\d+){suffix}"), "id")
        for pattern in known:
            list(tree.match(pattern))  # known, and not used
        sources: list[Source] = []
        for number in sorted(images.keys() | masks.keys()):
            name = f"volume-{number[0]}"
            volume, drawn = images.get(number, []), masks.get(number, [])
            sources.append(
                not_one_each(name, name, {"volume": volume, mask: drawn})
                or Scan(
                    name,
                    name,
                    (nifti_channel(volume[0], "HU"),),
                    (nifti_labels(drawn[0], labels),),
                    settings.plane,
                    settings.intensity,
                    trust_image=settings.trust_image,
                )
            )
        return sources

    return Layout(key, image, expects, find, units=("HU",))


LAYOUTS: tuple[Layout, ...] = (
    LAYOUT,
    LAYOUT,
    LAYOUT,
    duke.LAYOUT,
    _numbered(
        "ct_liver",
        "segmentation",
        r"\.nii(?:\.gz)?",
        "'Training Batch 1' and 'Training Batch 2' (volume-N.nii, segmentation-N.nii)",
        known=(r"test-volume-\d+\.nii(?:\.gz)?",),
    ),
    _numbered(
        "ct_organ",
        "labels",
        r"\.nii\.gz",
        "volume-N.nii.gz and labels-N.nii.gz (OrganSegmentations)",
        others=(6,),  # brain, which is no task
        known=(r"README\.txt",),
    ),
    LAYOUT,
)

ASSUMPTIONS: Mapping[str, Callable[[Sample], str | None]] = {
    "mri_spine": cord_is_whole,
    "mri_breast": duke.dense_is_inside,
}
"""What no source says of a dataset's labels, as a test of one sample: key of the dataset, and a
function that says what was tested on which sample and whether it held (``None`` where the sample
cannot tell)."""
