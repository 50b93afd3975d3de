"""Real scans of several scanners and storage orders: upright, and masks on their organs."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from medsam.datasets.intensity import Intensity
from medsam.datasets.labels import Labels
from medsam.datasets.layouts.layout import grouped, paired
from medsam.datasets.layouts.tree import Tree
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.source import Broken, Channel, DiskDataset, LabelVolume, Scan, close
from medsam.errors import DataError

PLANES = ("axial", "coronal", "sagittal")


@pytest.fixture(autouse=True)
def closed():
    yield
    close()


def scan(image: Path, labels: Path, plane, rules, *, way="percentile", unit="", name="a") -> Scan:
    return Scan(
        name,
        name,
        (Channel(partial(open_nifti, image), (image,), unit),),
        (LabelVolume(partial(open_nifti, labels), (labels,), Labels(rules)),),
        plane,
        Intensity(way),
    )


def samples(source: Scan, *tasks):
    return [case.load() for case in source.cases(tasks)]


def centre(mask) -> tuple[float, float]:
    row, column = np.nonzero(mask)
    return row.mean(), column.mean()


def around(mask):
    return binary_dilation(mask, iterations=2) & ~binary_dilation(mask)


def test_hippocampus(shared_data):
    tree = Tree(shared_data / "msd_hippocampus")
    groups = [
        grouped(tree.match(rf"{name}/(?P<id>hippocampus_\d+)\.nii\.gz"), "id")
        for name in ("images", "labels")
    ]
    sources = paired(
        *groups,
        lambda key, image, masks: scan(
            image, masks[0], "axial", {"front": (1,), "back": (2,)}, name=key[0]
        ),
    )
    # One of the images comes without labels there.
    missing = [source.id for source in sources if isinstance(source, Broken)]
    assert missing == ["hippocampus_118"]
    dataset = DiskDataset("h", "H", "MRI", ("front", "back"), sources, progress=False)
    ids, both = [], 0
    for case in dataset.cases():
        ids.append(case.id)
        if case.group in missing:
            with pytest.raises(DataError, match="has no mask"):
                case.load()
        elif case.tasks == ("front", "back"):
            masks = case.load().masks
            both += 1
            assert centre(masks["front"])[0] < centre(masks["back"])[0]  # anterior is up
    assert len(sources) == 22
    assert ids == sorted(ids)
    assert both > 100


def test_spinal_cord_stored_from_behind(shared_data):
    # Stored posterior, superior, right: every plane but the sagittal is across the order.
    folder = shared_data / "sct_spinal_cord" / "t2"
    counts = set()
    for plane in PLANES:
        found = samples(
            scan(folder / "t2.nii.gz", folder / "t2_seg-manual.nii.gz", plane, {"cord": (1,)}),
            "cord",
        )
        counts.add(sum(int(sample.masks["cord"].sum()) for sample in found))
        middle = found[len(found) // 2]
        mask = middle.masks["cord"]
        # The cord is dark in bright fluid, and runs from top to bottom.
        grey = middle.image[..., 0]
        assert grey[around(mask)].mean() > 1.3 * grey[mask].mean()
        assert plane == "axial" or mask.any(1).all()
    assert len(counts) == 1


def test_grey_matter(shared_data):
    folder = shared_data / "sct_spinal_cord" / "t2s"
    found = samples(
        scan(folder / "t2s.nii.gz", folder / "t2s_gmseg_manual.nii.gz", "axial", {"gm": ">0"}),
        "gm",
    )
    for sample in found:
        grey, mask = sample.image[..., 0], sample.masks["gm"]
        assert sample.spacing == pytest.approx((0.5, 0.5), abs=1e-3)
        assert grey[mask].mean() > grey[binary_dilation(mask) & ~mask].mean()


def test_spine_in_bids(shared_data):
    root = shared_data / "ivadomed"
    label = root / "derivatives/labels/sub-unf01/anat/sub-unf01_T2w_seg-manual.nii.gz"
    image = root / "sub-unf01/anat/sub-unf01_T2w.nii.gz"
    for sample in samples(scan(image, label, "axial", {"cord": ">0"}), "cord"):
        grey, mask = sample.image[..., 0], sample.masks["cord"]
        assert grey[around(mask)].mean() > 1.3 * grey[mask].mean()


def test_spleen_in_ct(shared_data):
    root = shared_data / "ivadomed" / "ct_scan"
    label = root / "derivatives/labels/sub-spleen2/ct/sub-spleen2_ct_seg-manual.nii.gz"
    image = root / "sub-spleen2/ct/sub-spleen2_ct.nii.gz"

    def largest(plane):
        one = scan(image, label, plane, {"spleen": ">0"}, way="modality", unit="HU")
        return max(samples(one, "spleen"), key=lambda sample: sample.masks["spleen"].sum())

    # Cut out around the spleen: the ribs lie on its left, in the picture on the right.
    axial = largest("axial")
    mask, grey = axial.masks["spleen"], axial.image[..., 0]
    assert centre(grey == 255)[1] > centre(mask)[1]
    # Soft tissue: 40 to 240 HU of the window from -160.
    assert 127 < grey[mask].mean() < 255
    # The lung is above it.
    coronal = largest("coronal")
    assert centre(coronal.image[..., 0] == 0)[0] < centre(coronal.masks["spleen"])[0]
    assert coronal.spacing == pytest.approx((5, 0.795), abs=1e-3)


@pytest.mark.parametrize(
    ("image", "labels", "way"),
    [
        ("example_ct_sm.nii.gz", "example_seg.nii.gz", "modality"),  # stored right, front, up
        ("example_mr_sm.nii.gz", "example_seg_mr.nii.gz", "percentile"),  # left, back, up
    ],
)
def test_abdomen(shared_data, image, labels, way):
    folder = shared_data / "abdomen_ct"
    rules = {"spleen": (1,), "liver": (5,), "any": ">0"}
    unit = "HU" if "ct" in image else ""

    def largest(plane, task):
        one = scan(folder / image, folder / labels, plane, rules, way=way, unit=unit)
        return max(samples(one, task), key=lambda sample: sample.masks[task].sum())

    axial = largest("axial", "liver")
    middle = (axial.image.shape[1] - 1) / 2
    assert centre(axial.masks["liver"])[1] < middle  # the patient's right is on the left
    assert centre(largest("axial", "spleen").masks["spleen"])[1] > middle
    coronal = largest("coronal", "liver")
    assert centre(coronal.masks["liver"])[1] < middle


def test_labels_on_another_grid(shared_data):
    folder = shared_data / "abdomen_ct"
    one = scan(folder / "example_ct.nii.gz", folder / "example_seg.nii.gz", "axial", {"any": ">0"})
    cases = list(one.cases(("any",)))
    assert len(cases) == 30
    for case in cases:
        with pytest.raises(DataError) as error:
            case.load()
        assert str(error.value) == (
            "NIfTI 'example_seg.nii.gz' has (30, 101, 122) (slices, rows, columns in the axial "
            "plane), NIfTI 'example_ct.nii.gz' has (112, 101, 122). Allowed: one grid. Resample "
            "the labels to the image's grid (nearest neighbour)."
        )
