"""The live widgets' JavaScript in Node: what a browser computes, without one."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from medsam.widgets import live

JS = Path(live.__file__).parent / "js"


def node(script: str):
    """What a script that imports the widgets' modules prints as JSON."""
    if not shutil.which("node"):
        pytest.skip("No node on the PATH")
    command = ["node", "--input-type=module", "-"]
    done = subprocess.run(
        command, input=script, capture_output=True, text=True, check=False, cwd=JS
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
