"""Real scans: as other libraries read them; upright, masks on their organs."""

from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest
from datasets.dicom_files import equal
from pydicom import dcmread
from scipy.ndimage import binary_dilation

from medsam.datasets.intensity import Intensity
from medsam.datasets.labels import Labels
from medsam.datasets.readers.open import open_volume
from medsam.datasets.readers.volume import LPS_TO_RAS, Volume
from medsam.datasets.source import Channel, LabelVolume, Scan

SEG = "dcmqi_seg/data/segmentations"


# As other libraries read them.


def by_nibabel(path: Path) -> Volume:
    """All turned to right, anterior, superior by nibabel's own function."""
    image = nibabel.as_closest_canonical(nibabel.load(path))
    return Volume(image.get_fdata(), image.affine)


def by_pydicom(folder: Path) -> Volume:
    """One axial series: rows to the back, columns to the left, sorted upwards."""
    slices = sorted(map(dcmread, folder.glob("*.dcm")), key=lambda one: one.ImagePositionPatient[2])
    values = [one.pixel_array * one.RescaleSlope + one.RescaleIntercept for one in slices]
    places = np.array([one.ImagePositionPatient for one in slices], float)
    rows, columns = slices[0].PixelSpacing
    affine = np.diag([columns, rows, places[1, 2] - places[0, 2], 1])
    affine[:3, 3] = places[0]
    return Volume(np.stack(values).T, LPS_TO_RAS @ affine)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("abdomen_ct/example_mr_sm.nii.gz", by_nibabel),
        ("msd_hippocampus/data/TrainingSet/images/hippocampus_001.nii.gz", by_nibabel),
        ("sct_spinal_cord/t2/t2.nii.gz", by_nibabel),
        (f"{SEG}/24x38x3/image", by_pydicom),
    ],
)
def test_as_another_library_reads_it(shared_data, path, other):
    volume, wanted = open_volume(shared_data / path), other(shared_data / path)
    assert volume.corner_distance(wanted) < 1e-3
    equal(volume, wanted)


@pytest.mark.parametrize(
    ("path", "nrrd", "value"),
    [
        ("liver.dcm", "liver_seg.nrrd", None),
        ("23x38x3/seg/label.seg", "23x38x3/nrrd/label.nrrd", None),  # rows fill no whole bytes
        ("sparse-labelmap-noppv.dcm", "sparse_labelmap_noppv_seg.nrrd", 1),
    ],
)
def test_segmentations_are_their_nrrd_files(shared_data, path, nrrd, value):
    folder = shared_data / SEG
    labels, wanted = open_volume(folder / path), open_volume(folder / nrrd)
    if labels.shape != wanted.shape:
        labels = labels.resampled_to(wanted)
    for k in range(3):
        there = wanted.slice("axial", k)
        np.testing.assert_array_equal(labels.slice("axial", k) > 0, there == (value or there.max()))


# Anatomy: which way up, and masks where the organs are.


def samples(image: Path, labels: Path, plane, rule, way="percentile", unit=""):
    scan = Scan(
        "a",
        "a",
        (Channel(partial(open_volume, image), (image,), unit),),
        (
            LabelVolume(
                partial(open_volume, labels),
                (labels,),
                Labels({"object": rule}, tuple(range(1, 200))),
            ),
        ),
        plane,
        Intensity(way),
    )
    return [case.load() for case in scan.cases(("object",))]


def largest(*args, **kwargs):
    found = max(samples(*args, **kwargs), key=lambda sample: sample.masks["object"].sum())
    return found, found.masks["object"], found.image[..., 0]


def centre(mask) -> tuple[float, float]:
    row, column = np.nonzero(mask)
    return row.mean(), column.mean()


def test_spinal_cord_stored_from_behind(shared_data):
    # Stored posterior, superior, right: every plane but the sagittal is across the order.
    folder = shared_data / "sct_spinal_cord" / "t2"
    counts = set()
    for plane in ("axial", "coronal", "sagittal"):
        found = samples(folder / "t2.nii.gz", folder / "t2_seg-manual.nii.gz", plane, (1,))
        counts.add(sum(int(sample.masks["object"].sum()) for sample in found))
        middle = found[len(found) // 2]
        mask, grey = middle.masks["object"], middle.image[..., 0]
        # The cord is dark in bright fluid, and runs from top to bottom.
        around = binary_dilation(mask, iterations=2) & ~binary_dilation(mask)
        assert grey[around].mean() > 1.3 * grey[mask].mean()
        assert plane == "axial" or mask.any(1).all()
    assert len(counts) == 1


def test_spleen_in_ct(shared_data):
    root = shared_data / "ivadomed" / "ct_scan"
    image = root / "sub-spleen2/ct/sub-spleen2_ct.nii.gz"
    labels = root / "derivatives/labels/sub-spleen2/ct/sub-spleen2_ct_seg-manual.nii.gz"
    _, mask, grey = largest(image, labels, "axial", ">0", "modality", "HU")
    # Cut out around the spleen: the ribs lie on its left, in the picture on the right.
    assert centre(grey == 255)[1] > centre(mask)[1]
    assert 127 < grey[mask].mean() < 255  # soft tissue: 40 to 240 HU of the window from -160
    coronal, mask, grey = largest(image, labels, "coronal", ">0", "modality", "HU")
    assert centre(grey == 0)[0] < centre(mask)[0]  # the lung is above it
    assert coronal.spacing == pytest.approx((5, 0.795), abs=1e-3)


@pytest.mark.parametrize("plane", ["axial", "coronal"])
@pytest.mark.parametrize(
    "names",
    [
        ("example_ct_sm", "example_seg"),
        ("example_mr_sm", "example_seg_mr"),
    ],  # right, front; left, back
)
def test_liver_is_on_the_left_of_the_picture(shared_data, names, plane):
    image, labels = (shared_data / "abdomen_ct" / f"{name}.nii.gz" for name in names)
    for value, side in ((1, 1), (5, -1)):  # spleen, liver
        _, mask, grey = largest(image, labels, plane, (value,))
        assert side * (centre(mask)[1] - (grey.shape[1] - 1) / 2) > 0
