"""A notebook in a folder of its own: links, labels, title and tables."""

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from medsam.pages import own_data
from medsam.pages.page import files

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


@pytest.fixture(scope="module")
def page():
    cells = [nbformat.v4.new_markdown_cell(TEXT), nbformat.v4.new_code_cell(CODE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3").execute()
    before = nbformat.writes(notebook)
    there = own_data(notebook, "data-x", "My [1] data", {"04_clicks"}, {"04_clicks", "10_claims"})
    assert nbformat.writes(notebook) == before
    return there


def test_title_says_what_the_data_is(page):
    text = page.cells[0].source
    assert text.startswith("# Five ways: My \\[1\\] data\n")
    assert "# Not a second title\n" in text + "\n"


def test_links_to_pages_that_are_not_beside_lead_to_the_samples(page):
    text = page.cells[0].source
    assert "[clicks](04_clicks.ipynb)" in text
    assert "[claims](../notebooks/10_claims)" in text
    assert "[more](../notebooks/10_claims.ipynb#why)" in text
    for kept in ("(../rerun.md)", "(https://example.org/10_claims)", "(12_unknown.ipynb)"):
        assert kept in text


def test_labels_are_its_own(page):
    text = page.cells[0].source
    assert "(data-x-browse)=" in text
    assert "[](#data-x-browse), {ref}`data-x-browse`, {ref}`words <data-x-browse>`" in text
    assert "[](#elsewhere)" in text


def test_tables_have_a_folder_of_their_own(page):
    ((name, content),) = files(page)
    assert name == "data-x/nb/fig-1.csv"
    assert pd.DataFrame({"a": [1]}).to_csv(index=False).encode() == content
    html = str(page.cells[1].outputs)
    assert 'href="../data/data-x/nb/fig-1.csv"' in html
    assert 'href="../data/data-x/nb/nb.ipynb"' in html
    assert 'href="../data/nb/' not in html
