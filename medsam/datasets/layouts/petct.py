"""Whole-body FDG-PET/CT with tumour lesions: PET in red, CT in green and blue.

Two forms of the same studies: ``PETCT_<hex>/<study>/`` with ``CTres``, ``SUV`` and ``SEG``
(which share the PET's grid; ``CT`` and ``PET`` are on others and not used), and the nnU-Net form
``imagesTr/fdg_<hex>_<study>_0000`` (CT), ``_0001`` (SUV), ``labelsTr/fdg_<hex>_<study>``, whose
``psma_*`` cases are another dataset. The colours are those of the paper's supplement.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medsam.datasets.catalog import entry
from medsam.datasets.layouts._parts import nifti_channel, nifti_labels, not_one_each
from medsam.datasets.layouts.layout import Layout, Settings, grouped, labels_of
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.source import Scan, Source
from medsam.errors import InputError

__all__ = ["LAYOUT"]

_STUDY = r"(?P<patient>PETCT_[0-9a-f]+)/(?P<study>[^/]+)/(?P<part>CTres|SUV|SEG)\.nii\.gz"
_NAME = r"fdg_(?P<patient>[0-9a-f]+)_(?P<study>[^/]+?)"
_IMAGE = rf"imagesTr/{_NAME}_000(?P<part>[01])\.nii\.gz"
_PARTS = {"0": "CTres", "1": "SUV"}
_KNOWN = (
    r"PETCT_[0-9a-f]+/[^/]+/(?:CT|PET)\.nii\.gz",
    r"(?:images|labels)T[rs]/psma_[^/]+\.nii\.gz",
    r"imagesTs/fdg_[^/]+\.nii\.gz",
    r"(?:fdg|psma)_metadata\.csv",
    r"dataset\.json",
)


def _find(tree: Tree, settings: Settings) -> Sequence[Source]:
    labels = labels_of(entry("pet_wholebody"))
    folders = grouped(tree.match(_STUDY), "patient", "study", "part")
    flat: dict[tuple[str, ...], list[Path]] = {}
    for pattern in (_IMAGE, rf"labelsTr/{_NAME}\.nii\.gz"):
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


LAYOUT = Layout(
    "pet_wholebody",
    rf"(?:{_STUDY}|imagesTr/fdg_[^/]+\.nii\.gz)",
    "the patient folders (PETCT_…/<study>/SUV.nii.gz, CTres.nii.gz, SEG.nii.gz), or imagesTr and "
    "labelsTr with fdg_… files",
    _find,
    units=("SUV", "HU", "HU"),
)
