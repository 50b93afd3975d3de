"""What leads back from a figure: in the notebook, and out of it again."""

import io
from xml.etree import ElementTree

import nbformat
import pandas as pd
import pytest
from cells import tables
from nbclient import NotebookClient

from medsam.analysis import published
from medsam.errors import InputError
from medsam.figures import Source, clicks_by_task
from medsam.pages.page import Page, command
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


def test_the_table_comes_out_of_the_notebook_as_it_went_in(executed):
    ((name, content),) = tables(executed)
    assert name == "nb/fig-1.csv"
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(content)), TABLE)


def test_the_page_has_the_command_and_the_cell_that_drew(executed):
    (origin,) = executed.cells[-1].outputs
    html = origin.data["application/papermill.record/text/html"]
    assert "papermill notebooks/nb.ipynb nb.ipynb -p tasks brain_stem" in html
    assert "page.figure(&quot;fig-1&quot;, &quot;&lt;drawn&gt;&quot;" in html
    assert 'href="../data/nb/fig-1.csv" download' in html
    assert 'href="../data/nb/nb.ipynb" download' in html


def test_a_figure_of_panels_brings_one_for_a_narrow_screen(monkeypatch):
    kept = {}
    monkeypatch.setattr("medsam.pages.page.keep", lambda *_: None)
    monkeypatch.setattr("medsam.pages.page.glue", kept.__setitem__)
    page = Page("nb", Parameters({}), {})
    table = published.clicks().query("model == 'SAM'")
    page.figure("many", clicks_by_task(table, source=Source.published("SAM")), table)
    few = table[table.task.isin(table.task.unique()[:2])]
    page.figure("few", clicks_by_task(few, source=Source.published("SAM")), few)
    shown = kept["many-origin"]._repr_mimebundle_()
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                outputs=[nbformat.v4.new_output("display_data", shown[0], metadata=shown[1])]
            )
        ]
    )
    (_, _), (name, drawn) = tables(notebook)
    assert name == "nb/many-narrow.svg"
    width, height = (float(ElementTree.fromstring(drawn).get(n)[:-2]) for n in ("width", "height"))
    assert height > 3 * width  # 28 panels, two in a row
    assert kept["few-origin"].narrow == ""


def test_command_quotes_and_leaves_defaults_out():
    assert command("nb", Settings()) == "papermill notebooks/nb.ipynb nb.ipynb"
    assert command("nb", Settings(images="my scans", tasks=["a", "b"])) == (
        "papermill notebooks/nb.ipynb nb.ipynb -p tasks a,b -p images 'my scans'"
    )


def test_figures_that_cannot_be(monkeypatch):
    kept = {}
    monkeypatch.setattr("medsam.pages.page.glue", kept.__setitem__)
    monkeypatch.setattr("medsam.pages.page.keep", kept.__setitem__)
    page = Page("nb", Parameters({}), {})
    page.figure("a", "drawn", TABLE)
    assert (kept["a"], kept["a-origin"].csv) == ("drawn", TABLE.to_csv(index=False))
    for name, table, told in (
        ("a", TABLE, "Figure 'a' was used before"),
        ("b", TABLE.iloc[:0], "without a row. Allowed: at least one row"),
        ("../x", TABLE, "cannot name a file of the site"),
    ):
        with pytest.raises(InputError, match=told):
            page.figure(name, "", table)
