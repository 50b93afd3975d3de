"""Real scans, as other libraries read them."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from datasets.dicom_files import equal
from pydicom import dcmread

from medsam.datasets.readers.open import open_volume
from medsam.datasets.readers.volume import LPS_TO_RAS, Volume

SEG = "dcmqi_seg/data/segmentations"


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
