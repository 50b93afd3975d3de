"""One task of a dataset: its cases, and its rows."""

import pytest

from medsam.datasets import FolderDataset
from medsam.datasets.sample import Case
from medsam.datasets.subsets import Every, OneTask
from medsam.errors import UnknownName


@pytest.fixture
def dataset(folder):
    return FolderDataset(folder / "images", folder / "masks")


class Even:
    """A dataset whose second task counts every second image."""

    key, title, modality, tasks, settings = "even", "Even", "CT", ("all", "even"), {"plane": "x"}

    def cases(self):
        for i in range(5):
            yield Case(f"case{i}", "g", self.tasks[: 2 - i % 2], lambda: None, str)

    def __len__(self):
        return 5


def test_its_cases_and_no_other():
    second = OneTask(Even(), "even")
    assert [case.id for case in second.cases()] == ["case0", "case2", "case4"]
    assert len(second) == 3
    assert {case.tasks for case in second.cases()} == {("even",)}
    assert (second.key, second.modality, second.settings) == ("even", "CT", {"plane": "x"})


def test_one_of_so_many_images_comes_first():
    # Cases 0 and 3 of the dataset; not 0 and 6 of the task's own.
    assert [case.id for case in OneTask(Every(Even(), 3), "even").cases()] == ["case0"]


def test_an_image_is_that_of_the_whole(dataset):
    (one, *_), (other, *_) = OneTask(dataset, "object-1").cases(), dataset.cases()
    assert one.digest() == other.digest()
    assert (one.load().any_object == other.load().any_object).all()


def test_no_such_task(dataset):
    with pytest.raises(UnknownName, match=r"Unknown task 'object-3'.* Allowed: object-1, object-2"):
        OneTask(dataset, "object-3")
