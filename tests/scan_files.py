"""Small DICOM files, made as the tests need them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, generate_uid

CT_IMAGE, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4.1"
SHAPE = (31, 23)


def _dataset(kind: str, syntax: str, bits: int, signed: bool) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = kind
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid(None)
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.SeriesInstanceUID = generate_uid(None)
    made.Rows, made.Columns = SHAPE
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.PixelRepresentation = bits, int(signed)
    made.BitsStored = 12 if bits == 16 and not signed else bits
    made.HighBit = made.BitsStored - 1
    return made


def _stored(bits: int, signed: bool, count: int = 1) -> np.ndarray:
    low, high = (-(2**14), 2**14) if signed else (0, min(2**bits, 2**12))
    numbers = np.random.default_rng(9).integers(low, high, (count, *SHAPE))
    return numbers.astype(f"{'i' if signed else 'u'}{bits // 8}")


def write_dicom(
    path: Path,
    *,
    syntax: str = "1.2.840.10008.1.2.1",
    bits: int = 16,
    signed: bool = False,
    packed: str | None = None,
    **told: object,
) -> Path:
    """One picture; ``told`` are attributes, and with ``None`` attributes that it lacks.

    ``packed`` is the transfer syntax of a compression; the pixels are only put in its form.
    """
    made = _dataset(CT_IMAGE, syntax, bits, signed)
    made.Modality = "CT"
    made.ImagePositionPatient, made.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    made.PixelSpacing = [0.7, 0.8]
    for name, value in told.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    pixels = _stored(bits, signed)
    order = ">" if syntax.endswith(".2.2") else "<"
    made.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if len(made.PixelData) % 2:
        made.PixelData += b"\0"
    made["PixelData"].VR = "OB" if bits == 8 else "OW"
    if packed:
        made.file_meta.TransferSyntaxUID = UID(packed)
        made.PixelData = encapsulate([made.PixelData])
        made["PixelData"].is_undefined_length = True
    made.save_as(path, enforce_file_format=True)
    return path


def write_frames(path: Path, count: int = 7) -> Path:
    """An enhanced MR of frames in no order, each with a slope of its own."""
    made = _dataset(ENHANCED_MR, "1.2.840.10008.1.2.1", 16, False)
    made.Modality, made.NumberOfFrames = "MR", count
    measures, turn = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.7, 0.8], 3
    turn.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turn]
    made.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for n, height in enumerate(np.random.default_rng(10).permutation(count)):
        place, values, frame = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, 3 * int(height)]
        values.RescaleSlope, values.RescaleIntercept = 1 + n / 10, n
        values.RescaleType = "US"
        frame.PlanePositionSequence = [place]
        frame.PixelValueTransformationSequence = [values]
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = frames
    made.PixelData = _stored(16, False, count).tobytes()
    made["PixelData"].VR = "OW"
    made.save_as(path, enforce_file_format=True)
    return path
