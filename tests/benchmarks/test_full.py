"""The full study on paper, by hand."""

from dataclasses import replace

import pytest

from benchmarks.report.full import GPUS, Study, makespan, tasks
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


def test_makespan_does_not_depend_on_the_order_and_keeps_its_bound():
    jobs = [13, 1, 8, 8, 5, 3, 2, 21]
    found = makespan(jobs, 3)
    assert makespan(jobs[::-1], 3) == found
    best = max(21, sum(jobs) / 3)
    assert best <= found <= best * 4 / 3


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


def test_parts_for_balance():
    study = Study(COST)
    assert study.balanced(1) == 1
    parts = study.balanced(64)
    assert parts > 1
    assert replace(study, parts=parts).balance(64) <= 1.05 < replace(study, parts=1).balance(64)
    # Nothing balances more workers than there are cases.
    assert study.balanced(10**6) is None


def test_a_gpu_changes_what_runs_on_it_and_no_more():
    cpu = Stages(start=1, load=2, open=3, read=4, encode=5, simulate=6, decode=7, metrics=8)
    for gpu in GPUS:
        assert gpu.stages(cpu) == replace(cpu, encode=gpu.encode, decode=gpu.decode, load=gpu.load)
        assert gpu.source
