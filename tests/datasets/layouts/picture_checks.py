"""What is asked of every layout of pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest
from datasets.layouts.picture_trees import Tree, grey, shape, write

from medsam.datasets.catalog import entry
from medsam.datasets.layouts import open_dataset
from medsam.errors import DataError, InputError


def everything_is_found(tree: Tree, root) -> None:
    """Tasks, ids, groups, masks, images, what is left out, and settings."""
    write(root, {**tree.files, "notes.txt": "mine"})
    dataset = open_dataset(tree.key, root)
    cases = list(dataset.cases())
    assert dataset.tasks == tuple(task.key for task in entry(tree.key).tasks)
    assert [case.id for case in cases] == sorted(tree.cases)
    assert len(dataset) == len(tree.cases)
    assert dataset.settings == tree.settings
    for case in cases:
        group, objects = tree.cases[case.id]
        sample = case.load()
        assert (case.group, sample.group, sample.id) == (group, group, case.id)
        assert case.tasks == dataset.tasks
        for task, boxes in objects.items():
            assert (sample.masks[task] == shape(*boxes)).all(), (case.id, task)
        expected = (grey() / grey().max() * 255).astype(np.uint8)[..., None]
        # JPEG is close to what was saved, the other formats keep it.
        far = np.abs(sample.image.astype(int) - expected).max()
        assert far <= (6 if tree.key == "us_ovary" else 0), case.id
    assert dict(dataset.skipped) == {"notes.txt": "not part of the layout", **tree.left_out}


def order_does_not_matter(tree: Tree, root) -> None:
    """Folders written in two orders hold the same cases, digests included."""
    told = []
    for name, order in (("one", sorted(tree.files)), ("two", sorted(tree.files, reverse=True))):
        dataset = open_dataset(tree.key, write(root / name, tree.files, order))
        told.append([(case.id, case.group, case.digest()) for case in dataset.cases()])
    assert told[0] == told[1]


def missing_mask(tree: Tree, root) -> None:
    """One case tells what is missing, the others are as they were."""
    assert tree.missing is not None
    path, broken, text = tree.missing
    write(root, tree.files)
    (root / path).unlink()
    cases = list(open_dataset(tree.key, root).cases())
    assert [case.id for case in cases] == sorted(tree.cases)
    for case in cases:
        if case.id != broken:
            case.load()
            continue
        with pytest.raises(DataError, match="Allowed") as error:
            case.load()
        assert text in str(error.value)
        assert case.digest() != ""


def wrong_folder(tree: Tree, root) -> None:
    """A folder too deep is refused, and the one that is expected is named."""
    folder, text = tree.wrong
    write(root, tree.files)
    with pytest.raises(InputError, match="Allowed: the folder that holds") as error:
        open_dataset(tree.key, root / folder)
    assert text in str(error.value)
    named = re.search(r"Give '(.+?)'\.$", str(error.value))
    assert named is not None
    cases = list(open_dataset(tree.key, named[1]).cases())
    assert {case.id for case in cases} <= tree.cases.keys()
    assert all(case.load() for case in cases)


CHECKS = (everything_is_found, order_does_not_matter, missing_mask, wrong_folder)
