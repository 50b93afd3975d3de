import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toys import SquareModel, blob, write_pair

from medsam.datasets import open_folders
from medsam.datasets.subsets import Subset
from medsam.errors import MedsamError, ResultsError
from medsam.prompts import PROTOCOLS
from medsam.protocol import noise, variants
from medsam.results import rows as results
from medsam.results.check import check
from medsam.results.rows import COLUMNS
from medsam.results.store import Store
from medsam.study import runner

PAPER, RELEASED = PROTOCOLS["paper"], PROTOCOLS["released"]


def dataset(folder):
    return open_folders(folder / "images", folder / "masks", progress=False)


def run(folder, model, out, protocol=PAPER, **options):
    return runner.run(dataset(folder), model, out, protocol, progress=False, **options)


def same(a, b):
    pd.testing.assert_frame_equal(results.read(a, masks=True), results.read(b, masks=True))


def test_schema_and_counts(folder, square, tmp_path):
    report = run(folder, square, tmp_path / "r")
    frame = results.read(tmp_path / "r", masks=True)
    assert tuple(frame.columns) == COLUMNS
    # Five images, two tasks; object 2 is absent from every second image.
    assert report.status == {"ok": 8, "empty": 2, "error": 0}
    assert len(frame) == 8 * (28 + 3) + 2 * 3
    empty = frame[frame.status == "empty"]
    assert set(empty.image) == {"case1", "case3"}
    assert empty[["mask", "k", "choice", "iou", "prompt"]].isna().all().all()
    assert empty.reason.str.contains("has no pixel on this image").all()


def test_new_images_are_added_but_not_before_a_stream(folder, square, tmp_path):
    run(folder, square, tmp_path / "paper", PAPER)
    run(folder, square, tmp_path / "released", RELEASED)
    write_pair(folder, "case00", blob(7))
    assert run(folder, square, tmp_path / "paper", PAPER).computed == 2
    with pytest.raises(ResultsError, match="draws from one stream over the images in order"):
        run(folder, square, tmp_path / "released", RELEASED)


def test_bad_cases_are_rows_and_the_others_run(folder, square, tmp_path):
    (folder / "masks" / "case0.png").unlink()
    write_pair(folder, "case1", blob(1), image=np.zeros((40, 50), np.uint8))
    (folder / "images" / "case2.png").write_bytes(b"\x89PNG torn")
    report = run(folder, square, tmp_path / "r")
    frame = results.read(tmp_path / "r")
    bad = frame[frame.status == "error"]
    assert set(bad.image) == {"case0", "case1", "case2"} == set(report.reasons)
    assert bad.groupby("image").task.nunique().eq(2).all()
    assert set(frame[frame.status == "ok"].image) == {"case3", "case4"}


@pytest.mark.parametrize(
    ("accepts", "asked", "left_out"),
    [
        ("box", {"mode": {3, 4, 5}}, 4),
        ("points", {"mode": {1, 2}, "clicks": {*range(1, 10)}, "ambiguity": {1, 2, 3}}, 3),
    ],
)
def test_a_model_is_asked_only_what_it_takes(folder, square, tmp_path, accepts, asked, left_out):
    square.accepts = frozenset({accepts})
    report = run(folder, square, tmp_path / "r")
    rows = results.read(tmp_path / "r").dropna(subset="k")
    assert rows.groupby("experiment").k.unique().map(set).to_dict() == asked
    assert len(report.left_out) == left_out


MANY = [
    PAPER,
    RELEASED,
    PAPER.but(top="first"),
    PAPER.but(click_jitter=0.3, box_jitter=0.3),
    RELEASED.but(distance="exact"),
]


def run_all(folder, model, out, protocols=MANY, **options):
    return runner.run(dataset(folder), model, out, *protocols, progress=False, **options)


def test_several_protocols_at_once_give_the_rows_of_each_alone(folder, tmp_path):
    together, alone = SquareModel(), SquareModel()
    report = run_all(folder, together, tmp_path / "all")
    assert together.embedded == 5
    for protocol in MANY:
        run(folder, alone, tmp_path / "each", protocol)
    same(tmp_path / "all", tmp_path / "each")
    assert report.status == {"ok": 8 * 5, "empty": 2 * 5, "error": 0}
    assert report.computed == 50
    assert len(together.asked) < 0.6 * len(alone.asked)


@pytest.mark.parametrize(
    ("shard", "writes", "batch"), [(1, 0, 1), (1, 7, 1), (2, 1, 1), (2, 4, 1), (1, 7, 3), (2, 2, 3)]
)
def test_several_protocols_cut_between_two_shards(folder, square, tmp_path, shard, writes, batch):
    """Some protocols have an image that others lack, as a kill between two writes leaves it."""
    run_all(folder, square, tmp_path / "whole")
    original, done = Store.write, []

    def write(self, *args):
        if len(done) == writes:
            raise ResultsError("killed here")
        done.append(1)
        return original(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "write", write)
        with pytest.raises(ResultsError, match="killed here"):
            run_all(folder, square, tmp_path / "cut", shard=shard, batch=batch)
    assert len(list((tmp_path / "cut").glob("rows-*"))) == writes
    run_all(folder, square, tmp_path / "cut", shard=shard)
    same(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"protocols": [PAPER, PAPER]}, "Protocols paper, paper. Allowed: at least"),
        ({"experiments": ["modes"]}, "experiment 'modes'. Did you mean 'mode'"),
        ({"workers": 3}, "3 images at a time with 'square', which takes one"),
        ({"experiments": ["clicks"]}, "takes box, which is no prompt of clicks. Allowed: a model"),
    ],
)
def test_what_cannot_be_run_is_an_error_before_any_compute(folder, square, tmp_path, options, says):
    square.accepts, square.concurrent = frozenset({"box"}), False
    with pytest.raises(MedsamError, match=says):
        run_all(folder, square, tmp_path / "r", **options)
    assert square.embedded == 0
    assert not (tmp_path / "r").exists()


def test_a_trial_grows_into_the_full_run(folder, square, tmp_path):
    """Some images and one experiment first: later runs compute only what is missing."""
    run_all(folder, square, tmp_path / "whole")
    few = Subset(dataset(folder), every=2)
    trial = SquareModel()
    runner.run(few, trial, tmp_path / "r", *MANY[2:4], experiments=["mode"], progress=False)
    assert set(results.read(tmp_path / "r").experiment) == {"mode"}
    run_all(folder, trial, tmp_path / "r", MANY[2:4], experiments=["mode", "clicks"])
    run_all(folder, trial, tmp_path / "r", MANY)
    same(tmp_path / "whole", tmp_path / "r")
    before = len(trial.asked)
    report = run_all(folder, trial, tmp_path / "r", MANY)
    assert (report.computed, len(trial.asked)) == (0, before)
    assert check(tmp_path / "r").wrong == []


def test_images_of_a_block_are_encoded_and_prompted_together(folder, square, tmp_path):
    """One that cannot be read, and one without an object, are in the blocks of the others."""
    (folder / "images" / "case2.png").write_bytes(b"\x89PNG torn")
    write_pair(folder, "case5", np.zeros((40, 50), np.uint8), np.full((40, 50), 9, np.uint8))
    run_all(folder, square, tmp_path / "one")
    blocks, encode = [], square.embed_many
    square.embed_many = lambda images: blocks.append(len(images)) or encode(images)
    calls, many = [], square.predict_many
    square.predict_many = lambda *given: calls.append(len({*map(id, given[0])})) or many(*given)
    together = [one for one in MANY if one.random != "stream"]
    run_all(folder, square, tmp_path / "blocks", together, workers=2, batch=3)
    assert sum(blocks) == 4
    assert max(blocks) > 1
    assert max(calls) > 1
    run_all(folder, square, tmp_path / "blocks", workers=2, batch=3)
    same(tmp_path / "one", tmp_path / "blocks")


def test_variants_and_noise_are_rows_of_further_protocols(folder, square, tmp_path):
    run(folder, square, tmp_path / "r", experiments=["variants", "noise"], levels=(0, 0.1))
    rows = results.read(tmp_path / "r").dropna(subset="k")
    names = {one.name for one in (*variants("paper"), *noise(PAPER, (0, 0.1)))}
    assert set(rows.protocol) == names
    of = rows.groupby("protocol").experiment.unique().map(set)
    assert of["paper"] == of["released"] == {"mode", "clicks"}
    assert of["paper+click_jitter=0.1+box_jitter=0.1"] == {"mode"}


@pytest.mark.slow
def test_kill_nine(folder, tmp_path):
    """A process that is killed without warning at a chosen write, then the same run again."""
    code = f"""
import os, signal, sys
sys.path[:0] = {[str(p) for p in Path(__file__).parents[:2]]!r}
import test_runner as t
original, done = t.Store.write, []
def write(self, *args):
    if len(done) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(1)
    return original(self, *args)
t.Store.write = write
t.run_all(t.Path({str(folder)!r}), t.SquareModel(), t.Path({str(tmp_path / "cut")!r}), shard=1)
"""
    process = subprocess.run([sys.executable, "-c", code], check=False)
    assert process.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "cut").glob("rows-*"))) == 8
    report = run_all(folder, SquareModel(), tmp_path / "cut", shard=1)
    assert (report.computed, report.resumed) == (2 * (25 - 8), 2 * 8)
    run_all(folder, SquareModel(), tmp_path / "whole")
    same(tmp_path / "cut", tmp_path / "whole")
