"""NIfTI files: the same slices however they are stored, packed or scaled; what is refused."""

import contextlib
import gzip
import threading
from pathlib import Path

import nibabel
import numpy as np
import pytest
from datasets.nifti_files import ORIENTATIONS, affine, body, stored, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medsam.datasets.readers import nifti
from medsam.datasets.readers import volume as turned
from medsam.datasets.readers.nifti import open_nifti
from medsam.datasets.readers.volume import PLANES, Turned, Volume
from medsam.errors import DataError

same_folder = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
DTYPES = ["u1", "<i2", ">i2", "<u2", "<i4", ">f4", "<f8"]


def slices(volume: Volume, plane) -> np.ndarray:
    return np.stack([volume.slice(plane, at) for at in range(volume.count(plane))])


@same_folder
@given(
    st.sampled_from(ORIENTATIONS),
    st.sampled_from(PLANES),
    st.sampled_from(DTYPES),
    st.sampled_from([".nii", ".nii.gz", ".NII.GZ"]),
)
def test_as_in_memory(tmp_path, way, plane, dtype, suffix):
    array, grid = stored(body() % 256, affine(), way)
    path = write(tmp_path / "a.nii.gz", array.astype(dtype), grid)
    raw = gzip.decompress(path.read_bytes())
    path = tmp_path / f"b{suffix}"
    path.write_bytes(raw if suffix == ".nii" else gzip.compress(raw))
    volume, wanted = open_nifti(path), Volume(array, grid)
    assert volume.spacing(plane) == pytest.approx(wanted.spacing(plane), rel=1e-6)
    found = slices(volume, plane)
    assert (found == slices(wanted, plane)).all()
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    # Back and forth, and another plane between.
    assert (volume.slice("stored", 0) == wanted.slice("stored", 0)).all()
    assert (volume.slice(plane, 1) == wanted.slice(plane, 1)).all()
    volume.close()


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<f4"])
@pytest.mark.parametrize(("slope", "inter"), [(2.5, -1024.0), (1.0, 0.0), (0.001, 0.0)])
def test_scale_as_nibabel_does(tmp_path, plane, dtype, slope, inter):
    path = write(tmp_path / "a.nii", body().astype(dtype), slope=slope, inter=inter)
    whole = Volume(np.asarray(nibabel.load(path).dataobj), affine())
    found = slices(open_nifti(path), plane)
    assert found.dtype == slices(whole, plane).dtype
    assert (found == slices(whole, plane)).all()


def test_scale_by_hand(tmp_path):
    path = write(tmp_path / "a.nii.gz", np.full((2, 2, 2), 3, "u1"), slope=2, inter=-10)
    assert (open_nifti(path).slice("axial", 0) == -4).all()


def test_one_image_of_several(tmp_path):
    several = np.stack([body(), body()[::-1], 2 * body()], axis=-1)
    path = write(tmp_path / "a.nii.gz", several)
    for plane in PLANES:
        for channel in range(3):
            wanted = Volume(several[..., channel], affine())
            volume = open_nifti(path, channel=channel)
            assert volume.shape == (7, 6, 5)
            assert (slices(volume, plane) == slices(wanted, plane)).all()
    for asked in (None, 3, -1):
        with pytest.raises(DataError) as error:
            open_nifti(path, channel=asked)
        assert str(error.value) == (
            f"NIfTI 'a.nii.gz': 3 images in one file, asked for number {asked}. Allowed: one of 0 "
            "to 2. Name one (channel), or save it as a file of its own."
        )


def test_axes_of_length_one(tmp_path):
    assert open_nifti(write(tmp_path / "a.nii", body()[..., None])).shape == (7, 6, 5)
    assert open_nifti(write(tmp_path / "b.nii", body()[..., None, None])).shape == (7, 6, 5)
    flat = open_nifti(write(tmp_path / "c.nii", body()[:, :, :1]))
    assert flat.count("axial") == 1
    with pytest.raises(DataError, match="Save each image as a file of its own"):
        open_nifti(write(tmp_path / "d.nii", np.stack([body()] * 2, -1)[..., None, :]))
    with pytest.raises(DataError, match=r"shape \(7, 6\). Allowed: three dimensions"):
        open_nifti(write(tmp_path / "e.nii", body()[..., 0]))


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("meter", 1000), ("micron", 0.001)])
def test_units_become_mm(tmp_path, unit, factor):
    image = nibabel.Nifti1Image(body(), affine())
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    row, column = open_nifti(tmp_path / "a.nii").spacing("axial")
    assert (row, column) == pytest.approx((0.75 * factor, 0.5 * factor))


def test_without_sform_or_qform(tmp_path):
    image = nibabel.Nifti1Image(body(), None)
    image.header.set_zooms((0.5, 0.75, 3))
    image.header["sform_code"] = image.header["qform_code"] = 0
    nibabel.save(image, tmp_path / "a.nii")
    volume = open_nifti(tmp_path / "a.nii")
    assert volume.spacing("coronal") == (3.0, 0.5)
    # By the standard's oldest rule the first axis then runs to the left.
    assert (volume.slice("axial", 2) == body()[:, ::-1, 2].T).all()


def test_nifti_2(tmp_path):
    nibabel.save(nibabel.Nifti2Image(body(), affine()), tmp_path / "a.nii.gz")
    assert (slices(open_nifti(tmp_path / "a.nii.gz"), "axial") > 0).all()


@pytest.mark.parametrize("plane", ["axial", "sagittal"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.97])
def test_torn(tmp_path, suffix, keep, plane):
    path = write(tmp_path / f"a{suffix}", np.random.default_rng(0).integers(0, 999, (40, 40, 9)))
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    # A file cut in its header does not open; one cut in its pixels does, up to where they end.
    with pytest.raises(DataError, match=f"NIfTI 'a{suffix}'.*Allowed: .*"):
        slices(open_nifti(path), plane)
    if keep == 0.97:
        assert open_nifti(path).count(plane) in (9, 40)
    if keep == 0.97 and plane == "axial" and suffix == ".nii":  # packed, neighbours go with it
        assert open_nifti(path).slice(plane, 0).shape == (40, 40)


def test_wrong_ending(tmp_path):
    path = write(tmp_path / "a.nii.gz", body())
    path.rename(tmp_path / "a.nii")
    with pytest.raises(DataError) as error:
        open_nifti(tmp_path / "a.nii")
    assert str(error.value) == (
        "NIfTI 'a.nii': it is gzip inside. Allowed: .nii.gz for a packed file, .nii for a plain "
        "one. Rename it to end in .nii.gz."
    )
    write(tmp_path / "b.nii", body()).rename(tmp_path / "b.nii.gz")
    with pytest.raises(DataError, match=r"not gzip inside.*Rename it to end in \.nii\."):
        open_nifti(tmp_path / "b.nii.gz")


def test_no_nifti(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"x" * 2000)
    with pytest.raises(DataError, match=r"NIfTI 'a.nii' cannot be read .*complete NIfTI-1"):
        open_nifti(tmp_path / "a.nii")
    nibabel.save(nibabel.MGHImage(body().astype("f4"), affine()), tmp_path / "b.mgz")
    (tmp_path / "b.mgz").rename(tmp_path / "b.nii.gz")
    with pytest.raises(DataError, match=r"NIfTI 'b.nii.gz' cannot be read"):
        open_nifti(tmp_path / "b.nii.gz")
    with pytest.raises(DataError, match=r"'c.nii' does not exist. Allowed: a file. Check"):
        open_nifti(tmp_path / "c.nii")
    (tmp_path / "d.nii").symlink_to(tmp_path / "nowhere.nii")
    with pytest.raises(DataError, match=r"does not exist \(a link to a file that is not there\)"):
        open_nifti(tmp_path / "d.nii")
    (tmp_path / "e.nii").mkdir()
    with pytest.raises(DataError, match=r"'e.nii' cannot be read \(Is a directory\)"):
        open_nifti(tmp_path / "e.nii")


def test_no_permission(tmp_path, monkeypatch):
    path = write(tmp_path / "a.nii", body())

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(DataError, match=r"'a.nii': no permission to read it. Allowed: a readable"):
        open_nifti(path)


def test_colours_in_one_voxel_are_refused_by_the_intensity(tmp_path):
    from medsam.datasets.intensity import Intensity

    colours = np.zeros((3, 3, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colours, affine()), tmp_path / "a.nii")
    plane = open_nifti(tmp_path / "a.nii").slice("axial", 0)
    for name in ("max", "window", "percentile"):
        with pytest.raises(DataError, match=r"values of type \[\('R'.*Convert it to real numbers"):
            Intensity(name).grey(plane)


def open_files() -> list[str]:
    out = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own, closed by now
            out.append(str(link.readlink()))
    return out


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nothing_is_left_open(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(turned, "_IN_MEMORY", 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = write(tmp_path / f"a{suffix}", body())
    for plane in PLANES:
        volume = open_nifti(path)
        volume.slice(plane, 0)
        assert any(str(tmp_path) in name for name in open_files())
        volume.close()
        volume.close()
        assert not any(str(tmp_path) in name for name in open_files())
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_several_threads(tmp_path):
    path = write(tmp_path / "a.nii.gz", body())
    found = {}

    def read(plane):
        volume = open_nifti(path)
        found[plane] = slices(volume, plane)
        volume.close()

    threads = [threading.Thread(target=read, args=(plane,)) for plane in PLANES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for plane in PLANES:
        assert (found[plane] == slices(Volume(body(), affine()), plane)).all()


@pytest.mark.parametrize("block", [1, 100, 1 << 20])
@pytest.mark.parametrize("memory", [1, 1 << 20])
@pytest.mark.parametrize("cut", [0, 1, 2])
def test_turned_in_blocks(monkeypatch, block, memory, cut):
    monkeypatch.setattr(turned, "_BLOCK", block)
    monkeypatch.setattr(turned, "_IN_MEMORY", memory)
    array, asked = body(), []

    def read(index):
        asked.append(index[2])
        return array[index]

    copy = Turned(read, array.shape, array.dtype, cut)
    for at in range(array.shape[cut]):
        assert (copy.slice(at) == array.take(at, cut)).all()
    # Each voxel was read once.
    assert [one.start for one in asked[1:]] == [one.stop for one in asked[:-1]]
    assert (asked[0].start, asked[-1].stop) == (0, 5)
    assert len(asked) == {1: 5, 100: 5}.get(block, 1)
    copy.close()


def test_a_packed_file_is_unpacked_once_forward_and_twice_back(tmp_path, monkeypatch):
    monkeypatch.setattr(nifti, "_BLOCK", 1)
    path, read = write(tmp_path / "a.nii.gz", body()), []
    monkeypatch.setattr(
        nifti._Pixels,
        "_raw",
        lambda self, at, raw=nifti._Pixels._raw: read.append(1) or raw(self, at),
    )
    slices(open_nifti(path), "axial")
    assert len(read) == 5
    read.clear()
    volume = open_nifti(path)
    backward = [volume.slice("axial", at) for at in (4, 3, 2, 1, 0, 4, 2)]
    assert len(read) == 1 + 1  # the first that was asked for, and all in one block
    for at, picture in zip((4, 3, 2, 1, 0, 4, 2), backward, strict=True):
        assert (picture == Volume(body(), affine()).slice("axial", at)).all()


def test_what_cannot_be_turned_is_tried_once(tmp_path, monkeypatch):
    path, tries = write(tmp_path / "a.nii", body()), []
    path.write_bytes(path.read_bytes()[:-9])
    monkeypatch.setattr(nifti, "Turned", lambda *args: tries.append(1) or Turned(*args))
    volume = open_nifti(path)
    for at in range(3):
        with pytest.raises(DataError, match=f"coronal slice {at} cannot be read"):
            volume.slice("coronal", at)
    assert len(tries) == 1
    assert volume.slice("axial", 3).shape == (6, 7)


def test_no_room(monkeypatch, tmp_path):
    class Full:
        def __init__(self, *_args, **_kwargs):
            self.closed = False

        def seek(self, at):
            pass

        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            self.closed = True

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", Full)
    volume = open_nifti(write(tmp_path / "a.nii", body()))
    with pytest.raises(DataError, match=r"No room for 0 MiB in the temporary folder .* set TMPDIR"):
        volume.slice("sagittal", 0)
    assert volume.slice("axial", 0).shape == (6, 7)
