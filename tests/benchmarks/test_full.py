"""The full study on paper, by hand."""

import pytest

from benchmarks.report.full import Study, makespan, tasks
from benchmarks.report.stages import Stages

# One second a case, whatever it is; a merge of a tenth.
COST = Stages(start=50, load=30, open=20, encode=1, merge=0.1)


@pytest.mark.parametrize(
    ("jobs", "workers", "seconds"),
    [
        ([5, 4, 3, 3, 3], 2, 10),  # 5+3 and 4+3+3; the best order takes 9
        ([7], 64, 7),
        ([2, 2, 2, 2], 4, 2),
        ([1, 2, 3], 1, 6),
        ([], 3, 0),
    ],
)
def test_makespan(jobs, workers, seconds):
    assert makespan(jobs, workers) == seconds


def test_shards_hold_every_case_once():
    cases = tasks().images.sum()
    whole, cut = Study(COST), Study(COST, parts=3)
    assert len(whole.shards()) == 28
    assert sum(whole.shards()) == pytest.approx(cases + 28 * 100)
    assert len(cut.shards()) == 84
    assert sum(cut.shards()) == pytest.approx(cases + 84 * 100)
    assert sum(Study(COST, parts=3, resident=True).shards()) == pytest.approx(cases)
    assert sum(Study(COST, models=4).shards()) == pytest.approx(4 * (cases + 28 * 100))
    # More parts than the smallest task has images: none is empty.
    assert len(Study(COST, parts=256).shards()) == sum(min(256, n) for n in tasks().images)


def test_hours_by_hand():
    table = Study(COST).table([1, 10**6]).set_index("workers")
    cases, largest = tasks().images.sum(), tasks().images.max()
    merge = 0.1 * cases
    assert table.hours[1] * 3600 == pytest.approx(cases + 2800 + merge)
    # However many there are, the largest task is waited for, and the merge.
    assert table.hours[10**6] * 3600 == pytest.approx(largest + 100 + merge)
    assert table.merging[10**6] == pytest.approx(merge / (largest + 100 + merge))
    assert table.balance[1] == 1
    assert table.once[1] == pytest.approx(2800 / (cases + 2800))
    resident = Study(COST, resident=True).table([4])
    assert resident.once[0] == pytest.approx(400 / (cases + 400))
