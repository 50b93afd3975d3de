"""What leads back from a figure: in the notebook, and out of it again."""

import io

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from medsam.errors import InputError, UnknownName
from medsam.pages.page import Origin, Page, command, files
from medsam.pages.study import Parameters, Settings

TABLE = pd.DataFrame({"task": ["a", "b"], "iou": [0.1, 1 / 3]})
CODE = """
import pandas as pd
from medsam.pages.study import Parameters
from medsam.pages.page import Page
parameters = Parameters(globals())
""".strip()


@pytest.fixture(scope="module")
def executed():
    draw = (
        'page.figure("fig-1", "<drawn>", pd.DataFrame({"task": ["a", "b"], "iou": [0.1, 1 / 3]}))'
    )
    cells = [CODE, 'tasks = "brain_stem"', 'page = Page("nb", parameters, globals())', draw]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    return NotebookClient(notebook, kernel_name="python3").execute()


def page():
    return Page("nb", Parameters({}), {})


def test_the_table_comes_out_of_the_notebook_as_it_went_in(executed):
    ((name, content),) = files(executed)
    assert name == "nb/fig-1.csv"
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(content)), TABLE)


def test_the_page_has_the_command_and_the_cell_that_drew(executed):
    origin, _ = executed.cells[-1].outputs
    html = origin.data["application/papermill.record/text/html"]
    assert "papermill notebooks/nb.ipynb nb.ipynb -p tasks brain_stem" in html
    assert "page.figure(&quot;fig-1&quot;, &quot;&lt;drawn&gt;&quot;" in html
    assert 'href="../data/nb/fig-1.csv" download' in html
    assert 'href="../data/nb/nb.ipynb" download' in html


def test_only_what_may_stand_in_a_paragraph():
    html = Origin("nb", "f", "papermill", "x < 1", "a\n1\n").html
    assert not any(f"<{block}" in html for block in ("div", "p>", "pre", "details", "table"))
    assert "x &lt; 1" in html


def test_other_outputs_are_passed_over():
    shown = nbformat.v4.new_output("display_data", data={"text/html": "<b>"}, metadata={"a": 1})
    cell = nbformat.v4.new_code_cell(
        "", outputs=[shown, nbformat.v4.new_output("stream", text="t")]
    )
    assert list(files(nbformat.v4.new_notebook(cells=[cell]))) == []


def test_command_quotes_and_leaves_defaults_out():
    assert command("nb", Settings()) == "papermill notebooks/nb.ipynb nb.ipynb"
    assert command("nb", Settings(images="my scans", tasks=["a", "b"])) == (
        "papermill notebooks/nb.ipynb nb.ipynb -p tasks a,b -p images 'my scans'"
    )


@pytest.mark.parametrize("name", ["", "Fig 4", "../x", "a/b", "-a"])
def test_a_name_that_is_no_file_of_the_site(name):
    with pytest.raises(InputError, match=r"cannot name a file of the site. Allowed: small letters"):
        page().figure(name, "", TABLE)


def test_a_name_twice_and_a_table_without_a_row(monkeypatch):
    kept = {}
    monkeypatch.setattr("medsam.pages.page.glue", kept.__setitem__)
    mine = page()
    mine.figure("a", "drawn", TABLE)
    assert kept["a"] == "drawn"
    assert kept["a-origin"].csv == TABLE.to_csv(index=False)
    assert kept["a-origin"].code == ""
    with pytest.raises(InputError, match=r"Figure 'a' was used before\. Allowed: .* once a page"):
        mine.figure("a", "", TABLE)
    with pytest.raises(InputError, match=r"without a row. Allowed: at least one row. Say in words"):
        mine.figure("b", "", TABLE.iloc[:0])


def test_parameters_are_looked_at_once():
    parameters = Parameters({})
    first = parameters.settings({"tasks": "brain_stem"})
    assert Page("nb", parameters, {"tusks": ""}).settings is first
    with pytest.raises(UnknownName, match="Unknown parameter 'tusks'"):
        Page("nb", Parameters({}), {"tusks": ""})
    with pytest.raises(InputError, match=r"No parameters .* Allowed: globals\(\)"):
        Page("nb", Parameters({}))
