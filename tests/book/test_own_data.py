"""The book on one's own data: a plan, or what stands on the command line of make."""

import nbformat
import own_data
import pytest
import yaml
from toys import blob, write_pair

TOC = """
format: jb-book
root: notebooks/index
parts:
  - {caption: The paper, chapters: [{file: notebooks/02_prompt_modes}]}
  - {caption: Appendix, chapters: [{file: licences}]}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of an image with two objects, and a table of contents."""
    monkeypatch.chdir(tmp_path)
    write_pair(tmp_path / "scans", "case0", blob(0))
    (tmp_path / "toc.yml").write_text(TOC)
    return tmp_path


def test_the_short_form_is_a_plan(here):
    (here / "own").mkdir()
    file = own_data.short_plan(["scans", "sample"], "minisam, lite-medsam", "", here / "own")
    plan = yaml.safe_load(file.read_text())
    scans = {"images": str(here / "scans/images"), "masks": str(here / "scans/masks")}
    assert plan == {
        "models": ["minisam", "lite-medsam"],
        "sources": [scans, {"data": "sample"}],
        "notebooks": ["all"],
        "out": str(here / "own" / "study"),
    }


@pytest.mark.slow
def test_pages_are_executed_for_the_book(here):
    """As `make book CONFIG=plan.yaml` does it; once more, nothing is executed again."""
    plan = {"models": "minisam", "sources": "scans", "notebooks": "10_claims", "out": "out"}
    (here / "plan.yaml").write_text(yaml.safe_dump(plan))
    page, times = here / "b" / "executed" / "data-scans" / "10_claims.ipynb", []
    for _ in range(2):
        assert own_data.main(["--config", "plan.yaml", "--toc", "toc.yml", "--build", "b"]) == 0
        (executed,) = (here / "out" / "executed").rglob("*.ipynb")
        times.append(executed.stat().st_mtime_ns)
    assert times[0] == times[1]
    outputs = [o for c in nbformat.read(page, 4).cells for o in c.get("outputs", [])]
    assert outputs
    assert not any(one.output_type == "error" for one in outputs)
    first, own, last = yaml.safe_load((here / "b" / "toc.yml").read_text())["parts"]
    assert [part["caption"] for part in (first, last)] == ["The paper", "Appendix"]
    claims = {"file": "data-scans/10_claims", "title": "Claims of the paper, checked"}
    assert own == {"caption": "Your data: scans", "chapters": [claims]}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--config", "plan.yaml", "scans"], "CONFIG with DATA"),
        (["--model", "minisam"], "without data"),
        (["scans", "--model", "minisan"], "Did you mean 'minisam'?"),
        (["--config", "plan.yaml"], "plan.yaml names no notebooks"),
    ],
)
def test_what_cannot_be_made(here, capsys, words, says):
    (here / "plan.yaml").write_text("models: minisam\nsources: scans\n")
    try:
        code = own_data.main(words)
    except SystemExit as stop:  # of argparse
        code = stop.code
    assert code == 2
    assert says in capsys.readouterr().err
