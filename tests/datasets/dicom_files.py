"""Writers of tiny real DICOM files, one phantom stored in many ways, and what it must look like."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from datasets.nifti_files import ORIENTATIONS
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

PLANES = ("axial", "coronal", "sagittal")
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SERIES = "1.2.826.0.1.3680043.8.498.1"

ways = st.sampled_from(ORIENTATIONS)


def phantom(shape=(4, 5, 6), spacing=(0.5, 0.75, 2.0), origin=(10.0, -20.0, 30.0)):
    """All voxels differ; stored right, anterior, superior."""
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return array, affine


def equal(volume, wanted):
    """All pictures of two volumes, and the sizes of their pixels."""
    for plane in PLANES:
        assert volume.spacing(plane) == pytest.approx(wanted.spacing(plane), rel=1e-5)
        assert volume.count(plane) == wanted.count(plane)
        for index in range(wanted.count(plane)):
            np.testing.assert_array_equal(volume.slice(plane, index), wanted.slice(plane, index))


def sitk_image(array, affine=None):
    """A SimpleITK image of a volume stored as (I, J, K[, layers])."""
    layers = array.ndim == 4
    turned = array.transpose(2, 1, 0, 3) if layers else array.T
    picture = sitk.GetImageFromArray(np.ascontiguousarray(turned), isVector=layers)
    if affine is not None:
        lps = LPS @ affine
        size = np.linalg.norm(lps[:3, :3], axis=0)
        picture.SetSpacing(size.tolist())
        picture.SetDirection((lps[:3, :3] / size).ravel().tolist())
        picture.SetOrigin(lps[:3, 3].tolist())
    return picture


def write_segments(path: Path, array, affine, segments) -> Path:
    """Write labels, or layers of them, as 3D Slicer's .seg.nrrd."""
    picture = sitk_image(array, affine)
    for n, segment in enumerate(segments):
        told = {"Name": segment.name, "LabelValue": segment.value, "Layer": segment.layer}
        for key, one in told.items():
            picture.SetMetaData(f"Segment{n}_{key}", str(one))
    sitk.WriteImage(picture, str(path), True)
    return path


def image(path: Path, pixels, affine, k=0, syntax=ExplicitVRLittleEndian, **tags) -> Path:
    """Write slice k of a volume: pixels (columns, rows), affine RAS+."""
    pixels = np.ascontiguousarray(np.asarray(pixels).T)
    lps = LPS @ affine
    size = np.linalg.norm(lps[:3, :3], axis=0)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = UID(syntax)
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    told = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": SERIES + ".9",
        "FrameOfReferenceUID": SERIES + ".8",
        "SeriesInstanceUID": SERIES,
        "SeriesNumber": 3,
        "SeriesDescription": "T2W",
        "Modality": "CT",
        # Without a value, but standard segmentations copy them.
        **dict.fromkeys(("PatientName", "PatientID", "PatientSex", "PatientBirthDate"), ""),
        **dict.fromkeys(("StudyDate", "StudyTime", "StudyID", "AccessionNumber"), ""),
        "ReferringPhysicianName": "",
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelSpacing": [_ds(size[1]), _ds(size[0])],
        "SliceThickness": _ds(size[2]),
        "ImageOrientationPatient": [_ds(v) for a in (0, 1) for v in lps[:3, a] / size[a]],
        "ImagePositionPatient": [_ds(v) for v in lps[:3, 3] + k * lps[:3, 2]],
        "PixelData": pixels.astype(pixels.dtype.newbyteorder("<")).tobytes(),
    } | tags
    for name, value in told.items():
        if value is not None:
            setattr(file, name, value)
    file.save_as(path, enforce_file_format=True)
    return path


def series(folder: Path, array, affine, *, names=None, **tags) -> list[Path]:
    """Write a volume, one file a slice; names and instance numbers tell a wrong order."""
    folder.mkdir(parents=True, exist_ok=True)
    count = array.shape[2]
    # 0 3 1 4 2 ... backwards: neither sorted up nor down.
    order = [*range(0, count, 2), *range(1, count, 2)]
    return [
        image(
            folder / (names[k] if names else f"im{order.index(k)}.dcm"),
            array[:, :, k],
            affine,
            k,
            InstanceNumber=order.index(k) + 1,
            **tags,
        )
        for k in range(count)
    ]


def enhanced(path: Path, array, affine, order=None, **tags) -> Path:
    """Write all slices as frames of one file, in the given order."""
    order = list(order or range(array.shape[2]))
    image(path, array[:, :, 0], affine, PixelSpacing=None, ImagePositionPatient=None)
    file = dcmread(path)
    lps = LPS @ affine
    size = np.linalg.norm(lps[:3, :3], axis=0)

    def group(name, **values):
        inside, outside = Dataset(), Dataset()
        for tag, value in values.items():
            setattr(inside, tag, value)
        setattr(outside, name, [inside])
        return outside

    shared = group("PixelMeasuresSequence", PixelSpacing=[_ds(size[1]), _ds(size[0])])
    cosines = [_ds(v) for a in (0, 1) for v in lps[:3, a] / size[a]]
    shared.update(group("PlaneOrientationSequence", ImageOrientationPatient=cosines))
    frames = []
    for k in order:
        place = [_ds(v) for v in lps[:3, 3] + k * lps[:3, 2]]
        frame = group("PlanePositionSequence", ImagePositionPatient=place)
        change = {"RescaleSlope": k + 1, "RescaleIntercept": -1}
        frame.update(group("PixelValueTransformationSequence", **change))
        frames.append(frame)
    del file.ImageOrientationPatient, file.SliceThickness
    file.SOPClassUID = file.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    file.NumberOfFrames = len(order)
    file.SharedFunctionalGroupsSequence = [shared]
    file.PerFrameFunctionalGroupsSequence = frames
    file.PixelData = np.stack([array[:, :, k].T for k in order]).tobytes()
    for name, value in tags.items():
        setattr(file, name, value)
    file.save_as(path)
    return path


def _ds(value) -> str:
    return f"{value + 0.0:.6g}"
