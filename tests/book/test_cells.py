"""Cells of an executed notebook as the book has them."""

import nbformat
from cells import moved, tables

from medsam.pages.page import Origin

TEXT = """# Five ways

See [](#browse), {ref}`browse`, {ref}`words <browse>` and [](#elsewhere).
[clicks](04_clicks.ipynb), [claims](10_claims), [more](10_claims.ipynb#why), [](../rerun.md),
[out](https://example.org/10_claims), [nothing](12_unknown.ipynb).

(browse)=
## Browse

# Not a second title
"""


def test_a_page_of_a_chapter_beside_the_samples():
    origin = Origin("nb", "fig-1", "papermill", "code", "a\n1\n")
    shown = nbformat.v4.new_output("display_data")
    shown.data, shown.metadata = map(nbformat.from_dict, origin._repr_mimebundle_())
    cells = [nbformat.v4.new_markdown_cell(TEXT), nbformat.v4.new_code_cell("", outputs=[shown])]
    notebook = nbformat.v4.new_notebook(cells=cells)
    page = moved(notebook, "data-x", "My [1] data", {"04_clicks"}, {"04_clicks", "10_claims"})
    text = page.cells[0].source
    # Its title says what the data is.
    assert text.startswith("# Five ways: My \\[1\\] data\n")
    assert text.endswith("# Not a second title\n")
    # Links to pages that are not beside it lead to the sample's; labels are its own.
    for link in (
        "[clicks](04_clicks.ipynb)",
        "[claims](../notebooks/10_claims)",
        "[more](../notebooks/10_claims.ipynb#why)",
        "[](../rerun.md)",
        "[out](https://example.org/10_claims)",
        "(data-x-browse)=",
        "[](#data-x-browse), {ref}`data-x-browse`, {ref}`words <data-x-browse>`",
        "[](#elsewhere)",
    ):
        assert link in text
    # Tables have a folder of their own.
    assert list(tables(page)) == [("data-x/nb/fig-1.csv", b"a\n1\n")]
    assert 'href="../data/data-x/nb/nb.ipynb"' in str(page.cells[1].outputs)
