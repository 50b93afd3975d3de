"""Plain arrays: NumPy and MATLAB files, and what is refused in which words."""

import numpy as np
import pytest
from scipy import io

from medsam.datasets.readers.open import read_array
from medsam.datasets.readers.volume import Volume
from medsam.errors import DataError, InputError

ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def write(path, array, name="scan"):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez_compressed(path, **{name: array})
    else:
        io.savemat(path, {name: array}, do_compression=True)
    return path


def failure(path, **choices) -> str:
    with pytest.raises(DataError) as error:
        read_array(path, **choices)
    return str(error.value)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.bool_])
def test_three_dimensions(tmp_path, suffix, dtype):
    array = ARRAY.astype(dtype)
    volume = read_array(write(tmp_path / f"a{suffix}", array), spacing=(0.5, 0.75, 3))
    assert isinstance(volume, Volume)
    assert volume.count("axial") == 4
    assert volume.spacing("axial") == volume.spacing("stored") == (0.5, 0.75)
    assert volume.spacing("coronal") == (3, 0.75)
    for k in range(4):
        for plane in ("stored", "axial"):
            np.testing.assert_array_equal(volume.slice(plane, k), array[:, :, k])
    # Slices go up and rows to the back: coronal shows the last slice on top.
    np.testing.assert_array_equal(volume.slice("coronal", 0), array[-1].T[::-1])


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
def test_two_dimensions(tmp_path, suffix):
    found = read_array(write(tmp_path / f"a{suffix}", ARRAY[0]))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, ARRAY[0])


def test_npy_is_not_read_whole(tmp_path):
    volume = read_array(write(tmp_path / "a.npy", ARRAY))
    assert isinstance(volume._stored.base, np.memmap)


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_one_of_several(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    both = {"scan": ARRAY, "mask": ARRAY + 1}
    np.savez(path, **both) if suffix == ".npz" else io.savemat(path, both)
    kind = "Array" if suffix == ".npz" else "MATLAB file"
    assert read_array(path, variable="mask").slice("stored", 0)[0, 0] == 1
    assert failure(path) == (
        f"{kind} 'a{suffix}': 2 arrays in it. Allowed: mask, scan. Name one of these (variable), "
        "or save one array a file."
    )
    assert f"'a{suffix}': no array 'image' in it. Allowed: mask, scan." in (
        failure(path, variable="image")
    )


def test_a_npy_file_has_no_names(tmp_path):
    words = failure(write(tmp_path / "a.npy", ARRAY), variable="scan")
    assert "no array 'scan' in it. Allowed: none to be named." in words


def test_matlab_7_3(tmp_path):
    path = tmp_path / "a.mat"
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8)
    path.write_bytes(head + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" + bytes(400))
    assert failure(path) == (
        "MATLAB file 'a.mat': it is of version 7.3 (HDF5). Allowed: versions 4 to 7. Save it in "
        "MATLAB again with save(..., '-v7')."
    )


def test_python_objects_are_not_loaded(tmp_path):
    for path in (tmp_path / "a.npy", tmp_path / "a.npz"):
        write(path, np.array([{"a": 1}], object))
        words = failure(path)
        assert words.startswith(f"Array {path.name!r} cannot be read (ValueError: ")
        assert words.endswith(
            "Allowed: a complete, readable file of plain numbers. Check the path, or save it again."
        )


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
def test_torn_and_missing(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    assert "cannot be read (No such file or directory)" in failure(path)
    write(path, np.random.default_rng(0).random((20, 20, 3)))
    whole = path.read_bytes()
    for part in (whole[: len(whole) // 2], whole[:5], b"", b"nothing of the kind" * 20):
        path.write_bytes(part)
        assert f"{path.name!r} cannot be read (" in failure(path)


def test_other_numbers_and_shapes(tmp_path):
    assert failure(write(tmp_path / "a.npy", np.ones((2, 2), complex))) == (
        "Array 'a.npy': values of type complex128. Allowed: bool, integer or float. Save the "
        "plain numbers."
    )
    for shape in ((4,), (2, 2, 2, 2), (2, 0)):
        assert failure(write(tmp_path / "a.npy", np.ones(shape))) == (
            f"Array 'a.npy': shape {shape}. Allowed: two dimensions (a picture) or three (rows, "
            "columns, slices), none of them 0. Save one image a file."
        )
    struct = write(tmp_path / "s.mat", {"image": np.ones((2, 2))})
    assert "values of type [('image', 'O')]. Allowed: bool, integer or float." in failure(struct)
    assert failure(tmp_path / "a.txt").startswith(
        "File 'a.txt' ends in '.txt'. Allowed: .mat, .npy, .npz."
    )


@pytest.mark.parametrize("spacing", [(1, 1), (1, 1, 0), (1, 1, float("nan"))])
def test_spacing(tmp_path, spacing):
    path = write(tmp_path / "a.npy", ARRAY)
    with pytest.raises(InputError) as error:
        read_array(path, spacing=spacing)
    assert str(error.value) == (
        f"Spacing {spacing!r}. Allowed: three numbers above 0 (rows, columns, slices in mm). Give "
        "these."
    )
