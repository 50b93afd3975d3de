"""Whole processes that are killed: nothing is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import faults

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the CPU time of another process")
def test_kills_lose_no_row_and_cost_no_more_than_a_shard(tmp_path):
    script = [sys.executable, str(ROOT / "benchmarks" / "faults.py"), "--out", str(tmp_path)]
    few = ["--kills", "4", "--steps", "1", "--merges", "2", "--every", "24", "--shard", "1"]
    # It stops where rows are not those of an undisturbed run.
    ran = subprocess.run(
        [*script, *few, "--embeddings"], capture_output=True, text=True, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = faults.kills(tmp_path)
    run, merge = (found[found.command == name] for name in ("run", "merge"))
    assert (len(run), len(merge)) == (4 + len(faults.STEPS), 2)
    assert set(run.lost) <= {0, 1}
    assert set(run.aim) == {"moment", *faults.STEPS}
    # What was renamed is kept; what was not is not, however much of it was written.
    aimed = run[run.aim != "moment"].set_index("aim")
    assert aimed.kept.to_dict() == {step: int(step == "after rename") for step in faults.STEPS}
    assert set(aimed.phase) == {"writing"}
    assert faults.provenance(tmp_path)["images"] == 2
