"""Files below a folder: what they are called, whatever the disk or the order of its entries."""

import unicodedata
from pathlib import Path

from medsam.datasets.layouts.tree import Tree, expression

NFD = unicodedata.normalize("NFD", "é")


def files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))
    return root


def found(tree: Tree, *patterns: str, **more) -> list[str]:
    return [name for name, _ in tree.find(patterns, **more)]


def test_find_at_any_depth_and_in_any_case(tmp_path):
    files(tmp_path, "x/imagesTr/A_1.NII.GZ", "imagesTr/A_2.nii.gz", "notimagesTr/A_3.nii.gz", "t")
    tree = Tree(tmp_path)
    assert found(tree, r"imagesTr/(?P<id>a_\d)\.nii\.gz") == ["A_1", "A_2"]
    assert tree.skipped("why") == [("notimagesTr/A_3.nii.gz", "why"), ("t", "why")]
    # Alternatives are alternatives of the whole pattern.
    assert found(tree, r"(?P<id>t)|nothing") == ["t"]
    assert found(tree, r"A_1") == []


def test_patterns_with_placeholders(tmp_path):
    files(tmp_path, "p1/p1_a.png", "p1/p2_a.png", "p2/deep/er/p2_b.png")
    tree = Tree(tmp_path)
    assert list(tree.find([expression("{group}/{group}_{id}.png")])) == [("a", "p1")]
    assert found(tree, expression("{group}/**/{group}_{id}.png", {"id": "[ab]"})) == ["b"]
    assert found(tree, expression("{id}_*.png"), anywhere=False) == []
    tree.exclude(expression("p1/**"))
    assert found(tree, expression("{group}_{id}.png"), name="{group}/{id}") == ["p2/b"]
    assert tree.skipped("why") == []


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
