"""The JavaScript that the site serves itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from medsam.errors import InputError
from medsam.widgets.static import SCRIPTS, assets

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
needs_node = pytest.mark.skipif(
    not (NODE_MODULES / "mathjax").is_dir(), reason="No node_modules; run `npm ci`"
)


@needs_node
def test_everything_is_there_and_unchanged_files_keep_their_time(tmp_path):
    files = assets(tmp_path, NODE_MODULES)
    assert {tmp_path / "widgets" / name for name in SCRIPTS} <= set(files)
    assert (tmp_path / "mathjax" / "tex-chtml.js").is_file()
    assert list(tmp_path.rglob("MathJax_Main-Regular.woff"))
    assert sum(file.stat().st_size for file in files) < 8_000_000
    times = [file.stat().st_mtime_ns for file in files]
    assert assets(tmp_path, NODE_MODULES) == files
    assert [file.stat().st_mtime_ns for file in files] == times


@needs_node
def test_widgets_need_a_few_kilobytes(tmp_path):
    assets(tmp_path, NODE_MODULES)
    assert sum(file.stat().st_size for file in (tmp_path / "widgets").iterdir()) < 5_000


def test_packages_that_are_missing(tmp_path):
    with pytest.raises(InputError, match=r"LICENSE is not there.*npm ci"):
        assets(tmp_path / "site", tmp_path / "node_modules")


def test_usage():
    done = subprocess.run(
        [sys.executable, "-m", "medsam.widgets.static"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("usage:")
