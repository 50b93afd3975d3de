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


def test_equal_copies_and_links_count_once(tmp_path):
    files(tmp_path, "x/imagesTr/a.nii")
    (tmp_path / "y").symlink_to(tmp_path / "x")
    files(tmp_path, "z/imagesTr/a.nii")
    first, copy = (tmp_path / name / "imagesTr" / "a.nii" for name in "xz")

    def group():
        tree = Tree(tmp_path)
        groups = tree.find([r"imagesTr/(?P<id>\w+)\.nii"])
        return groups["a", ""], tree.skipped("why")

    assert group() == ([first, copy], [])  # what lies in them differs
    copy.write_bytes(first.read_bytes())
    reason = "a copy of 'x/imagesTr/a.nii', equal to the byte"
    assert group() == ([first], [("z/imagesTr/a.nii", reason)])
