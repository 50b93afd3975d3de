"""The check of one's own data: two folders, or a YAML file."""

import pytest
from toys import blob, write_pair
from typer.testing import CliRunner

from medsam.datasets import FolderDataset
from medsam.datasets.check import check
from medsam.datasets.commands import app


@pytest.fixture
def own(folder):
    """Five pairs of which objects 1 and 2 are on 5 and 3, one more image, and a text file."""
    write_pair(folder, "alone", blob(1))
    (folder / "masks" / "alone.png").unlink()
    (folder / "images" / "notes.txt").write_text("x")
    return folder


def test_two_folders(own):
    found = check(FolderDataset(own / "images", own / "masks", progress=False), progress=False)
    assert found.masks == {"object-1": 5, "object-2": 3}
    assert (found.cases, found.images, found.groups, found.empty) == (6, 5, 5, 0)
    ((name, reason),) = found.problems
    assert name == "alone"
    assert "Image 'alone.png' has no mask in 'masks'" in reason
    assert found.skipped[0][0] == "images/notes.txt"
    assert found.published is None
    assert found.comparison == "5 images with a mask."


def run(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments), "-q"], env={"COLUMNS": "120"})


def test_command_on_two_folders(own):
    out = run("--images", own / "images", "--masks", own / "masks")
    assert out.exit_code == 1
    words = " ".join(out.stdout.split())
    assert "object-2 3" in words
    assert "Cannot be used (1): alone: Image 'alone.png' has no mask" in words
    assert "Left out (1): images/notes.txt: not one of" in words
    assert "Kept in" not in words


def test_command_on_a_yaml_file(own):
    (own / "masks" / "case0.png").rename(own / "masks" / "alone.png")
    file = own / "own.yaml"
    file.write_text("key: mine\ntitle: Mine\nimages: images\nmasks: masks\n"
                    "labels: {first: 1, second: 2}\n")  # fmt: skip
    report = own / "report.json"
    out = run(file, "--report", report)
    words = " ".join(out.stdout.split())
    assert words.startswith("Mine (")
    assert "first 5 second 3" in words.replace("─", "")
    assert f"Kept in {report}" in words.replace("\n", "")
    assert report.is_file()


def test_nothing_named():
    out = CliRunner().invoke(app, ["check"])
    assert "Give one of the three." in str(out.exception)
