"""The 3D datasets outside the Decathlon.

LiTS and CT-ORG, numbered CT volumes, are here. What is more than two files a scan, or no NIfTI,
has a module of its own.

The headers of some CT-ORG cases are said to disagree between image and labels. Such a case is
refused, unless the image's header is taken for both (``trust_image``). Most CT-ORG scans are LiTS
scans, too: they are not independent patients, though their groups have names of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from medsam.datasets.catalog import entry
from medsam.datasets.layouts import brats, duke, i2cvb, petct, spine
from medsam.datasets.layouts._parts import nifti_channel, nifti_labels, not_one_each
from medsam.datasets.layouts.layout import Layout, Settings, grouped, labels_of
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.sample import Sample
from medsam.datasets.source import Scan, Source

__all__ = ["ASSUMPTIONS", "LAYOUTS"]


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
    spine.LAYOUT,
    i2cvb.LAYOUT,
    brats.LAYOUT,
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
    petct.LAYOUT,
)

ASSUMPTIONS: Mapping[str, Callable[[Sample], str | None]] = {
    "mri_spine": spine.cord_is_whole,
    "mri_breast": duke.dense_is_inside,
}
"""What no source says of a dataset's labels, as a test of one sample: key of the dataset, and a
function that says what was tested on which sample and whether it held (``None`` where the sample
cannot tell)."""
