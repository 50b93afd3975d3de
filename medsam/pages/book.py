"""The notebooks of a study: executed on its rows, and put together as parts of a book."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from medsam.datasets.catalog import entry
from medsam.datasets.folder import folder_title
from medsam.datasets.own import read_own
from medsam.datasets.select import NNUNET
from medsam.errors import InputError, UnknownName
from medsam.files import plain_key, write_if_new
from medsam.models.registry import label
from medsam.pages.text import prose
from medsam.results.rows import shards
from medsam.study.plan import Jobs, Page, Plan, Site, Source, digest
from medsam.study.worker import job_of

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

PREFIX = "data-"
"""What the names of folders of chapters begin with."""

FIRST = "14_your_data"
"""The page that opens a chapter: what the data is, and what of it cannot be used."""

FRONT = "study"
"""Name of the first page of a book of such chapters alone."""

_BUILD = "_build"  # in the defaults of the notebooks
_NEEDED = {"model", "protocol", "tasks", "images", "masks", "data", "results"}
_CODE = (".py", ".js", ".css", ".csv", ".parquet", ".yaml", ".json")
TITLE = re.compile(r"^# (.+)$", re.M)
LABEL = re.compile(r"^\(([\w-]+)\)=$", re.M)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?:\.\.?/)*([\w-]+)(\.ipynb|\.md)?(#[\w-]+)?\)")

_v4: Any = nbformat.v4  # its functions carry no types
_read: Any = nbformat.read
_write: Any = nbformat.writes


# ------------------------------------------------------------------------------ which notebooks
@dataclass(frozen=True)
class Notebook:
    """What is known of a notebook without running it.

    Attributes
    ----------
    name, title : str
    folders : dict of str to str
        Parameters that are folders of what was computed, below that of the page.
    """

    name: str
    title: str
    folders: dict[str, str]


def notebooks(folder: Path | None = None) -> dict[str, Notebook]:
    """The notebooks that read data: their parameters name it. The page on one's data is first."""
    found = {}
    for file in sorted((folder or ROOT / "notebooks").glob("*.ipynb")):
        cells = _read(file, as_version=4).cells
        given = [c.source for c in cells if "parameters" in c.metadata.get("tags", [])]
        values = {
            line.targets[0].id: ast.literal_eval(line.value)
            for source in given
            for line in ast.parse(source).body
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
        }
        if values.keys() >= _NEEDED:
            title = TITLE.search("\n".join(c.source for c in cells if prose(c)))
            folders = {name: Path(str(value)) for name, value in values.items()}
            found[file.stem] = Notebook(
                file.stem,
                title[1] if title else file.stem,
                # Rows of variants of the protocol, or of part of the images, stay apart; of all
                # of them, the pages share one folder.
                {
                    name: "results" if path.name == "results" else str(path.relative_to(_BUILD))
                    for name, path in folders.items()
                    if path.parts[:1] == (_BUILD,)
                },
            )
    return dict(sorted(found.items(), key=lambda one: (one[0] != FIRST, one[0])))


def _wanted(plan: Plan) -> list[Notebook]:
    """The notebooks that a plan asks for."""
    if plan.notebooks in ((), ("none",)):
        return []
    known = notebooks()
    if not known:
        raise InputError(
            f"No notebooks in {ROOT / 'notebooks'}. Allowed: a checkout of medsam. Leave notebooks "
            "away, or run the study in a clone."
        )
    if plan.notebooks == ("all",):
        return list(known.values())
    for name in plan.notebooks:
        if name not in known:
            raise UnknownName("notebook", name, [*known, "all", "none"])
    return [known[name] for name in plan.notebooks]


# ------------------------------------------------------------------------------ chapters
@dataclass(frozen=True)
class Chapter:
    """One source with one model under one protocol.

    Attributes
    ----------
    key, title : str
    source : Source
    model, protocol : str
    """

    key: str
    title: str
    source: Source
    model: str
    protocol: str

    @property
    def folder(self) -> str:
        """Folder of its pages, among the executed notebooks and in the site."""
        return PREFIX + self.key


def chapters(plan: Plan) -> Iterator[Chapter]:
    """Every chapter of a plan; each path of a source is there.

    Raises
    ------
    UnknownName
        If there is no such dataset.
    InputError
        If a path is not there.
    """
    for source, protocol, model in product(plan.sources, plan.protocols, plan.models):
        key, title = name_of(source)
        if len(plan.models) > 1:
            key, title = f"{key}-{label(model)}", f"{title} ({label(model)})"
        if len(plan.protocols) > 1:
            key = f"{key}-" + re.sub(r"[^\w.-]", "_", protocol)
            title = f"{title}, protocol {protocol}"
        yield Chapter(key, title, source, model, protocol)


def name_of(source: Source) -> tuple[str, str]:
    """Key and title of a source whose paths are there."""
    if source.images:
        for folder in (source.images, source.masks):
            _check_there(folder, Path(folder).is_dir())
        title = folder_title(Path(source.images))
        key = plain_key(title) or "folder"
    elif source.data == "sample":
        key, title = "sample", "The embedded sample"
    elif source.data.lower().endswith((".yaml", ".yml")):
        _check_there(source.data, Path(source.data).is_file())
        own = read_own(Path(source.data))
        key, title = own.key, own.title or own.key
    else:
        key, equals, path = source.data.partition("=")
        if key == NNUNET:
            title = Path(path).resolve().name
            key = plain_key(title)
        else:
            title = entry(key).title
        _check_there(path, not equals or Path(path).is_dir())
    return source.key or key, source.title or title


def _check_there(path: str, is_there: bool) -> None:
    if not is_there:
        raise InputError(
            f"Data {path!r} is not there. Allowed: a path that exists. Check the source."
        )


def pages(plan: Plan) -> dict[str, dict[str, Page]]:
    """The notebooks of a study, by caption of their part and by name.

    A name begins with the page's place in the book, and changes with the notebook, its parameters,
    the shards of its source and protocol, and this package.

    Raises
    ------
    UnknownName
        If there is no such notebook.
    """
    made: dict[str, dict[str, Page]] = {}
    if not (wanted := _wanted(plan)):
        return made
    code, shards = _digest_of_files(ROOT / "medsam", endings=_CODE), plan.jobs().shards
    for chapter in chapters(plan):
        # A page may show other models beside its own, but no other data and no other protocol.
        rows = [
            shard.folder
            for shard in shards
            if (shard.images.source, shard.protocol) == (chapter.source, chapter.protocol)
        ]
        source = chapter.source
        given: dict[str, Any] = {
            "model": chapter.model,
            "protocol": chapter.protocol,
            "images": source.images,
            "masks": source.masks,
            "data": "" if source.data == "sample" else source.data,
            "tasks": "" if plan.tasks == ("all",) else ",".join(plan.tasks),
            "every": plan.every if plan.every > 1 else "",
        }
        given = {name: value for name, value in given.items() if value} | {"seed": plan.seed}
        for notebook in wanted:
            file = ROOT / "notebooks" / f"{notebook.name}.ipynb"
            folder = f"pages/{chapter.key}/{notebook.name}-{digest([rows, given])}"
            changes = digest([rows, given, code, hashlib.sha256(file.read_bytes()).hexdigest()])
            page = Page(notebook=file, folder=folder, parameters=given, folders=notebook.folders)
            made.setdefault(chapter.title, {})[f"{chapter.folder}/{notebook.name}-{changes}"] = page
    return made


def _digest_of_files(*folders: Path, endings: Collection[str] = ()) -> str:
    """The bytes of all files below some folders, as one digest."""
    whole = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (path.suffix in endings or not endings) and path.suffix != ".pyc":
                whole.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return whole.hexdigest()


# ------------------------------------------------------------------------------ jobs of a study
def jobs(plan: Plan) -> Jobs:
    """Every process of a study, with its notebooks and its book.

    Raises
    ------
    UnknownName
        If there is no such notebook.
    """
    made = pages(plan)
    if not plan.book:
        return plan.jobs(made)
    # The place of a page is the name of its job without the digest.
    parts = {title: {n.rpartition("-")[0]: n for n in each} for title, each in made.items()}
    plain_plan = plan.model_dump(
        mode="json",
        exclude={"out", "gpus", "parts", "parts_each", "embeddings", "batch", "workers"},
        exclude_defaults=True,
    )
    images = sum(number for number, _ in plan.sizes.values())
    about = (
        f"# A study\n\nThese pages are about the rows of one plan; images: {images:,}.\n\n"
        f"```yaml\n{yaml.safe_dump(plain_plan, sort_keys=False, allow_unicode=True)}```\n"
    )
    prose = _digest_of_files(ROOT / "book"), (ROOT / "_config.yml").read_text("utf-8")
    return plan.jobs(made, Site(name=digest([parts, about, prose]), parts=parts, about=about))


def execute(jobs: Jobs, name: str) -> None:
    """Execute a notebook of a study on rows of its own, to which it may add.

    The process stands in the folder of the study, as for :func:`medsam.study.worker.work`.
    """
    import papermill

    page, here = job_of(jobs.pages, name), Path.cwd()
    executed = here / "executed" / f"{name}.ipynb"
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
        page.notebook, executed, given, cwd=ROOT, progress_bar=False, log_output=True
    )


def _link(file: Path, path: Path) -> None:
    """The same file under another name, or a copy where the file system has no links."""
    try:
        path.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, path)


def build(jobs: Jobs, _name: str = "") -> None:
    """Build the book of a study from its executed notebooks."""
    if jobs.site is None:
        raise UnknownName("job", "book", ())
    here = Path.cwd()
    executed, toc = assemble(jobs.site, here)
    command = [sys.executable, str(ROOT / "book" / "build.py"), "--executed", str(executed)]
    command += ["--toc", str(toc), "--output", str(here / "book")]
    if subprocess.run(command, check=False).returncode:
        raise InputError("The book could not be built. Allowed: no warning. They are above.")
    html = Path("html")
    if not html.is_symlink():
        html.symlink_to(Path("book") / "_build" / "html", target_is_directory=True)


# ------------------------------------------------------------------------------ pages in a book
def part(caption: str, places: Collection[str]) -> dict[str, Any]:
    """A part of a table of contents: pages by their places in the book."""
    titles = {one.name: one.title for one in notebooks().values()}
    files = [{"file": place, "title": titles[Path(place).name]} for place in places]
    return {"caption": caption, "chapters": files}


def assemble(site: Site, out: Path) -> tuple[Path, Path]:
    """Put the pages of a study's book where ``book/build.py`` takes them from.

    Parameters
    ----------
    site : Site
    out : Path
        Folder of the study.

    Returns
    -------
    tuple of Path
        Folder of the executed pages, and table of contents.
    """
    folder, toc = out / "book" / "executed", out / "book" / "toc.yml"
    front = _v4.new_notebook(cells=[_v4.new_markdown_cell(site.about, id="about")])
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    front.metadata.kernelspec = kernel
    made = {folder / f"{FRONT}.ipynb": front}
    parts = []
    for title, places in site.parts.items():
        # The part's own pages stay linked; all others are not in this book.
        absent = _absent({Path(place).name for place in places})
        for place, name in places.items():
            page = _read(out / "executed" / f"{name}.ipynb", as_version=4)
            _edit(page, lambda text, absent=absent: without_links(text, absent))
            made[folder / f"{place}.ipynb"] = page
        parts.append(part(f"Rows: {title}", places))
    parts.append({"caption": "About", "chapters": [{"file": "references"}]})
    for old in set(folder.rglob("*.ipynb")) - made.keys():
        old.unlink()
    for path, page in made.items():
        write_if_new(path, _write(page).encode())
    contents = {"format": "jb-book", "root": f"notebooks/{FRONT}", "parts": parts}
    write_if_new(toc, yaml.safe_dump(contents, sort_keys=False, allow_unicode=True).encode())
    return folder, toc


def _absent(present: Collection[str]) -> dict[str, str]:
    """Names and labels of the pages that a book lacks, with the words that stand for them."""
    found: dict[str, str] = {}
    for file in [*(ROOT / "notebooks").glob("*.py"), *(ROOT / "book").glob("*.md")]:
        if file.stem not in present and file.stem != "references":
            text = file.read_text("utf-8")
            if file.suffix == ".py":  # its Markdown is commented out
                text = re.sub(r"^# ", "", text, flags=re.M)
            title = TITLE.search(text)
            words = title[1] if title else file.stem
            found |= dict.fromkeys([file.stem, *LABEL.findall(text)], words)
    return found


def without_links(text: str, absent: Mapping[str, str]) -> str:
    """Markdown without links to absent pages: their words stay.

    Examples
    --------
    >>> without_links("See [clicks](04_clicks) or [](../method.md).", {"04_clicks": "Clicks"})
    'See clicks or [](../method.md).'
    """
    return LINK.sub(
        lambda found: found[1] or absent[found[2]] if found[2] in absent else found[0], text
    )


def _edit(page: NotebookNode, change: Any) -> None:
    """Change the Markdown of a notebook's cells and outputs."""
    for cell in page.cells:
        if prose(cell):
            cell.source = change(cell.source)
        for output in cell.get("outputs", []):
            shown = output.get("data", {})
            if "text/markdown" in shown:
                shown["text/markdown"] = change("".join(shown["text/markdown"]))
