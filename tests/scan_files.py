"""Files of scans that the page reads, as NIfTI and as DICOM, with noise for their pixels."""

import nibabel
import numpy as np
from datasets.dicom_files import image
from pydicom import dcmread, dcmwrite
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

# Axes in another order, two of them turned round, and all of them slanted.
SLANTED = np.array([[0.0, -2.0, 0.3, 0], [0.1, 0.2, 3.0, 0], [-1.5, 0.1, 0.2, 0], [0, 0, 0, 1]])
AXIAL = np.diag([-0.8, -0.7, 3, 1])  # columns to the left, rows to the back
DATA = np.random.default_rng(8).normal(300, 200, (23, 31, 19)).astype(np.int16)


def write_nifti(path, data=DATA, affine=SLANTED, kind=nibabel.Nifti1Image, **header):
    made = kind(data, affine)
    for name, value in header.items():
        made.header[name] = value
    nibabel.save(made, path)
    return path


def write_dicom(path, kind="u2", syntax=ExplicitVRLittleEndian, **tags):
    """One picture of 12 bits, or of all bits of another kind of number."""
    low, high = (-(2**14), 2**14) if kind == "i2" else (0, 4096 if kind == "u2" else 256)
    pixels = np.random.default_rng(9).integers(low, high, (23, 31)).astype(kind)
    used = 12 if kind == "u2" else 8 * pixels.itemsize
    tags = {"BitsAllocated": 8 * pixels.itemsize, "BitsStored": used, "HighBit": used - 1} | tags
    if syntax != ExplicitVRBigEndian:
        return image(path, pixels, AXIAL, syntax=syntax, **tags)
    file = dcmread(image(path, pixels, AXIAL, **tags))
    file.file_meta.TransferSyntaxUID = syntax
    file.PixelData = pixels.T.astype(f">{kind}").tobytes()
    dcmwrite(path, file, enforce_file_format=True)
    return path


def torn(path, size=100):
    """The same file, without its last bytes."""
    path.write_bytes(path.read_bytes()[:-size])
    return path
