"""What the page of object sizes says in words, from tables worked by hand."""

import pytest
from size_toys import objects

from medsam.analysis import sizes
from medsam.pages import sizes as size_report


def plain(html):
    return html._repr_html_()


def test_sentences_tell_what_was_computed():
    found = objects(7)
    told, numbers = size_report.sentences(found), sizes.findings(found)
    assert f"Mean sizes of 7 tasks run from {numbers['smallest']:.2%}" in told["spread"]
    assert f"({numbers['largest-task']})" in told["spread"]
    r = f"{numbers['2-r']:+.2f}".replace("-", "−")
    assert "In mode 2 the mean IoU of 7 tasks rises with size: " in told["between"]
    assert f"correlation with the logarithm of the size is {r} (" in told["between"]
    assert "In mode 4 the mean IoU of 7 tasks shows no clear relation to size" in told["between"]
    assert f"above 0 in {numbers['2-within-positive']} of 7 tasks" in told["within"]
    assert told["lift"].startswith("In mode 2 the median object has ")


def test_a_falling_relation_is_called_so():
    found = objects(7)
    upside = found.assign(iou=1 - found.iou)
    assert "tasks falls with size" in size_report.sentences(upside)["between"]


@pytest.mark.parametrize(("n", "verb"), [(1, "there is 1"), (3, "there are 3")])
def test_too_few_tasks_are_said(n, verb):
    told = size_report.sentences(objects(n, per=2))
    assert f"it takes 4 tasks that are not all alike, and {verb}." in told["between"]
    assert "In mode 2 no task has 4 objects that are not all alike." in told["within"]
    assert "nan" not in " ".join(told.values())


def test_one_object_has_no_spread():
    told = size_report.sentences(objects(1, per=1))["spread"]
    assert told.endswith("its largest object is 1.0 times the smallest.")


def test_the_table_has_both_levels_of_each_mode():
    found = objects(7)
    html = plain(size_report.table(found, caption="Cap"))
    between = sizes.between(sizes.means(found)).set_index("k")
    for k in (2, 4):
        assert f"{k}  between tasks" in html
        assert f"{k}  within tasks, pooled" in html
        for value in (between.rho_low[k], between.raw[k], between.slope[k]):
            assert f"{value:+.2f}".replace("-", "−") in html
    assert "63 objects of 7 tasks" in html
    few = plain(size_report.table(objects(2, per=2)))
    assert "nan" not in few
    assert ">–</td>" in few
