"""What the page of object sizes says in words, from tables worked by hand."""

import pytest
from size_toys import objects

from medsam.analysis import sizes
from medsam.pages import sizes as size_report


def test_sentences_tell_what_was_computed():
    found = objects(7)
    told, ranks = size_report.sentences(found), sizes.spread(found)
    between = sizes.between(sizes.means(found)).set_index("k")
    assert f"Mean sizes of 7 tasks run from {ranks['mean'].min():.2%}" in told["spread"]
    r = f"{between.r[2]:+.2f}".replace("-", "−")
    assert f"size, over 7 tasks, is {r} (" in told["between"]
    within = sizes.within(found)
    positive = (within[within.k == 2].rho > 0).sum()
    assert f"above 0 in {positive} of 7 tasks. In mode 4" in told["within"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (objects(3, per=2), ("over 3 tasks, is –; Spearman", "is – on average, and above")),
        (objects(7).assign(dataset="d", group="one"), ("; Spearman's +", "average, and above")),
    ],
)
def test_too_few_tasks_and_one_volume(found, words):
    told = size_report.sentences(found)
    assert words[0] in told["between"]
    assert words[1] in told["within"]
    assert "p =" not in told["between"] + told["within"]
    assert "nan" not in " ".join(told.values()) + size_report.table(found).html
