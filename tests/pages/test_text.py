"""Text of a page: with its numbers and figures in a notebook, and as Markdown in the book."""

import nbformat
import pytest
from cells import as_pages
from IPython.display import Markdown
from nbclient import NotebookClient

from medsam.errors import UnknownName
from medsam.pages.text import keep, parts

TEXT = """%%markdown
(label)=
## How well

::::{grid} 1 1 2 2
:gutter: 2

:::{grid-item-card} A card
IoU {glue:text}`iou:.2f` of {glue:text}`name` {cite}`ma2024,kirillov2023data`.
:::

:::{grid-item}
```{glue:figure} fig
:alt: A picture.

The *caption*: {glue:text}`n`.

{glue:}`fig-origin`
```
:::
::::

```{important}
Not {glue:md}`words`.
```

```bash
{not: a role}
```"""


@pytest.fixture(scope="module")
def executed():
    code = """%load_ext medsam.pages.text
from IPython.display import HTML, Markdown
from medsam.pages.text import glue, glue_all, keep
import numpy as np
glue_all("", {})
glue("iou", np.float64(0.5))
glue("name", "a_b")
glue("n", 3)
glue("fig-origin", "links")
glue("words", Markdown("the **end**"))
keep("fig", HTML("<b>drawn</b>"))"""
    still = "HTML('<figure class=\"medsam-still\">x</figure>')"
    cells = [nbformat.v4.new_code_cell(source) for source in (code, TEXT, still)]
    return NotebookClient(nbformat.v4.new_notebook(cells=cells), kernel_name="python3").execute()


def test_a_notebook_shows_numbers_figures_and_captions(executed):
    before, figure, after = (output.data for output in executed.cells[1].outputs)
    card = "**A card**\n\nIoU 0.50 of a\\_b (Ma 2024; Kirillov 2023)."
    assert before["text/markdown"] == f"## How well\n\n{card}"
    assert figure["text/html"] == "<b>drawn</b>"
    said = after["text/markdown"]
    assert said.startswith("The *caption*: 3.")
    assert "> **Important**\n>\n> Not the **end**." in said
    assert said.endswith("```bash\n{not: a role}\n```")


def test_the_book_has_the_markdown_and_the_figure_under_its_name(executed):
    cells = as_pages(nbformat.from_dict(executed)).cells
    _, shown, text, still = cells
    assert (text.cell_type, text.source) == ("markdown", TEXT.removeprefix("%%markdown\n"))
    (figure,) = shown.outputs
    assert figure.metadata.scrapbook == {"name": "fig", "mime_prefix": ""}
    assert shown.metadata.tags == ["remove-cell"]
    assert still.outputs[0].data["text/html"].startswith("<figure")
    nbformat.validate(nbformat.v4.new_notebook(cells=cells))


def test_a_value_that_was_not_kept_is_named():
    keep("there", 1)
    with pytest.raises(UnknownName, match="value of the text 'ther'. Did you mean 'there'"):
        list(parts("One {glue:text}`ther`."))
    keep("block", Markdown("```{glue:} there\n```"))
    assert list(parts("```{glue:md} block\n:format: myst\n```")) == [("value", "there")]
