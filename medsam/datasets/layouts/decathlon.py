"""The Medical Segmentation Decathlon: heart, colon, hepatic vessel, pancreas, spleen.

``imagesTr/<name>.nii.gz`` with its labels in ``labelsTr/<name>.nii.gz``; the test images have no
public labels. Macs have left ``._*`` files in the archives, which are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medsam.datasets.catalog import entry
from medsam.datasets.intensity import Unit
from medsam.datasets.layouts._parts import nifti_channel, nifti_labels
from medsam.datasets.layouts.layout import Layout, Settings, grouped, labels_of, paired
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.source import Scan, Source

__all__ = ["LAYOUTS"]


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


LAYOUTS = (
    _layout("mri_heart", "Task02_Heart", "la", ""),
    _layout("ct_colon", "Task10_Colon", "colon", "HU"),
    _layout("ct_hepaticvessel", "Task08_HepaticVessel", "hepaticvessel", "HU"),
    _layout("ct_pancreas", "Task07_Pancreas", "pancreas", "HU"),
    _layout("ct_spleen", "Task09_Spleen", "spleen", "HU"),
)
