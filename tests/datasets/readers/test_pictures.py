"""Pictures in the kinds of files that tools write: what a person sees, or a refusal."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from medsam.datasets.readers.pictures import orientation, read_image, read_mask, turned
from medsam.errors import DataError

DISC = np.hypot(*(np.mgrid[:16, :16] - 6)) < 4
FULL = DISC * np.uint8(255)
LABELS = np.where(DISC, 1, 0).astype(np.uint8)
LABELS[12:, 12:] = 2


def png(path, samples, bits):
    """A PNG of grey samples of few bits, as optimisers write it."""
    fields = samples.reshape(len(samples), -1, 8 // bits).astype(np.uint8)
    shifts = bits * np.arange(8 // bits)[::-1]
    rows = (fields << shifts.astype(np.uint8)).sum(axis=2, dtype=np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind, data):
        ends = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + ends

    head = struct.pack(">IIBBBBB", *samples.shape[::-1], bits, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    return path


def save(path, array, mode=None, palette=None, **more):
    picture = Image.fromarray(np.asarray(array), mode)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(path, **more)
    return path


def stack(*planes):
    return np.stack([np.broadcast_to(np.uint8(plane), DISC.shape) for plane in planes], -1)


@pytest.mark.parametrize(
    "array",
    [
        stack(0, 0, 0, FULL),  # in alpha alone
        stack(255, 255, 255, FULL),
        stack(0, FULL),
        stack(FULL, FULL, FULL, FULL),  # the background transparent
        stack(FULL, FULL),
        stack(FULL, FULL, FULL, 255),
        stack(FULL, FULL, FULL, np.where(DISC, 128, 0)),
        stack(np.where(DISC, 255, 90), *[np.where(DISC, 255, 90)] * 2, FULL),  # a hidden colour
    ],
)
def test_alpha(tmp_path, array):
    assert (read_mask(save(tmp_path / "a.png", array)) == FULL).all()


def test_alpha_that_says_nothing(tmp_path):
    black_drawn = stack(*[np.where(DISC, 0, 255)] * 3, FULL)
    for array in (black_drawn, stack(FULL, FULL, FULL, 0)):
        with pytest.raises(DataError, match="transparent and black parts.*Allowed: labels in"):
            read_mask(save(tmp_path / "a.png", array))
    with pytest.raises(DataError, match="picture in its alpha channel. Allowed"):
        read_image(save(tmp_path / "a.png", stack(0, 0, 0, FULL)))


WHITE_FIRST = [255, 255, 255, 0, 0, 0]


@pytest.mark.parametrize(
    ("indices", "palette", "wanted"),
    [
        (~DISC, WHITE_FIRST, FULL),
        (np.ones_like(DISC), WHITE_FIRST, 0 * FULL),
        (np.zeros_like(DISC), WHITE_FIRST, 0 * FULL + 255),
        (LABELS, [0, 0, 0, 128, 0, 0, 0, 128, 0], LABELS),  # as VOC colours its classes
        (LABELS, [0, 0, 0, 90, 90, 90, 255, 255, 255], LABELS),
    ],
)
def test_palettes(tmp_path, indices, palette, wanted):
    indices = np.asarray(indices, np.uint8)
    for name in ("a.png", "a.bmp"):
        assert (read_mask(save(tmp_path / name, indices, "P", palette)) == wanted).all()
    colours = np.zeros((3, 256), np.uint16)
    colours[:, : len(palette) // 3] = np.reshape(palette, (-1, 3)).T * 257
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colours)
    assert (read_mask(tmp_path / "a.tif") == wanted).all()


def test_a_palette_that_says_nothing(tmp_path):
    for indices in (~DISC, 0 * DISC):
        path = save(tmp_path / "a.png", np.uint8(indices), "P", [255, 0, 0, 0, 0, 0])
        with pytest.raises(DataError, match=r"0 is \(255, 0, 0\), and black a label or nowhere"):
            read_mask(path)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits(tmp_path, bits):
    labels = LABELS if bits > 1 else np.uint8(DISC)
    path = png(tmp_path / "a.png", labels, bits)
    assert (read_mask(path) == labels).all()
    shown = labels * (255 // (2**bits - 1))
    image = read_image(path)
    assert (np.where(image, 255, 0) == shown).all() if bits == 1 else (image == shown).all()
    white = save(tmp_path / "b.png", np.uint8(~DISC), "P", WHITE_FIRST, bits=bits)
    assert (read_mask(white) == FULL).all()


def tiff(path, array, bits, photometric=1, tag=1):
    """A TIFF of packed samples."""
    fields = (array[..., None] >> np.arange(bits)[::-1]) & 1
    data = np.packbits(fields.astype(np.uint8).reshape(len(array), -1), axis=1).tobytes()
    rows, columns = array.shape
    tags = [(256, columns), (257, rows), (258, bits), (259, 1), (262, photometric), (273, 8)]
    tags += [(274, tag), (277, 1), (278, rows), (279, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    end = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + end)
    return path


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("white_first", [False, True])
def test_bits_of_tiff(tmp_path, bits, white_first):
    most = 2**bits - 1
    path = tiff(tmp_path / "a.tif", DISC * most, bits, 0 if white_first else 1)
    if bits in (2, 4, 12) and white_first:
        with pytest.raises(DataError, match="a packed TIFF that|cannot be read"):
            read_mask(path)
        return
    mask = read_mask(path)
    assert (mask == mask.max() * (DISC ^ white_first)).all()
    image = read_image(path)
    assert (image == image.max() * (DISC ^ white_first)).all()
    if 1 < bits < 12:
        assert (read_mask(tiff(tmp_path / "b.tif", LABELS.astype(int), bits)) == LABELS).all()


def test_a_smaller_copy_is_no_second_picture(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(FULL)
        file.write(FULL[::2, ::2], subfiletype=1)
    assert (read_mask(tmp_path / "a.tif") == FULL).all()


@pytest.mark.parametrize("tag", range(1, 9))
def test_orientation(tmp_path, tag):
    grid = np.arange(6, dtype=np.uint8).reshape(2, 3)
    exif = Image.Exif()
    exif[274] = tag
    for name in ("a.png", "a.tif"):
        path = save(tmp_path / name, grid * 40, exif=exif)
        assert orientation(path) == tag
        assert (read_image(path) == grid * 40).all()
    with Image.open(tmp_path / "a.png") as picture:
        wanted = np.asarray(ImageOps.exif_transpose(picture))
    assert (turned(read_image(tmp_path / "a.png"), tag) == wanted).all()
    if tag > 1:
        packed = tiff(tmp_path / "b.tif", LABELS.astype(int), 4, tag=tag)  # read by Pillow
        with pytest.raises(DataError, match="Allowed: such a TIFF without compression"):
            read_mask(packed)


def test_16_bit_colour(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 3, 3), 300, np.uint16))
    with pytest.raises(DataError, match="several channels of 16 bits. Allowed: 8 bits a channel"):
        read_image(tmp_path / "a.png")


def test_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"'a.png' is too large. Allowed: 200 pixels"):
        read_image(save(tmp_path / "a.png", FULL))


def test_noise_of_jpeg(tmp_path):
    path = save(tmp_path / "a.jpg", FULL, quality=30)
    for any_colour in (True, False):
        with pytest.raises(DataError, match="compression noise. Allowed: at most 1."):
            read_mask(path, any_colour=any_colour)
