"""The package is one column: a module imports what stands below it, never up, never in a circle."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import medsam
from medsam.results.store import ROWS_DEPEND_ON

PACKAGE = Path(medsam.__file__).parent
FOLDERS = ["datasets", "models", "results", "study", "analysis", "figures", "widgets", "pages"]
LAYERS = ["root", *FOLDERS, "cli"]
ROOT = {"errors", "files", "metrics", "prompts", "protocol", "regions"}
MODULES = {
    ".".join(["medsam", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
}


def layer(module):
    name = [*module.split("."), ""][1]
    return "root" if name in {"", *ROOT} else name


@cache
def imported(module):
    """Modules of the package that a module imports, wherever in its text."""
    found = set()
    path = PACKAGE.joinpath(*module.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in whole]
        else:
            continue
        found |= MODULES & {*names} - {module}
    return found


def test_eight_folders_and_seven_root_modules():
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(FOLDERS)
    assert {path.stem for path in PACKAGE.glob("*.py")} == ROOT | {"cli", "__init__"}


def test_imports_run_downwards():
    place = {module: LAYERS.index(layer(module)) for module in MODULES}
    up = {
        f"{module} imports {name}"
        for module in MODULES - {"medsam"}
        for name in imported(module)
        if place[name] > place[module]
    }
    assert not up


def test_no_circle():
    """Raises CycleError, which names the circle."""
    TopologicalSorter({name: imported(name) for name in MODULES}).prepare()


def test_what_rows_depend_on_holds_all_that_a_run_may_import():
    """The list that make takes: a change of what computes rows runs the study again."""
    found, next_ones = set(), {m for m in MODULES if layer(m) in ("datasets", "models")}
    next_ones |= {"medsam.study.runner"}
    while next_ones:
        found |= next_ones
        next_ones = {name for module in next_ones for name in imported(module)} - found
    names = {module.split(".")[1] for module in found - {"medsam"}}
    assert len(found) > 50
    assert {f"{name}.py" if name in ROOT else name for name in names} <= set(ROWS_DEPEND_ON)
