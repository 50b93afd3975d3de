"""The notebooks of a study: which there are, what they are given, and their execution."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import nbformat

from medsam.errors import InputError, UnknownName
from medsam.files import plain_key
from medsam.models.registry import label
from medsam.results.rows import shards
from medsam.study.plan import Jobs, Page, Plan, digest

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

PREFIX = "data-"
"""What the names of folders of chapters begin with."""

FIRST = "14_your_data"
"""The page that opens a chapter: what the data is, and what of it cannot be used."""

_BUILD = "_build"  # in the defaults of the notebooks
_NEEDED = {"model", "protocol", "tasks", "images", "masks", "data", "results"}
_CODE = (".py", ".js", ".css", ".csv", ".parquet", ".yaml", ".json")

_read: Any = nbformat.read  # its functions carry no types


def notebooks() -> dict[str, dict[str, str]]:
    """The notebooks that read data: their parameters name it. The page on one's data is first.

    Returns
    -------
    dict of str to dict of str to str
        Of each the parameters that are folders of what was computed, below that of the page.
    """
    found = {}
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = _read(file, as_version=4).cells
        given = [c.source for c in cells if "parameters" in c.metadata.get("tags", [])]
        values = {
            line.targets[0].id: ast.literal_eval(line.value)
            for source in given
            for line in ast.parse(source).body
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
        }
        if values.keys() >= _NEEDED:
            folders = {name: Path(str(value)) for name, value in values.items()}
            # Rows of variants of the protocol, or of part of the images, stay apart; of all of
            # them, the pages share one folder.
            found[file.stem] = {
                name: "results" if path.name == "results" else str(path.relative_to(_BUILD))
                for name, path in folders.items()
                if path.parts[:1] == (_BUILD,)
            }
    return dict(sorted(found.items(), key=lambda one: (one[0] != FIRST, one[0])))


def _wanted(plan: Plan) -> dict[str, dict[str, str]]:
    """The notebooks that a plan asks for."""
    if plan.notebooks in ((), ("none",)):
        return {}
    known = notebooks()
    if not known:
        raise InputError(
            f"No notebooks in {ROOT / 'notebooks'}. Allowed: a checkout of medsam. Leave notebooks "
            "away, or run the study in a clone."
        )
    if plan.notebooks == ("all",):
        return known
    for name in plan.notebooks:
        if name not in known:
            raise UnknownName("notebook", name, [*known, "all", "none"])
    return {name: known[name] for name in plan.notebooks}


def pages(plan: Plan) -> dict[str, Page]:
    """The notebooks of a study by name: each for every source and model.

    The plan's second protocol stands beside the first; each further one has pages of its own.

    A name begins with the page's place in the book, and changes with the notebook, its parameters,
    the shards of its source and protocol, and this package.

    Raises
    ------
    UnknownName
        If there is no such notebook.
    """
    made: dict[str, Page] = {}
    if not (wanted := _wanted(plan)):
        return made
    code, all_shards = _digest_of_code(), plan.jobs().shards
    shown = [",".join(plan.protocols[:2]), *plan.protocols[2:]]
    for source, protocol, model in product(plan.sources, shown, plan.models):
        dataset = plan.datasets[source]
        own = "sample" if source.data == "sample" else dataset.key
        key, title = plain_key(source.key or own), source.title or dataset.title
        if len(plan.models) > 1:
            key, title = f"{key}-{label(model)}", f"{title} ({label(model)})"
        if len(shown) > 1:
            key = f"{key}-" + re.sub(r"[^\w.-]", "_", protocol)
            title = f"{title}, protocol {protocol.replace(',', ' and ')}"
        # A page may show other models beside its own, but no other data and no other protocol.
        rows = [
            shard.folder
            for shard in all_shards
            if shard.images.source == source and {*protocol.split(",")} & {*shard.protocols}
        ]
        given: dict[str, Any] = {
            "model": model,
            "protocol": protocol,
            "images": source.images,
            "masks": source.masks,
            "data": "" if source.data == "sample" else source.data,
            "tasks": "" if plan.tasks == ("all",) else ",".join(plan.tasks),
            "every": plan.every if plan.every > 1 else "",
        }
        given = {name: value for name, value in given.items() if value} | {"seed": plan.seed}
        for name, folders in wanted.items():
            file = ROOT / "notebooks" / f"{name}.ipynb"
            changes = digest([rows, given, code, hashlib.sha256(file.read_bytes()).hexdigest()])
            made[f"{PREFIX}{key}/{name}-{changes}"] = Page(
                notebook=file,
                title=title,
                folder=f"pages/{key}/{name}-{digest([rows, given])}",
                parameters=given,
                folders=folders,
            )
    return made


def _digest_of_code() -> str:
    """The bytes of all files of this package, as one digest."""
    whole = hashlib.sha256()
    for path in sorted((ROOT / "medsam").rglob("*")):
        if path.suffix in _CODE:
            whole.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return whole.hexdigest()


def jobs(plan: Plan) -> Jobs:
    """Every process of a study, with its notebooks.

    Raises
    ------
    UnknownName
        If there is no such notebook.
    """
    return plan.jobs(pages(plan))


def execute(jobs: Jobs, name: str) -> list[Path]:
    """Execute a notebook of a study on rows of its own, to which it may add; returns its file.

    The process stands in the folder of the study, as for :func:`medsam.study.worker.work`.
    """
    import papermill

    page, here = jobs.pages[name], Path.cwd()
    executed = Path("executed", f"{name}.ipynb")
    own, merged = here / page.folder / "results", here / "results"
    if not own.is_dir():
        partial = own.with_name(".results.tmp")
        shutil.rmtree(partial, ignore_errors=True)
        for shard in shards(merged):
            path = partial / shard.relative_to(merged)
            path.parent.mkdir(parents=True, exist_ok=True)
            _link(shard, path)
        partial.rename(own)
    given = page.parameters | {key: str(here / page.folder / v) for key, v in page.folders.items()}
    executed.parent.mkdir(parents=True, exist_ok=True)
    papermill.execute_notebook(
        page.notebook, here / executed, given, cwd=ROOT, progress_bar=False, log_output=True
    )
    return [executed]


def _link(file: Path, path: Path) -> None:
    """The same file under another name, or a copy where the file system has no links."""
    try:
        path.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, path)
