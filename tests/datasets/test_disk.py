"""A dataset on disk: order and names of its cases, and that one bad file stops nothing else."""

import gzip
import random
import subprocess
import sys

import nibabel
import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets.nifti_files import body, objects, write_pair
from PIL import Image
from toys import SquareModel

from medsam.datasets import Dataset
from medsam.datasets.labels import Labels
from medsam.datasets.layouts import open_dataset
from medsam.datasets.source import Broken, DiskDataset, Picture
from medsam.errors import DataError, InputError, UnknownName
from medsam.study.runner import run

SPLEEN = np.uint8(objects() == 1)


def spleen(folder, *numbers, **more):
    for number in numbers:
        write_pair(folder, f"spleen_{number}", **{"labels": SPLEEN, **more})
    return folder


def opened(root) -> DiskDataset:
    return open_dataset("ct_spleen", root, progress=False)


def broken(name) -> Broken:
    return Broken(name, name, "why")


def made(*sources, tasks=("t",)) -> DiskDataset:
    return DiskDataset("made", "Made", "CT", tasks, sources, progress=False)


def test_cases_do_not_depend_on_the_order_of_files(tmp_path):
    seen, numbers = [], [1, 10, 2, 33]
    for seed in range(3):
        random.Random(seed).shuffle(numbers)
        dataset: Dataset = opened(spleen(tmp_path / str(seed), *numbers))
        seen.append([(case.id, case.tasks, case.digest()) for case in dataset.cases()])
        assert len(dataset) == len(seen[-1]) == 12
    assert seen[0] == seen[1] == seen[2]
    assert [one[0] for one in seen[0]] == sorted(one[0] for one in seen[0])


def test_ids_sort_as_a_whole(tmp_path):
    # "-" sorts before "/": all of a-b before all of a.
    from medsam.datasets.readers.volume import Volume
    from medsam.datasets.source import Channel, LabelVolume, Scan

    def volume(array):
        return lambda: Volume(array, np.eye(4))

    sources = [
        Scan(
            name,
            name,
            (Channel(volume(body()), ()),),
            (LabelVolume(volume(SPLEEN), (), Labels({"t": (1,)})),),
        )
        for name in ("a", "a-b", "A", "a0")
    ]
    ids = [case.id for case in made(*sources).cases()]
    assert ids == sorted(ids)
    assert len(ids) == 12


def test_no_source_and_one_id_twice():
    with pytest.raises(InputError, match="Dataset 'made': no image. Allowed: at least one."):
        made()
    with pytest.raises(InputError, match="1 of 2 ids stand for several images, such as 'b'"):
        made(broken("b"), broken("a"), broken("b"))


def test_only(tmp_path):
    two = made(broken("a"), tasks=("t", "u"))
    assert two.only(["u"]).tasks == ("u",)
    assert next(two.only(["u"]).cases()).tasks == ("u",)
    assert two.tasks == ("t", "u")
    with pytest.raises(UnknownName, match="Unknown task 'v'"):
        two.only(["v"])


def test_scans_without_an_object_are_told(tmp_path):
    spleen(tmp_path, 1, 2)
    spleen(tmp_path, 3, labels=SPLEEN * 0)
    dataset = opened(tmp_path)
    assert len(dataset) == 6
    assert dataset.empty == ("spleen_3",)


def test_bar_for_scans_only(tmp_path, capsys):
    dataset = open_dataset("ct_spleen", spleen(tmp_path, 1, 2, 3))
    assert len(dataset) == 9
    assert "ct_spleen: reading labels" in capsys.readouterr().err
    assert len(list(dataset.cases())) == 9
    assert capsys.readouterr().err == ""


def test_kept_cases_can_still_be_read(tmp_path):
    kept = list(opened(spleen(tmp_path, 1)).cases())
    assert [case.load().id for case in kept] == [f"spleen_1/axial-000{at}" for at in (1, 2, 3)]


def cut(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])


def break_scan(folder, how):
    """spleen_2 made unusable in one way."""
    image, labels = (folder / name / "spleen_2.nii.gz" for name in ("imagesTr", "labelsTr"))
    noise = np.random.default_rng(0).integers(-999, 999, (64, 64, 5)).astype(np.int16)
    if how == "no mask":
        labels.unlink()
    elif how == "no image":
        image.unlink()
    elif how == "another shape":
        spleen(folder, 2, image=body()[:, :-1])
    elif how == "another grid":
        spleen(folder, 2)
        moved = nibabel.load(labels)
        nibabel.save(nibabel.Nifti1Image(SPLEEN, moved.affine + np.eye(4)[:, [3, 3, 3, 0]]), labels)
    elif how == "label outside":
        spleen(folder, 2, labels=objects())
    elif how == "torn header":
        cut(image, 20 / image.stat().st_size)
    elif how == "torn labels":
        spleen(folder, 2, image=noise, labels=np.uint8(noise > 0))
        cut(labels, 0.7)
    elif how == "torn pixels":
        # No object on the first slice: ids come from the labels, the tear shows in the image.
        spleen(folder, 2, image=noise, labels=np.uint8(noise > 0) * np.uint8([0, 1, 1, 1, 1]))
        cut(image, 0.6)
    elif how == "not packed":
        image.write_bytes(gzip.decompress(image.read_bytes()))
    elif how == "not finite":
        spleen(folder, 2, image=np.where(body() > 500, np.inf, 1).astype(np.float32))
    elif how == "several channels":
        spleen(folder, 2)
        nibabel.save(nibabel.Nifti1Image(np.stack([body()] * 2, -1), np.eye(4)), image)
    elif how == "empty file":
        labels.write_bytes(b"")
    elif how == "copies":
        write_pair(folder / "copy", "spleen_2", labels=SPLEEN)


BROKEN = {
    "no mask": "Image 'spleen_2.nii.gz' has no mask. Allowed",
    "no image": "Mask 'spleen_2.nii.gz' has no image. Allowed",
    "another shape": "NIfTI 'spleen_2.nii.gz' has (5, 6, 7) (slices, rows, columns",
    "another grid": "voxels from NIfTI 'spleen_2.nii.gz' by their headers",
    "label outside": "axial slice 2: label values 2. Allowed: 0 for the background and 1.",
    "torn header": "NIfTI 'spleen_2.nii.gz' cannot be read (",
    "torn labels": "its pixels cannot be read (EOFError: Compressed file ended",
    "torn pixels": "EOFError: Compressed file ended before the end",
    "not packed": "is not a gzip file). Allowed: a complete NIfTI file",
    "not finite": "values are NaN or infinite. Allowed: finite values",
    "several channels": "shape (7, 6, 5, 2). Allowed: three dimensions",
    "empty file": "NIfTI 'spleen_2.nii.gz' cannot be read (ImageFileError: Empty file",
    "copies": "2 files of 'spleen_2' for image: ",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_bad_scan_is_rows_with_its_reason(tmp_path, how):
    break_scan(spleen(tmp_path / "in", 1, 2, 3), how)
    dataset = opened(tmp_path / "in")
    good = bad = 0
    for case in dataset.cases():
        if case.id.startswith("spleen_2"):
            bad += 1
            with pytest.raises(DataError) as error:
                case.load()
            assert BROKEN[how] in str(error.value)
            assert "Allowed: " in str(error.value)
        else:
            good += case.load().masks["ct_spleen"].any()
    assert good == 6
    assert bad >= 1
    report = run(dataset, SquareModel(), tmp_path / "out", experiments=["mode"], progress=False)
    assert report.status == {"ok": 6, "empty": 0, "error": bad}
    rows = [r for r in _rows(tmp_path / "out") if r["image"].startswith("spleen_2")]
    assert len(rows) == bad
    assert {(row["status"], row["task"], row["iou"]) for row in rows} == {
        ("error", "ct_spleen", None)
    }
    assert all(BROKEN[how] in row["reason"] for row in rows)


def _rows(out):
    return [
        row for path in sorted(out.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def test_a_bad_picture_is_a_row_with_its_reason(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rule, sources = Labels({"t": (1,)}), []
    for name in "abcdef":
        image, mask = tmp_path / f"{name}.png", tmp_path / f"{name}_mask.png"
        Image.fromarray(rng.integers(1, 255, (20, 30)).astype(np.uint8)).save(image)
        Image.fromarray(np.uint8(255 * (np.arange(600).reshape(20, 30) % 30 < 9))).save(mask)
        sources.append(Picture(name, name, image, ((mask, rule),)))
    cut(tmp_path / "a.png", 0.5)
    (tmp_path / "b_mask.png").unlink()
    Image.fromarray(np.zeros((20, 29), np.uint8)).save(tmp_path / "c_mask.png")
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "d.png")
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "e_mask.png")
    report = run(made(*sources), SquareModel(), tmp_path / "out", progress=False)
    assert report.status == {"ok": 1, "empty": 1, "error": 4}
    assert {name: words.split(".png'")[0] for name, words in report.reasons.items()} == {
        "a": "Image 'a", "b": "Mask 'b_mask", "c": "Mask 'c_mask", "d": "Image 'd",
    }  # fmt: skip


# In a process of its own: what other tests have loaded would be counted as well.
LIGHT = """
import tracemalloc
from pathlib import Path
from medsam.datasets.source import DiskDataset
from medsam.datasets.labels import Labels
from medsam.datasets.source import Picture

rule = Labels({"t": (1,)})
def dataset(count):
    names = ((f"{i}", Path(f"/d/{i}.png"), Path(f"/d/{i}m")) for i in range(count))
    made = (Picture(name, name, image, ((mask, rule),)) for name, image, mask in names)
    return DiskDataset("made", "Made", "CT", ("t",), tuple(made), progress=False)
list(dataset(1).cases()), len(dataset(1))  # loads what loads late
tracemalloc.start()
data = dataset(2000)
before, _ = tracemalloc.get_traced_memory()
assert sum(1 for _ in data.cases()) == len(data) == 2000
after, _ = tracemalloc.get_traced_memory()
print(before, after)
"""


def test_many_pictures_stay_light():
    told = subprocess.check_output([sys.executable, "-c", LIGHT], text=True)
    before, after = map(int, told.split())
    assert before < 2000 * 3000  # bytes a picture
    # No case is kept; Python holds up to 2000 freed tuples of one (48 bytes) for use again.
    assert after - before < 2000 * 48 + 20_000
