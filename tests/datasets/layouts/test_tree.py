"""Files below a folder: what they are called, whatever the disk or the order of its entries."""

import os
import random
import unicodedata
from pathlib import Path

import pytest

from medsam.datasets.layouts.pairs import grouped
from medsam.datasets.layouts.tree import Tree, expression
from medsam.errors import InputError

NFD = unicodedata.normalize("NFD", "é")


def files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))
    return root


def found(tree: Tree, pattern: str) -> list[str]:
    return [one.parts["id"] for one in tree.match(pattern)]


def test_sorted_whatever_the_disk_says(tmp_path, monkeypatch):
    files(tmp_path, "b/2.png", "b/10.png", "a/x.png", "B/1.png", "a.png")
    seen, scandir = set(), os.scandir
    for seed in range(5):

        def shuffled(folder, seed=seed):
            entries = list(scandir(folder))
            random.Random(seed).shuffle(entries)
            return entries

        monkeypatch.setattr(os, "scandir", shuffled)
        seen.add(tuple(Tree(tmp_path).paths))
    assert seen == {("B/1.png", "a.png", "a/x.png", "b/10.png", "b/2.png")}


def test_match_at_any_depth_and_in_any_case(tmp_path):
    files(tmp_path, "x/imagesTr/A_1.NII.GZ", "imagesTr/A_2.nii.gz", "notimagesTr/A_3.nii.gz", "t")
    tree = Tree(tmp_path)
    assert found(tree, r"imagesTr/(?P<id>a_\d)\.nii\.gz") == ["A_2", "A_1"]
    assert tree.skipped("why") == [("notimagesTr/A_3.nii.gz", "why"), ("t", "why")]
    # Alternatives are alternatives of the whole pattern.
    assert found(tree, r"(?P<id>t)|nothing") == ["t"]
    assert list(tree.match(r"A_1")) == []


def test_patterns_with_placeholders(tmp_path):
    files(tmp_path, "p1/p1_a.png", "p1/p2_a.png", "p2/deep/er/p2_b.png")
    tree = Tree(tmp_path)
    assert found(tree, expression("{group}/{group}_{id}.png")) == ["a"]
    assert found(tree, expression("{group}/**/{group}_{id}.png", {"id": "[ab]"})) == ["b"]
    assert tree.match(expression("{id}_*.png"), anywhere=False) == []
    tree.exclude(expression("p1/**"))
    assert found(tree, expression("{group}_{id}.png")) == ["b"]
    assert tree.skipped("why") == []


def test_blanks_brackets_and_long_names(tmp_path):
    long = "x" * 240
    files(tmp_path, "benign (1).PNG", f"{long}.png", "a [b].png", "a+b.png", "a'b\".png")
    assert found(Tree(tmp_path), r"(?P<id>[^/]+)\.png") == [
        "a [b]", "a'b\"", "a+b", "benign (1)", long,
    ]  # fmt: skip


def test_junk_is_passed_over(tmp_path):
    files(
        tmp_path, ".DS_Store", "._a.nii.gz", "__MACOSX/._a.nii.gz", "__MACOSX/a.nii.gz",
        "x/Thumbs.db", ".git/a.nii.gz", "desktop.ini", "x/a.nii.gz",
    )  # fmt: skip
    assert list(Tree(tmp_path).paths) == ["x/a.nii.gz"]


def test_composed_and_decomposed(tmp_path):
    files(tmp_path, f"images/{NFD}.png", "masks/é.png")
    tree = Tree(tmp_path)
    assert list(tree.paths) == ["images/é.png", "masks/é.png"]
    assert tree.paths["images/é.png"].read_bytes() == f"images/{NFD}.png".encode()


def test_two_spellings_of_one_name_are_one_name_twice(tmp_path):
    files(tmp_path, f"{NFD}.png", "é.png")
    tree = Tree(tmp_path)
    ((key, paths),) = grouped(tree.match(r"(?P<id>[^/]+)\.png"), "id").items()
    assert key == ("é",)
    assert {path.name for path in paths} == {f"{NFD}.png", "é.png"}


def test_names_that_are_not_utf8(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    files(tmp_path, name)
    tree = Tree(tmp_path)
    (key,) = found(tree, r"(?P<id>[^/]+)\.png")
    assert key == "caf\\xe9"
    key.encode()
    assert next(iter(tree.paths.values())).exists()


def test_links(tmp_path):
    files(tmp_path / "elsewhere", "imagesTr/a.nii")
    root = files(tmp_path / "root", "labelsTr/a.nii")
    (root / "imagesTr").symlink_to(tmp_path / "elsewhere" / "imagesTr")
    (root / "labelsTr" / "loop").symlink_to(root)
    (root / "labelsTr" / "self").symlink_to(root / "labelsTr")
    (root / "gone.nii").symlink_to(tmp_path / "nowhere")
    assert list(Tree(root).paths) == ["gone.nii", "imagesTr/a.nii", "labelsTr/a.nii"]
    (tmp_path / "link").symlink_to(root)
    assert list(Tree(tmp_path / "link").paths) == list(Tree(root).paths)


def test_two_links_to_each_other_end(tmp_path):
    files(tmp_path, "a/1", "b/2")
    (tmp_path / "a" / "b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "a").symlink_to(tmp_path / "a")
    assert list(Tree(tmp_path).paths) == ["a/1", "a/b/2", "b/2", "b/a/1"]


def test_a_link_is_no_copy_but_a_copy_is(tmp_path):
    files(tmp_path, "x/imagesTr/a.nii")
    (tmp_path / "y").symlink_to(tmp_path / "x")
    pattern = r"imagesTr/(?P<id>\w+)\.nii"
    assert grouped(Tree(tmp_path).match(pattern), "id") == {
        ("a",): [tmp_path / "x" / "imagesTr" / "a.nii"]
    }
    files(tmp_path, "z/imagesTr/a.nii")
    assert len(grouped(Tree(tmp_path).match(pattern), "id")["a",]) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such thing here")
def test_what_is_no_file_is_not_opened(tmp_path):
    files(tmp_path, "a.png")
    os.mkfifo(tmp_path / "b.png")
    assert list(Tree(tmp_path).paths) == ["a.png"]


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    files(tmp_path, "open/a.png", "shut/b.png")
    scandir = os.scandir

    def refuse(folder):
        if Path(folder).name == "shut":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    tree = Tree(tmp_path)
    assert (list(tree.paths), tree.closed) == (["open/a.png"], ["shut"])
    (tmp_path / "open" / "a.png").unlink()
    with pytest.raises(InputError, match=r"\(may not be listed: 'shut'\)"):
        Tree(tmp_path)


def test_above(tmp_path):
    root = files(tmp_path, "Task09_Spleen/imagesTr/spleen_1.nii.gz") / "Task09_Spleen"
    pattern = r"imagesTr/(?P<id>spleen_\d+)\.nii\.gz"
    assert Tree(root / "imagesTr").above(pattern) == root
    assert Tree(root / "imagesTr").above(r"nothing") is None


def test_refused(tmp_path):
    with pytest.raises(InputError, match="no' does not exist. Allowed: the folder that holds"):
        Tree(tmp_path / "no")
    with pytest.raises(InputError, match="is a file. Allowed: the folder that holds"):
        Tree(files(tmp_path, "a") / "a")
    (tmp_path / "empty" / ".DS_Store").mkdir(parents=True)
    with pytest.raises(InputError, match=r"No file below .*empty'. Allowed: the folder"):
        Tree(tmp_path / "empty")
