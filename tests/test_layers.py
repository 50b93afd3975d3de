"""The package is one column: a module imports what stands below it, never up, never in a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import medsam

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


def imported(module):
    """Modules of the package that a module imports, wherever in its text."""
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
        yield from (name for name in names if name in MODULES and name != module)


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
    TopologicalSorter({name: set(imported(name)) for name in MODULES}).prepare()
