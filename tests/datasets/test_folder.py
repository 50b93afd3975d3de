"""Two folders of equal stems: what is read, what is refused, and with which words."""

import random
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from medsam.datasets import Dataset, FolderDataset
from medsam.datasets.readers import pictures
from medsam.errors import DataError, InputError

GREY = np.array([[0, 1, 2], [3, 4, 5]], np.uint8)
MASK = np.array([[0, 1, 1], [0, 2, 0]], np.uint8)


@pytest.fixture
def folders(tmp_path):
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    return tmp_path / "images", tmp_path / "masks"


def write(path: Path, array, **kwargs) -> Path:
    if path.suffix.startswith(".tif"):
        tifffile.imwrite(path, np.asarray(array), **kwargs)
    else:
        picture = array if isinstance(array, Image.Image) else Image.fromarray(np.asarray(array))
        picture.save(path, **kwargs)
    return path


def pair(folders, stem="a", image=GREY, mask=MASK, image_suffix=".png", mask_suffix=".png"):
    write(folders[0] / f"{stem}{image_suffix}", image)
    write(folders[1] / f"{stem}{mask_suffix}", mask)


def only(folders):
    (case,) = FolderDataset(*folders).cases()
    return case


def failure(folders, stem="a") -> str:
    """The words of the one case that cannot be used."""
    cases = {case.id: case for case in FolderDataset(*folders).cases()}
    with pytest.raises(DataError) as error:
        cases[stem].load()
    return str(error.value)


def test_a_pair_by_hand(folders):
    pair(folders)
    dataset: Dataset = FolderDataset(*folders, modality="CT")
    assert (dataset.tasks, len(dataset), dataset.modality) == (("object-1", "object-2"), 1, "CT")
    assert dataset.key == folders[0].parent.name
    sample = only(folders).load()
    assert (sample.id, sample.group, sample.spacing) == ("a", "a", None)
    assert sample.image[..., 0].tolist() == [[0, 51, 102], [153, 204, 255]]
    assert sample.masks["object-1"].tolist() == [[False, True, True], [False, False, False]]
    assert sample.masks["object-2"].tolist() == [[False] * 3, [False, True, False]]


def test_absent_object_is_an_empty_mask(folders):
    pair(folders, "a", mask=MASK)
    pair(folders, "b", mask=np.full((2, 3), 255, np.uint8))
    cases = list(FolderDataset(*folders).cases())
    assert [case.tasks for case in cases] == [("object-1", "object-2")] * 2
    masks = cases[1].load().masks
    assert masks["object-1"].all()
    assert not masks["object-2"].any()


def test_masks_without_any_object(folders):
    pair(folders, mask=np.zeros((2, 3), np.uint8))
    assert only(folders).tasks == ("object-1",)
    assert not only(folders).load().masks["object-1"].any()


def palette(indices):
    picture = Image.fromarray(np.asarray(indices, np.uint8), "P")
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10] + [7] * 759)
    return picture


@pytest.mark.parametrize(
    ("mask", "suffix"),
    [
        (MASK, ".png"),
        (palette(MASK), ".png"),
        (MASK, ".bmp"),
        (MASK, ".TIF"),
        (MASK.astype(np.uint16), ".png"),
        (MASK.astype(">u2"), ".tiff"),
        (MASK.astype(np.float32), ".tiff"),
        (np.stack([MASK] * 3, 2), ".png"),
        (np.dstack([MASK, MASK, MASK, MASK * 0 + 255]), ".png"),
        (Image.merge("LA", [Image.fromarray(MASK), Image.fromarray(GREY)]), ".png"),
    ],
    ids=["grey", "palette", "bmp", "tif", "png16", "tiff-be", "float", "rgb", "rgba", "la"],
)
def test_the_same_labels_from_every_kind_of_mask(folders, mask, suffix):
    write(folders[0] / "a.png", GREY)
    path = folders[1] / f"a{suffix}"
    tifffile.imwrite(path, mask) if "tif" in suffix.lower() else write(path, mask)
    masks = only(folders).load().masks
    assert {task: int(mask.sum()) for task, mask in masks.items()} == {"object-1": 2, "object-2": 1}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_one_bit_masks_are_1(folders, suffix):
    pair(folders, mask=MASK > 0, mask_suffix=suffix)
    assert only(folders).load().masks["object-1"].tolist() == (MASK > 0).tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_tiff(folders, dtype):
    top = np.iinfo(dtype).max
    for folder in folders:
        write(folder / "a.tif", MASK.astype(dtype), photometric="miniswhite")
    sample = only(folders).load()
    # The image is turned round (a stored 0 is white), labels are the stored numbers.
    assert sample.image[0, 0, 0] == 255
    assert sample.image[1, 1, 0] == int((top - 2) / top * 255)
    assert sample.masks["object-2"].sum() == 1


def test_white_is_zero_fax(folders):
    write(folders[0] / "a.png", GREY)
    Image.fromarray(MASK > 0).save(folders[1] / "a.tif", compression="group4", tiffinfo={262: 0})
    with tifffile.TiffFile(folders[1] / "a.tif") as tif:
        stored = (MASK > 0) ^ (tif.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE)
    assert only(folders).load().masks["object-1"].tolist() == stored.tolist()


def test_16_bit_is_kept(folders):
    deep = np.array([[0, 1000, 2000], [3000, 4000, 65535]], np.uint16)
    expected = (deep / 65535 * 255).astype(np.uint8).tolist()
    for suffix in (".png", ".tif"):
        pair(folders, image=deep, image_suffix=suffix)
        assert only(folders).load().image[..., 1].tolist() == expected
        (folders[0] / f"a{suffix}").unlink()


def test_16_bit_colour_png_is_kept(folders):
    import cv2

    pair(folders)
    deep = np.zeros((2, 3, 3), np.uint16)
    deep[0, 0] = 300, 600, 900  # 8 bit would give 1, 2, 3
    cv2.imwrite(str(folders[0] / "a.png"), deep[..., ::-1])
    assert only(folders).load().image[0, 0].tolist() == [85, 170, 255]


@pytest.mark.parametrize(
    ("picture", "suffix", "first"),
    [
        (palette(MASK + 1), ".png", [200, 10, 10]),
        (Image.merge("LA", [Image.fromarray(GREY + 9), Image.fromarray(GREY)]), ".png", [9] * 3),
        (Image.new("CMYK", (3, 2), (0, 255, 255, 0)), ".tif", [255, 0, 0]),
        (Image.new("RGBA", (3, 2), (2, 4, 8, 255)), ".png", [2, 4, 8]),
    ],
    ids=["palette", "la", "cmyk", "rgba"],
)
def test_images_of_other_kinds(folders, picture, suffix, first):
    write(folders[1] / "a.png", MASK)
    picture.save(folders[0] / f"a{suffix}")
    image = pictures.read_image(folders[0] / f"a{suffix}")
    assert np.broadcast_to(image[0, 0], (4 if image.shape[-1] == 4 else 3,))[:3].tolist() == first
    assert only(folders).load().image.shape == (2, 3, 3)


MANY = np.arange(33 * 2, dtype=np.uint8).reshape(2, 33)


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        (
            np.array([[1, 255, 0]] * 2, np.uint8),
            "Mask 'a.tif': values 1 and 255 together. Allowed: either, since 255 means 1. "
            "Renumber the labels 1..n",
        ),
        (
            MANY,
            "Mask 'a.tif': 65 distinct values other than 0, from 1 to 65: this looks like "
            "compression noise. Allowed: at most 32. Threshold the mask and save it as PNG.",
        ),
        (
            np.dstack([MASK, MASK, MASK * 0]),
            "Mask 'a.tif': a colour image whose channels differ. Allowed: one channel, or three "
            "equal ones.",
        ),
        (MASK / 2, "fractional values from 0 to 1. Allowed: whole numbers. Threshold it"),
        (np.where(MASK, np.nan, 1.0), "Mask 'a.tif': 3 of 6 values are NaN or infinite."),
        (-MASK.astype(np.int16), "values from -2 to 0. Allowed: 0 for the background and 1..n."),
        (
            MASK[:, :2],
            "Mask 'a.tif' has shape (2, 2), image 'a.png' has (2, 3). Allowed: equal height and "
            "width. Resample the mask to the image's grid (nearest neighbour).",
        ),
        (np.stack([MASK[:, :2]] * 2), "Mask 'a.tif': 2 pages. Allowed: one 2D picture a file."),
    ],
    ids=["1and255", "noise", "colour", "half", "nan", "negative", "shape", "pages"],
)
def test_masks_that_are_refused(folders, mask, text):
    write(folders[0] / "a.png", GREY)
    colour = mask.shape[2:] == (3,)
    write(folders[1] / "a.tif", mask, photometric="rgb" if colour else "minisblack")
    assert text in failure(folders)


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (np.zeros((2, 3), np.uint8), "Image 'a.tif': all 6 values are 0."),
        (np.full((2, 3), np.nan), "Image 'a.tif': 6 of 6 values are NaN or infinite."),
        (-1.5 * GREY, "Image 'a.tif': values from -7.5 to 0, some below 0."),
        (np.ones((3, 4, 5), np.uint8), "Image 'a.tif': 3 pages. Allowed: one 2D picture a file."),
        (np.ones((2, 3), complex), "Image 'a.tif': shape (2, 3), type complex128."),
    ],
    ids=["black", "nan", "negative", "pages", "complex"],
)
def test_images_that_are_refused(folders, image, text):
    write(folders[0] / "a.tif", image, photometric="minisblack")
    write(folders[1] / "a.png", MASK)
    assert text in failure(folders)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg"])
@pytest.mark.parametrize("keep", [0, 9, 300])
def test_torn_files(folders, suffix, keep):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    write(folders[1] / "a.png", MASK)
    path = write(folders[0] / f"a{suffix}", noise)
    path.write_bytes(path.read_bytes()[:keep])
    message = failure(folders)
    assert f"Image 'a{suffix}' cannot be read (" in message
    assert "Copy or export it again." in message


def test_without_counterpart(folders):
    pair(folders, "a")
    write(folders[0] / "b.png", GREY)
    write(folders[1] / "c.png", MASK)
    assert len(FolderDataset(*folders)) == 3
    assert failure(folders, "b").startswith("Image 'b.png' has no mask.")
    assert failure(folders, "c").startswith("Mask 'c.png' has no image.")


def test_a_file_that_vanished(folders):
    pair(folders)
    case = only(folders)
    (folders[0] / "a.png").unlink()
    with pytest.raises(DataError, match="FileNotFoundError"):
        case.load()
    assert case.digest()


def test_one_stem_twice(folders):
    pair(folders)
    write(folders[0] / "a.tif", GREY)
    assert failure(folders).startswith("2 files of 'a' for image: ")


def test_a_bad_mask_stops_nothing(folders):
    pair(folders, "a")
    pair(folders, "b", mask=np.dstack([MASK, MASK, MASK * 0]))
    good, bad = FolderDataset(*folders).cases()
    assert good.tasks == bad.tasks == ("object-1", "object-2")
    good.load()


def test_other_files(folders):
    pair(folders)
    for name in (".DS_Store", "._a.png", "Thumbs.db", "notes.txt", "scan.dcm"):
        (folders[0] / name).write_bytes(b"x")
    (folders[1] / "more").mkdir()
    (folders[1] / "more" / "b.png").write_bytes(b"x")
    dataset = FolderDataset(*folders)
    assert len(dataset) == 1
    assert [name for name, _ in dataset.skipped] == [
        "images/notes.txt", "images/scan.dcm", "masks/more",
    ]  # fmt: skip
    assert dataset.skipped[0][1].startswith("not one of .bmp, ")


def test_digest_follows_the_bytes(folders):
    pair(folders)
    before = only(folders).digest()
    assert before == only(folders).digest()
    assert len(before) == 64
    write(folders[1] / "a.png", np.flip(MASK))
    assert only(folders).digest() != before


def test_ids_do_not_depend_on_order_or_file_system(tmp_path):
    stems = ["z", "B", "a10", "a9", unicodedata.normalize("NFD", "é")]
    seen = []
    for run in range(3):
        random.Random(run).shuffle(stems)
        folders = tmp_path / f"{run}i", tmp_path / f"{run}m"
        for folder in folders:
            folder.mkdir()
        for stem in stems:
            pair(folders, stem, mask=MASK * (1 + len(stem)))
        dataset = FolderDataset(*folders, key="k")
        seen.append((dataset.tasks, [(case.id, case.digest()) for case in dataset.cases()]))
    assert seen[0] == seen[1] == seen[2]
    assert [case_id for case_id, _ in seen[0][1]] == ["B", "a10", "a9", "z", "\u00e9"]


def test_composed_and_decomposed_names_pair(folders):
    write(folders[0] / f"{unicodedata.normalize('NFC', 'é')}.png", GREY)
    write(folders[1] / f"{unicodedata.normalize('NFD', 'é')}.png", MASK)
    assert only(folders).load().id == "\u00e9"


@pytest.mark.parametrize("which", [0, 1])
def test_folder_errors(folders, which):
    pair(folders)

    def words(path):
        given = list(folders)
        given[which] = path
        with pytest.raises(InputError) as error:
            FolderDataset(*given)
        assert not isinstance(error.value, DataError)
        return str(error.value)

    assert "does not exist. Allowed: the folder that holds the data" in words(folders[0] / "no")
    assert "is a file. Allowed: the folder that holds the data" in words(folders[0] / "a.png")
    (empty := folders[0].parent / "empty").mkdir()
    assert "No file below" in words(empty)
    (empty / "a.dcm").write_bytes(b"")
    assert "No image among the 1 files of" in words(empty)
    assert "are the same folder" in words(folders[1 - which])


def test_no_stem_in_common(folders):
    for name in "abc":
        write(folders[0] / f"{name}.png", GREY)
        write(folders[1] / f"{name}_mask.png", MASK)
    with pytest.raises(InputError, match=r"Got images 'a.png', 'b.png', …, masks 'a_mask.png', "):
        FolderDataset(*folders)


# Real files: public test images that lie beside a checkout of the developers; elsewhere skipped.
DATA = Path(__file__).parents[2].parent / "shared" / "data"


def real(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.is_dir():
        pytest.skip("the real test images are not here")
    return path


def test_prostate_mri(folders):
    source = real("prostate_mri", "datasets", "MRI-Prostate")
    for path in source.glob("images/**/*.png"):
        shutil.copy(path, folders[0])
    dataset = FolderDataset(folders[0], source / "masks")
    assert len(dataset) == 10
    # Two zones of the gland, stored as 254 and 255.
    assert dataset.tasks == ("object-1", "object-254")
    for case in dataset.cases():
        assert case.load().any_object.mean() > 0.01


def test_kidney_masks_saved_as_jpeg_are_errors():
    source = next(real("kidney_tumor_ct").glob("**/mini_test"))
    dataset = FolderDataset(source / "images", source / "masks")
    assert dataset.tasks == ("object-1",)
    for case in dataset.cases():
        with pytest.raises(DataError, match="looks like compression noise|channels differ"):
            case.load()
