"""A process of a study: what is done is not done again, and many may share a folder."""

import os
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from study_toys import own, written
from toys import SquareModel

from medsam.errors import ResultsError
from medsam.models.registry import models
from medsam.pages import notebooks
from medsam.protocol import Protocol
from medsam.results import rows
from medsam.study.plan import Page, read
from medsam.study.runner import run
from medsam.study.worker import due, work


class Loads(SquareModel):
    """Counts how often it is loaded; an embedding can be kept."""

    count = 0

    def __init__(self):
        super().__init__()
        Loads.count += 1

    def embed(self, image):
        found = super().embed(image)
        return type(found)(np.float32(found.features), found.image_size)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Write study.json of a plan with the transparent model, and stand in its folder."""
    from medsam import models as package

    entry = models()["minisam"]
    monkeypatch.setattr("medsam.models.registry.models", lambda: {"square": entry})
    monkeypatch.setattr("medsam.models.registry.MODELS", {"square": entry})
    monkeypatch.setattr(package, "load", lambda _, **__: Loads())
    monkeypatch.setattr(Loads, "count", 0)
    source = own(tmp_path)

    def start(**changes):
        content = {"models": "square", "sources": source, "parts": 2, "out": "out"} | changes
        jobs = notebooks.jobs(read(written(tmp_path, **content)))
        out = tmp_path / content["out"]
        out.mkdir(exist_ok=True)
        (out / "study.json").write_text(jobs.model_dump_json())
        monkeypatch.chdir(out)
        return jobs

    return start


def do(kind, names):
    for name in names:
        work(kind, name)


def test_rows_are_the_same_with_and_without_kept_embeddings(study, tmp_path):
    found = []
    for way in ("never", "always"):
        # More parts than images are no fault.
        jobs = study(embeddings=way, out=way, parts=6)
        do("evaluate", jobs.evaluate)
        work("merge", "")
        found.append(rows.read("results"))
    pd.testing.assert_frame_equal(*found)
    # Object 2 is on three of five images; where it is not, a row of each experiment says so.
    assert len(found[0]) == (5 + 3) * (2 * (5 + 9) + 3) + 2 * 3
    assert len(list(Path("embeddings").glob("*.npz"))) == 5
    # And they are those of one run.
    plan = read(tmp_path / "study.yaml")
    protocol = Protocol.get(plan.protocols[0])
    run(plan.datasets[plan.sources[0]], Loads(), tmp_path / "one", protocol, progress=False)
    pd.testing.assert_frame_equal(found[0], rows.read(tmp_path / "one"))


def test_a_batch_loads_its_model_once_and_goes_on_where_it_was_cut_off(study, capsys):
    jobs = study(parts_each=4)
    do("evaluate", jobs.evaluate)
    assert (len(jobs.evaluate), Loads.count) == (1, 1)
    before = {p: p.stat().st_mtime_ns for p in Path("parts").rglob("rows-*")}
    (done,) = jobs.done()["evaluate"].values()
    assert {Path(name) for name in done.read_text().splitlines()} == set(before)
    gone = Path(jobs.shards[1].folder, "rows-000000.parquet")
    gone.unlink()
    assert due(Path(), jobs)["evaluate"] == [done]
    capsys.readouterr()
    do("evaluate", jobs.evaluate)
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("0 cases computed, 6 found complete")
    after = {p: p.stat().st_mtime_ns for p in Path("parts").rglob("rows-*")}
    assert after.keys() == before.keys()
    assert {path for path in after if after[path] != before[path]} == {gone}


def test_a_shard_that_cannot_be_written_does_not_stop_the_others(study, capsys):
    jobs = study(parts_each=4)
    torn, other = (Path(shard.folder) for shard in jobs.shards)
    torn.mkdir(parents=True)
    (torn / "rows-000000.parquet").write_bytes(b"torn")
    with pytest.raises(ResultsError, match=r"File .*rows-000000\.parquet cannot be read"):
        do("evaluate", jobs.evaluate)
    assert len(rows.shards(other)) == 1
    assert not Path("done").exists()
    assert str(torn) in capsys.readouterr().err


@pytest.mark.slow
def test_a_page_runs_on_rows_of_its_own(study, tmp_path):
    jobs = study()
    do("evaluate", jobs.evaluate)
    work("merge", "")
    code = "from pathlib import Path\nfound = sorted(Path(results).rglob('rows-*'))\n"
    cells = ["results = ''\nevery = 1", f"{code}found[0].unlink()\nprint(len(found), every)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.cells[0].metadata.tags = ["parameters"]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata.kernelspec = kernel
    nbformat.write(notebook, tmp_path / "n.ipynb")
    given = {"parameters": {"every": 3}, "folders": {"results": "results"}}
    page = Page(notebook=tmp_path / "n.ipynb", title="n", folder="pages/n", **given)
    jobs = jobs.model_copy(update={"pages": {"data-own/n-1": page}})
    Path("study.json").write_text(jobs.model_dump_json())
    before = {path: path.read_bytes() for path in rows.shards(Path("results"))}
    work("page", "data-own/n-1", other={"page": notebooks.execute})
    executed = nbformat.read("executed/data-own/n-1.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == f"{len(before)} 3\n"
    # What it does to its rows it does to no others.
    assert {path: path.read_bytes() for path in rows.shards(Path("results"))} == before
    assert len(rows.shards(Path("pages/n/results"))) == len(before) - 1


@pytest.mark.parametrize(
    ("visible", "wanted", "free", "beside"),
    [("", 1, "0", "1"), ("4,7", 1, "4", "7"), ("", 2, "0,1", "1")],
)
def test_each_process_takes_gpus_of_its_own(study, monkeypatch, visible, wanted, free, beside):
    study(gpus=wanted)
    seen = []

    def look(*_):
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
        return []

    def start():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        work("merge", "", gpus=2, other={"merge": look})

    start()
    with FileLock(".gpu-0.lock"), FileLock(".gpu-4.lock"):
        start()
    start()
    assert seen == [free, beside, free]
