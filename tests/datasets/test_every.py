import pytest

from medsam.datasets import FolderDataset
from medsam.datasets.subsets import Every
from medsam.errors import InputError


def data(folder):
    return FolderDataset(folder / "images", folder / "masks", progress=False)


def test_one_of_every_n_images(folder):
    whole = [case.id for case in data(folder).cases()]
    for n in range(1, 7):
        part = Every(data(folder), n)
        assert [case.id for case in part.cases()] == whole[::n]
        assert len(part) == len(whole[::n])
        assert part.settings["every"] == n
    assert Every(data(folder), 1).title == data(folder).title
    assert Every(data(folder), 3).title.endswith(", 1 of 3 images")
    with pytest.raises(InputError, match="One of every 0 images. Allowed: a whole number from 1"):
        Every(data(folder), 0)
