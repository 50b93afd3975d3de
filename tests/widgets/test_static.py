"""The JavaScript that the site serves itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from medsam.errors import InputError
from medsam.widgets.static import SCRIPTS, assets, write_if_new

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
needs_node = pytest.mark.skipif(
    not (NODE_MODULES / "requirejs").is_dir(), reason="No node_modules; run `npm ci`"
)


@needs_node
def test_everything_is_there_and_unchanged_files_keep_their_time(tmp_path):
    files = assets(tmp_path, NODE_MODULES)
    assert {tmp_path / "widgets" / name for name in (*SCRIPTS, "anywidget.js")} <= set(files)
    assert (tmp_path / "mathjax" / "tex-chtml.js").is_file()
    assert list(tmp_path.rglob("*.woff2"))
    assert list(tmp_path.rglob("MathJax_Main-Regular.woff"))
    assert sum(file.stat().st_size for file in files) < 8_000_000
    times = [file.stat().st_mtime_ns for file in files]
    assert assets(tmp_path, NODE_MODULES) == files
    assert [file.stat().st_mtime_ns for file in files] == times


@needs_node
def test_the_manager_asks_no_other_host(tmp_path):
    assets(tmp_path, NODE_MODULES)
    text = (tmp_path / "widgets" / "embed-amd.js").read_text()
    assert "jsdelivr" not in text
    assert "unpkg" not in text


def test_packages_that_are_missing(tmp_path):
    with pytest.raises(InputError, match=r"require\.js is not there.*npm ci"):
        assets(tmp_path / "site", tmp_path / "node_modules")


def test_a_manager_of_another_version(tmp_path):
    manager = tmp_path / "@jupyter-widgets" / "html-manager" / "dist" / "embed-amd.js"
    write_if_new(manager, b"define()")
    write_if_new(tmp_path / "requirejs" / "require.js", b"")
    with pytest.raises(InputError, match=r"Allowed: @jupyter-widgets/html-manager 1\.0\.x"):
        assets(tmp_path / "site", tmp_path)


def test_usage():
    done = subprocess.run(
        [sys.executable, "-m", "medsam.widgets.static"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("usage:")
