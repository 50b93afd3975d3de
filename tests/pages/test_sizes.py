"""What the page of object sizes says in words, from tables worked by hand."""

from size_toys import objects

from medsam.analysis import sizes
from medsam.pages import sizes as size_report


def test_sentences_tell_what_was_computed():
    found = objects(7)
    told, numbers = size_report.sentences(found), sizes.findings(found)
    assert f"Mean sizes of 7 tasks run from {numbers['smallest']:.2%}" in told["spread"]
    r = f"{numbers['2-r']:+.2f}".replace("-", "−")
    assert "In mode 2 the mean IoU of 7 tasks rises with size: " in told["between"]
    assert f"correlation with the logarithm of the size is {r} (" in told["between"]
    assert "In mode 4 the mean IoU of 7 tasks shows no clear relation to size" in told["between"]
    assert f"above 0 in {numbers['2-within-positive']} of 7 tasks" in told["within"]
    upside = size_report.sentences(found.assign(iou=1 - found.iou))
    assert "tasks falls with size" in upside["between"]


def test_too_few_tasks_are_said():
    told = size_report.sentences(objects(3, per=2))
    assert "it takes 4 tasks that are not all alike, and there are 3." in told["between"]
    assert "In mode 2 no task has 4 objects that are not all alike." in told["within"]
    assert "nan" not in " ".join(told.values())


def test_of_one_volume_there_is_neither_interval_nor_p():
    told = size_report.sentences(objects(7).assign(dataset="d", group="one"))
    for words in (told["between"], told["within"]):
        assert "of 1 patient or volume and so with no interval or p" in words
        assert "nan" not in words
    assert "nan" not in size_report.table(objects(7).assign(dataset="d", group="one")).html


def test_the_table_has_both_levels_of_each_mode():
    found = objects(7)
    html = size_report.table(found).html
    between = sizes.between(sizes.means(found)).set_index("k")
    for k in (2, 4):
        assert f"{k}  between tasks" in html
        assert f"{k}  within tasks, pooled" in html
        for value in (between.rho_low[k], between.raw[k]):
            assert f"{value:+.2f}".replace("-", "−") in html
    assert "nan" not in size_report.table(objects(2, per=2)).html
