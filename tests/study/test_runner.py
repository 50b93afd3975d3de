import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toys import SquareModel, blob, write_pair

from medsam.datasets import FolderDataset, Sample
from medsam.errors import DataError, InputError, ResultsError, UnknownName
from medsam.prompts import PROTOCOLS, Prompt
from medsam.results import rows as results
from medsam.results.rows import COLUMNS
from medsam.results.store import Store
from medsam.study import runner

PAPER, RELEASED = PROTOCOLS["paper"], PROTOCOLS["released"]


def dataset(folder):
    return FolderDataset(folder / "images", folder / "masks", progress=False)


def run(folder, model, out, protocol=PAPER, **options):
    return runner.run(dataset(folder), model, out, protocol, progress=False, **options)


def same(a, b):
    pd.testing.assert_frame_equal(results.read(a), results.read(b))


def sample(mask, **masks):
    image = np.repeat(np.uint8(200 * mask)[..., None], 3, axis=2)
    return Sample("i", "g", image, {"t": mask, **masks})


def answers(model, image):
    embedding = model.embed(image)
    return lambda prompt: model.predict(embedding, prompt.split())


def test_rows_of_one_object_by_hand(square):
    mask = np.zeros((20, 20), bool)
    mask[5:12, 5:12] = True
    case = sample(mask)
    rows = runner.evaluate(case, "t", answers(square, case.image))
    frame = pd.DataFrame(rows).set_index(["experiment", "choice", "k"])
    assert len(rows) == 5 * 2 + 9 * 2
    # The model's most confident answer to a point is a square of 7 x 7 around it: the object.
    assert frame.loc[("mode", "top", 1)].iou == 1
    # To a box: the box and one pixel more on each side, 49 of 81; the oracle takes the box.
    assert frame.loc[("mode", "top", 4)].iou == pytest.approx(49 / 81)
    assert frame.loc[("mode", "oracle", 4)].iou == 1
    assert frame.loc[("mode", "top", 4)].dice == pytest.approx(2 * 49 / (49 + 81))
    assert frame.loc[("mode", "top", 4)].score == pytest.approx(0.9)
    assert frame.loc[("mode", "oracle", 4)].score == pytest.approx(0.5)
    # Nothing is left to click on after the first click.
    assert (frame.loc["clicks"].iou == 1).all()
    assert set(frame.loc["clicks"].prompt) == {'{"points":[[8,8]],"labels":[1]}'}
    assert set(frame.object_px) == {49}
    assert set(frame.n_regions) == {1}


def test_each_prompt_is_predicted_once_and_each_image_embedded_once(folder, square, tmp_path):
    run(folder, square, tmp_path / "r")
    assert square.embedded == 5
    asked = pd.Series(square.asked)
    # Of the 28 rows of a case, no prompt reaches the model twice for one image.
    assert len(asked) < 28 * 8
    frame = results.read(tmp_path / "r")
    one_part = frame[(frame.n_regions == 1) & (frame.experiment == "mode")]
    wide = one_part.pivot(index=["image", "task", "choice"], columns="k", values="prompt")
    assert (wide[1] == wide[2]).all()
    assert (wide[3] == wide[4]).all()
    assert (wide[3] == wide[5]).all()


def test_schema_and_counts(folder, square, tmp_path):
    report = run(folder, square, tmp_path / "r")
    frame = results.read(tmp_path / "r")
    assert tuple(frame.columns) == COLUMNS
    # Five images, two tasks; object 2 is absent from every second image.
    assert report.status == {"ok": 8, "empty": 2, "error": 0}
    assert len(frame) == 8 * 28 + 2
    empty = frame[frame.status == "empty"]
    assert set(empty.image) == {"case1", "case3"}
    assert empty[["experiment", "k", "choice", "iou", "prompt"]].isna().all().all()
    assert empty.reason.str.contains("has no pixel on this image").all()


def test_the_error_of_the_oracle_guides_the_oracle(square):
    """With oracle the error map comes from the oracle's mask."""
    mask = np.zeros((40, 40), bool)
    mask[5:18, 5:18] = True
    case = sample(mask)
    asked = pd.DataFrame(runner.evaluate(case, "t", answers(square, case.image)))
    clicks = asked[asked.experiment == "clicks"].set_index(["choice", "k"])
    assert clicks.loc[("oracle", 1)].iou == 1
    assert clicks.loc[("top", 1)].iou == pytest.approx(49 / 169)
    assert len(Prompt.from_json(clicks.loc[("top", 9)].prompt).points) > 1
    assert len(Prompt.from_json(clicks.loc[("oracle", 9)].prompt).points) == 1


@pytest.mark.parametrize("protocol", [PAPER, RELEASED], ids=lambda p: p.name)
def test_resume_gives_the_same_rows(folder, square, tmp_path, protocol):
    run(folder, square, tmp_path / "whole", protocol, shard=2)

    class Stop(Exception):
        pass

    original, seen = square.embed, []

    def embed(image):
        seen.append(1)
        if len(seen) == 4:
            raise Stop
        return original(image)

    square.embed = embed
    with pytest.raises(Stop):
        run(folder, square, tmp_path / "cut", protocol, shard=2)
    square.embed = original
    # Two images in the first shard; the third was complete and was kept as well.
    assert results.read(tmp_path / "cut").image.nunique() == 3
    before = square.embedded
    report = run(folder, square, tmp_path / "cut", protocol, shard=2)
    assert square.embedded - before == 2
    assert (report.computed, report.resumed) == (4, 6)
    same(tmp_path / "whole", tmp_path / "cut")
    assert run(folder, square, tmp_path / "cut", protocol).computed == 0


def test_rows_do_not_depend_on_which_images_are_there(folder, square, tmp_path):
    run(folder, square, tmp_path / "whole")
    for name in ("images", "masks"):
        (folder / name / "case0.png").unlink()
        (folder / name / "case3.png").unlink()
    run(folder, square, tmp_path / "part")
    whole, part = results.read(tmp_path / "whole"), results.read(tmp_path / "part")
    kept = whole[~whole.image.isin(["case0", "case3"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, part)


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
    assert bad.reason.str.len().min() > 20
    assert set(frame[frame.status == "ok"].image) == {"case3", "case4"}


def test_an_image_that_the_model_refuses_is_a_row(folder, square, tmp_path):
    original = square.embed

    def embed(image):
        if square.embedded == 2:
            square.embedded += 1
            raise DataError("too narrow")
        return original(image)

    square.embed = embed
    report = run(folder, square, tmp_path / "r")
    assert report.reasons == {"case2": "too narrow"}
    assert report.status == {"ok": 6, "empty": 2, "error": 2}


def test_a_mended_case_is_computed_and_takes_the_place_of_its_error(folder, square, tmp_path):
    mask = folder / "masks" / "case1.png"
    kept = mask.read_bytes()
    mask.unlink()
    run(folder, square, tmp_path / "r")
    assert run(folder, square, tmp_path / "r").computed == 0
    mask.write_bytes(kept)
    assert run(folder, square, tmp_path / "r").computed == 2
    run(folder, square, tmp_path / "whole")
    same(tmp_path / "r", tmp_path / "whole")


@pytest.mark.parametrize(
    ("accepts", "asked", "left_out"),
    [
        (
            {"box"},
            {("mode", 3), ("mode", 4), ("mode", 5)},
            ["mode 1 (1 point, largest region)", "mode 2 (1 point per region (≤ 3))", "clicks"],
        ),
        (
            {"points", "mask"},
            {("mode", 1), ("mode", 2), *(("clicks", k) for k in range(1, 10))},
            [
                "mode 3 (1 box, largest region)",
                "mode 4 (1 box per region (≤ 3))",
                "mode 5 (1 box over all)",
            ],
        ),
    ],
)
def test_a_model_is_asked_only_what_it_takes(folder, square, tmp_path, accepts, asked, left_out):
    square.accepts = frozenset(accepts)
    report = run(folder, square, tmp_path / "r")
    rows = results.read(tmp_path / "r").dropna(subset="k")
    assert set(zip(rows.experiment, rows.k, strict=True)) == asked
    assert report.left_out == left_out


@pytest.mark.parametrize(
    ("accepts", "experiments", "says"),
    [
        ({"box"}, ["clicks"], "takes box, which is no prompt of clicks. Allowed: a model that"),
        ({"mask"}, ["mode", "clicks"], "takes mask, which is no prompt of mode and clicks"),
    ],
)
def test_a_model_that_takes_nothing_of_it_fails_before_any_compute(
    folder, square, tmp_path, accepts, experiments, says
):
    square.accepts = frozenset(accepts)
    with pytest.raises(InputError, match=f"Model 'square' {says}"):
        run(folder, square, tmp_path / "r", experiments=experiments)
    assert square.embedded == 0
    assert not (tmp_path / "r").exists()


MANY = [
    PAPER,
    RELEASED,
    PAPER.but(top="first"),
    PAPER.but(click_jitter=0.3, box_jitter=0.3),
    RELEASED.but(distance="exact"),
]


def run_all(folder, model, out, protocols=MANY, **options):
    return runner.run_all(dataset(folder), model, protocols, out, progress=False, **options)


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
    rows = results.read(tmp_path / "all")
    key = ["task", "image", "model", "protocol", "experiment", "k", "choice"]
    assert not rows.duplicated(key).any()
    assert set(rows.protocol) == {p.name for p in MANY}


def test_a_protocol_that_is_added_later_is_all_that_is_computed(folder, square, tmp_path):
    run_all(folder, square, tmp_path / "r", MANY[:2])
    report = run_all(folder, square, tmp_path / "r")
    assert (report.computed, report.resumed) == (30, 20)
    run_all(folder, square, tmp_path / "whole")
    same(tmp_path / "r", tmp_path / "whole")


@pytest.mark.parametrize("shard", [1, 2])
@pytest.mark.parametrize("writes", [0, 1, 4, 7, 11])
def test_several_protocols_cut_between_two_shards(folder, square, tmp_path, shard, writes):
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
            run_all(folder, square, tmp_path / "cut", shard=shard)
    assert len(list((tmp_path / "cut").glob("rows-*"))) == writes
    run_all(folder, square, tmp_path / "cut", shard=shard)
    same(tmp_path / "whole", tmp_path / "cut")


def test_a_bad_case_is_a_row_of_each_protocol(folder, square, tmp_path):
    (folder / "masks" / "case0.png").unlink()
    run_all(folder, square, tmp_path / "r")
    bad = results.read(tmp_path / "r").query("status == 'error'")
    assert len(bad) == 2 * 5
    assert set(bad.image) == {"case0"}


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"protocols": []}, InputError, "Protocols none. Allowed: at least one, each name once"),
        ({"protocols": [PAPER, PAPER]}, InputError, "Protocols paper, paper. Allowed: at least"),
        ({"experiments": ["modes"]}, UnknownName, "experiment 'modes'. Did you mean 'mode'"),
        ({"experiments": []}, InputError, "No experiment. Allowed: at least one of mode, clicks"),
    ],
)
def test_what_cannot_be_run_is_an_error_before_any_compute(
    folder, square, tmp_path, options, error, says
):
    with pytest.raises(error, match=says):
        run_all(folder, square, tmp_path / "r", **options)
    assert square.embedded == 0
    assert not (tmp_path / "r").exists()


def test_experiments_asked_for(folder, square, tmp_path):
    run_all(folder, square, tmp_path / "all")
    for name in ("mode", "clicks"):
        run_all(folder, square, tmp_path / name, experiments=[name])
        rows = results.read(tmp_path / "all")
        wanted = rows[(rows.experiment == name) | rows.experiment.isna()]
        pd.testing.assert_frame_equal(results.read(tmp_path / name), wanted.reset_index(drop=True))
        assert {
            tuple(p["identity"]["experiments"]) for p in results.provenance(tmp_path / name)
        } == {(name,)}
    with pytest.raises(ResultsError, match=r"experiments: there \['mode'\], now \['mode', 'clicks"):
        run_all(folder, square, tmp_path / "mode")


def test_rows_with_and_without_surface_distances_are_not_mixed(folder, square, tmp_path):
    run_all(folder, square, tmp_path / "r", surface=False)
    assert results.read(tmp_path / "r")[["nsd", "hd95"]].isna().all(axis=None)
    with pytest.raises(ResultsError, match="tolerance_mm: there None, now 2.0"):
        run_all(folder, square, tmp_path / "r")


def test_results_of_other_settings_are_not_continued(folder, square, tmp_path):
    def with_settings(**settings):
        data = dataset(folder)
        data.settings = settings
        return data

    for plane in ("axial", "axial"):
        data = with_settings(plane=plane, raters=(1, 2))
        runner.run(data, square, tmp_path / "r", progress=False)
    assert square.embedded == 5
    with pytest.raises(ResultsError, match="data: there .*axial.*, now .*coronal"):
        runner.run(with_settings(plane="coronal"), square, tmp_path / "r", progress=False)


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
