"""An executed notebook shows its figures, captions and numbers in nbconvert and in JupyterLab."""

import os
import re
import subprocess
import sys
import time

import papermill
import pytest
from browsing import ROOT
from toys import blob, write_pair

pytestmark = pytest.mark.slow

FIGURES = ["Fig. 2, left, from the published table", "of the paper's Fig. 2, right, from this run"]
"""Captions of page 02 that a reader sees."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with page 02, executed on two images."""
    folder = tmp_path_factory.mktemp("viewers")
    for i in (0, 1):
        write_pair(folder, f"case_{i}", blob(i, (60, 70)))
    given = {name: str(folder / name) for name in ("images", "masks", "results")}
    source = ROOT / "notebooks" / "02_prompt_modes.ipynb"
    papermill.execute_notebook(source, folder / "page.ipynb", given, progress_bar=False)
    return folder


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    yield context.new_page()
    context.close()


def shown(page, within="body"):
    """The words of a page, once the browser has drawn six figures and the still of the widget."""
    pictures = f"[...document.querySelectorAll('{within} img')].filter(i => i.naturalWidth > 200)"
    page.wait_for_function(f"{pictures}.length === 7", timeout=60_000)
    return page.inner_text(within)


def test_nbconvert_shows_all_of_a_page(folder, page):
    command = ["-m", "nbconvert", "--to", "html", "--no-input", "page.ipynb"]
    subprocess.run([sys.executable, *command], cwd=folder, check=True, capture_output=True)
    page.goto((folder / "page.html").as_uri())
    text = shown(page)
    assert all(words in text for words in FIGURES)
    assert "{glue" not in text


def test_jupyterlab_shows_figures_of_a_file_that_it_does_not_trust(folder, page, tmp_path):
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    options += ["--IdentityProvider.token=", "--LabApp.news_url="]
    own = ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    env = os.environ | dict.fromkeys(own, str(tmp_path))
    with (tmp_path / "log").open("w+") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        lab = subprocess.Popen(command, cwd=folder, stderr=log, env=env)
        try:
            address, until = None, time.monotonic() + 60
            while address is None and time.monotonic() < until:
                time.sleep(0.2)
                log.seek(0)
                address = re.search(r"http://[\w.]+:\d+/lab", log.read())
            page.goto(f"{address.group()}/tree/page.ipynb")
            page.get_by_text(FIGURES[-1]).first.wait_for(timeout=60_000)
            # What it would show in place of a figure.
            assert "<Picture size" not in shown(page, ".jp-Notebook")
        finally:
            lab.kill()  # asked to end, it waits for the kernel that it started
            lab.wait()
