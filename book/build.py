"""Build the site: assemble one source tree, then let Jupyter Book turn it into HTML.

The tree is ``_build/source``: the pages of ``book/``, the executed notebooks, and the
JavaScript that the site serves itself. A file that has not changed is not written, so that
a second build reads only what is new. Any warning is an error.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from address import checked, configured, repository, sitemap
from assets import assets
from card import social_card
from cells import tables
from lean import lighten
from licences import licences
from tree import ROOT, listed, notebooks, offered, originals, own_data, read

from medsam.errors import InputError, MedsamError
from medsam.files import write_if_new
from medsam.pages.notebooks import PREFIX
from medsam.pages.text import FOLDER

PAGES = ("*.md", "*.bib", "_static/**/*", "_templates/**/*.html")
"""What of ``book/`` goes into the tree."""


_DOCUTILS = "[general]\nimage_loading: lazy\n"
"""Pictures are fetched when a reader comes near them: pages of examples have many."""


def copy(files: Iterable[Path], base: Path, to: Path) -> list[Path]:
    """Copy files, keeping their places below ``base``; returns where they are."""
    made = []
    for file in files:
        if file.is_file():
            made.append(to / file.relative_to(base))
            write_if_new(made[-1], file.read_bytes())
    return made


def pages(source: Path, book: Path = ROOT / "book") -> list[Path]:
    """Put the prose pages, the bibliography and the static files into the tree."""
    return copy((f for p in PAGES for f in sorted(book.glob(p))), book, source)


def downloads(extra: Path, pages: Iterable[Path], clean: Path = ROOT / "notebooks") -> list[Path]:
    """Put the tables behind the figures, and the notebooks without outputs, where pages link.

    Parameters
    ----------
    extra : Path
        Files that the site serves as they are.
    pages : iterable of Path
        Notebooks of the tree.
    clean : Path
        Notebooks without outputs.
    """
    made = []
    for page in pages:
        for name, content in tables(read(page, as_version=4)):
            made.append(extra / FOLDER / name)
            write_if_new(made[-1], content)
        if (clean / page.name).is_file():
            own = page.parent.name if page.parent.name.startswith(PREFIX) else ""
            made.append(extra / FOLDER / own / page.stem / page.name)
            write_if_new(made[-1], (clean / page.name).read_bytes())
    return made


def prune(source: Path, kept: Iterable[Path]) -> None:
    """Delete what an earlier build put into the tree and this one did not."""
    wanted = set(kept)
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in wanted:
            path.unlink()


def check(source: Path, toc: Path = ROOT / "_toc.yml") -> None:
    """Stop where a page that the table of contents lists is not in the tree."""
    missing = [
        name
        for name in listed(toc)
        if not any((source / f"{name}{ending}").is_file() for ending in (".md", ".ipynb"))
    ]
    if missing:
        raise InputError(
            f"{toc.name} lists pages that are not there: {', '.join(missing)}. "
            "Allowed: files of book/ (.md) and executed notebooks (notebooks/*.ipynb). "
            f"Write or execute them, or take them out of {toc.name}."
        )


def assemble(
    source: Path,
    executed: Path,
    *,
    toc: Path = ROOT / "_toc.yml",
    node_modules: Path = ROOT / "node_modules",
) -> None:
    """Make the source tree whole: pages, notebooks, JavaScript; nothing else stays."""
    extra = source / "_extra"
    kept = notebooks(source, executed) + own_data(source, executed, toc)
    shown = [file for file in kept if file.suffix == ".ipynb"]
    kept += pages(source) + downloads(extra, shown)
    whole = originals(shown, source, executed)
    kept += assets(extra, node_modules, whole) + social_card(extra, whole)
    kept += licences(source, extra, node_modules, ROOT / "requirements.lock")
    prune(source, kept)
    check(source, toc)


def _everywhere(source: Path, site: Path, toc: Path) -> bool:
    """Whether a style sheet, picture or script, or the contents changed since the last build.

    Sphinx copies files at the end of a build, and has none where no page has changed; the
    contents are on every page, of which it would write again only those that moved.
    """
    last = site / "objects.inv"  # written by every build that comes to its end
    built = last.stat().st_mtime_ns if last.is_file() else 0
    served = (f for below in ("_static", "_extra") for f in (source / below).rglob("*"))
    shown = (toc, *served)
    return any(file.stat().st_mtime_ns > built for file in shown if file.is_file())


def html(
    source: Path,
    output: Path,
    *,
    config: Path = ROOT / "_config.yml",
    toc: Path = ROOT / "_toc.yml",
    url: str = "",
    repo: str = "",
) -> int:
    """Run Jupyter Book into ``output/_build/html``; prints only what is wrong.

    Parameters
    ----------
    source, output, config, toc : Path
    url : str
        Where the site will stand; empty where that is not known.
    repo : str
        Where its source lies on GitHub; empty where that is not known.

    Returns
    -------
    int
        0, or not where there was a warning or an error.
    """
    build = output.resolve() / "_build"
    if url or repo:
        config = configured(config, build / "_config.yml", url, repo)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", str(source.resolve())]
    command += ["--config", str(config.resolve()), "--toc", str(toc.resolve())]
    command += ["--path-output", str(output.resolve()), "-n", "-W", "--keep-going", "-q"]
    if _everywhere(source, build / "html", toc):
        command.append("--all")
    settings = build / "docutils.conf"
    write_if_new(settings, _DOCUTILS.encode())
    environment = os.environ | {"DOCUTILSCONFIG": str(settings)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode or done.stderr.strip():
        sys.stderr.write(done.stderr.strip() or done.stdout)
        sys.stderr.write("\nThe book has warnings; the bar is none.\n")
        # A page that was read is not read again, and would not warn again.
        shutil.rmtree(build / ".doctrees", ignore_errors=True)
        return done.returncode or 1
    lighten(build / "html")
    if url:
        sitemap(build / "html", listed(toc), url)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description="Build the site from book/ and executed notebooks. Warnings are errors."
    )
    parser.add_argument(
        "--executed",
        type=Path,
        default=ROOT / "_build" / "executed",
        help="folder of executed notebooks (default: _build/executed)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT,
        help="folder in which _build/source and _build/html are made (default: the repository)",
    )
    parser.add_argument("--toc", type=Path, default=ROOT / "_toc.yml", help="table of contents")
    parser.add_argument(
        "--url",
        default=os.environ.get("SITE_URL", ""),
        help="address at which the site will stand (default: SITE_URL of the environment)",
    )
    parser.add_argument(
        "--repository",
        default=os.environ.get("REPOSITORY_URL", ""),
        help="its source on GitHub, for Binder and Colab (default: REPOSITORY_URL)",
    )
    options = parser.parse_args(arguments)
    source = options.output / "_build" / "source"
    try:
        url = checked(options.url) if options.url else ""
        repo = repository(options.repository) if options.repository else ""
        assemble(source, options.executed, toc=options.toc)
        failed = html(source, options.output, toc=options.toc, url=url, repo=repo)
        if not failed:
            offered(source, options.executed, options.output / "_build" / "html")
        return failed
    except MedsamError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
