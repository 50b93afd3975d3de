"""What a study comes to before it is run."""

import pytest
from study_toys import own, written
from typer.testing import CliRunner

from medsam.cli import app
from medsam.study.estimate import Probe, counts, seconds
from medsam.study.plan import read
from medsam.study.worker import due


def test_counts_by_hand(tmp_path):
    content = {"models": ["minisam", "lite-medsam", "ritm-h18"], "sources": own(tmp_path)}
    plan = read(written(tmp_path, parts=2, **content))
    # Two folders: every image counts for both objects, also where one is absent.
    assert list(plan.sizes.values()) == [(5, 10)]
    found = counts(plan)
    # All modes and clicks; boxes alone; points alone.
    assert [one.prompts for one in found.values()] == [10 * 23, 10 * 3, 10 * 20]
    # Of the first point, each of three masks as well.
    assert [one.rows for one in found.values()] == [10 * 31, 10 * 6, 10 * 25]
    assert [(one.encoded, one.processes) for one in found.values()] == [(5, 2)] * 3
    left = {kind: len(files) for kind, files in due(plan.out, plan.jobs()).items()}
    assert left == {"evaluate": 6, "merge": 1, "page": 0}


def test_protocols_that_read_images_alike_share_embeddings(tmp_path):
    content = {"models": "minisam", "sources": own(tmp_path)}
    three = ["paper", "paper+top=first", "paper+intensity=max"]
    (one,) = counts(read(written(tmp_path, protocols=three, **content))).values()
    assert (one.encoded, one.objects) == (10, 30)


def test_time_by_hand(tmp_path):
    plan = read(written(tmp_path, models="minisam", sources=own(tmp_path), parts=2))
    probes = {"minisam": Probe(load=2, encode=3, object=5)}
    # Two processes load the model; 5 images are encoded; 10 objects are asked.
    assert seconds(plan, probes, 1) == 2 * 2 + 5 * 3 + 10 * 5
    assert seconds(plan, probes, 2) == 2 + 2.5 * 3 + 5 * 5


@pytest.mark.slow
def test_a_dry_run_tells_times_and_bytes_of_a_probe(tmp_path):
    content = {"sources": own(tmp_path, images=2), "tasks": "one", "embeddings": "always"}
    plan = written(tmp_path, models="minisam", **content)
    done = CliRunner().invoke(app, ["study", "--config", str(plan), "--dry-run", "--cores", "2"])
    assert done.exit_code == 0, done.output
    told = dict(line.rsplit("  ", 1) for line in done.output.splitlines() if "  " in line.strip())
    told = {name.strip(): value.strip() for name, value in told.items()}
    # (1, 256, 64, 64) float32 and what an archive adds, of two images.
    size = int(told["bytes of embeddings"].replace(",", ""))
    assert 2 * 256 * 64 * 64 * 4 < size < 2 * (256 * 64 * 64 * 4 + 1200)
    assert float(told["minisam, seconds: encode"]) > 0
    assert not (tmp_path / "study").exists()
