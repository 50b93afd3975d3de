"""A results folder as figures and one HTML page, without the book and without the images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from medsam import figures
from medsam.analysis import examples, sizes
from medsam.datasets.sample import Dataset
from medsam.errors import InputError
from medsam.figures.html import Html, html_table, tag
from medsam.figures.sizes import size_and_iou
from medsam.figures.style import Picture, Source
from medsam.files import atomic
from medsam.pages.study import titles
from medsam.results import summary
from medsam.results.masks import attach
from medsam.results.rows import read

_STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
img { max-width: 100% } figure { margin: 2rem 0 } figcaption { color: #444 }
table { border-collapse: collapse } th, td { padding: .2rem .6rem }
"""

Drawn = Iterator[tuple[str, str, Picture, pd.DataFrame]]


def report(folder: Path, out: Path, dataset: Dataset | None = None) -> Path:
    """Draw Fig. 2, 5 and 8 of a results folder, and Fig. 3 where the images are at hand.

    Of a protocol with changes (``paper+top=first``) only where there is no other.

    Parameters
    ----------
    folder : Path
        Results folder.
    out : Path
        Gets ``report.html``, and each figure as PNG, PDF and the table behind it as CSV, in a
        folder for each dataset, model and protocol.
    dataset : Dataset, optional
        The images, for examples (Fig. 3); of the same key as the rows.

    Returns
    -------
    Path
        The page, which needs no other file.

    Raises
    ------
    InputError
        If no case has a result, or the dataset is none of the folder's.
    ResultsError
        If there are no results.
    """
    rows = read(folder)
    cases = rows[rows.experiment.isin(("mode", "clicks")) & (rows.status == "ok")]
    if cases.empty:
        raise InputError(
            f"No case in {folder} has a result of modes or clicks. Allowed: at least one. "
            "`medsam summary` lists the cases by status."
        )
    if dataset is not None and dataset.key not in set(cases.dataset):
        raise InputError(
            f"Data {dataset.key!r} for rows of {', '.join(sorted(set(cases.dataset)))}. "
            "Allowed: the images of these rows. Leave --data out for figures without examples."
        )
    # Variants of a protocol have chapters of their own in the book.
    presets = cases[~cases.protocol.str.contains("+", regex=False)]
    parts, cases = [], cases if presets.empty else presets
    for (key, model, protocol), of in cases.groupby(["dataset", "model", "protocol"]):
        place = out / f"{key}-{model}-{protocol}".replace("/", "_")
        label = Source.run(f"{model} on {key}, protocol {protocol}")
        shown = [*_of_rows(of, label)]
        if dataset is not None and dataset.key == key:
            shown += _examples(of, label, folder, dataset)
        n = f"{of.image.nunique()} images of {of.group.nunique()} patients, volumes or pictures"
        parts += [tag("h2", label.detail), tag("p", f"{n}.")]
        parts += [_saved(place, *one) for one in shown]
        parts.append(_table(of))
    head = tag(
        "head", tag("meta", charset="utf-8"), tag("title", f"{folder}"), tag("style", Html(_STYLE))
    )
    page = tag("html", head, tag("body", tag("h1", f"Results in {folder}"), *parts), lang="en")
    with atomic(out / "report.html") as file:
        file.write_text(f"<!doctype html>\n{page}\n", encoding="utf-8")
    return out / "report.html"


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(name=table.task.map(titles(table.task)))


def _of_rows(rows: pd.DataFrame, label: Source) -> Drawn:
    """Name, caption, figure and table of what rows alone can show."""
    modes, clicks = _named(summary.modes(rows)), _named(summary.clicks(rows))
    if not modes.empty:
        words = "IoU of each task and mode, as the paper’s Fig. 2, left"
        yield "fig2-tasks", words, figures.modes_ranked(modes, source=label), modes
        words = "IoU over tasks for each mode, as the paper’s Fig. 2, right"
        yield "fig2-modes", words, figures.modes_box(modes, source=label), modes
    if not clicks.empty:
        words = (
            "IoU against the number of clicks for each task, as the paper’s Fig. 5; dashed: oracle"
        )
        yield "fig5-tasks", words, figures.clicks_by_task(clicks, source=label, columns=4), clicks
    found = sizes.cases(rows, names=titles(rows.task)) if not modes.empty else modes
    if not found.empty:
        words = "Sizes of objects, and IoU against them, as the paper’s Fig. 8"
        yield "fig8-sizes", words, size_and_iou(found, source=label), found


def _examples(rows: pd.DataFrame, label: Source, folder: Path, dataset: Dataset) -> Drawn:
    """Name, caption, figure and table of images with their masks."""
    chosen = examples.slots(rows, (2, 4), rank_by=4)
    if not chosen.empty:
        found = examples.of_rows(attach(folder, chosen), dataset)
        drawn = figures.percentile_examples(found, titles=titles(rows.task), source=label)
        words = "Images at the 25th, 50th and 75th percentile of IoU, as the paper’s Fig. 3"
        yield "fig3-examples", words, drawn, examples.table(found)


def _saved(place: Path, name: str, caption: str, figure: Picture, table: pd.DataFrame) -> Html:
    """Write a figure and its table; the figure as it stands in the page."""
    place.mkdir(parents=True, exist_ok=True)
    for kind in ("png", "pdf"):
        with atomic(place / f"{name}.{kind}") as file:
            figure.savefig(file, format=kind, dpi=200, bbox_inches="tight")
    with atomic(place / f"{name}.csv") as file:
        table.to_csv(file, index=False)
    picture = tag("img", src=figures.data_uri(figure), alt=caption)
    return tag("figure", picture, tag("figcaption", f"{caption}. {place.name}/{name}"))


def _table(rows: pd.DataFrame) -> Html:
    """Mean IoU of each task by mode."""
    means = _named(summary.modes(rows))
    wide = means.pivot_table(index=["name", "choice"], columns="mode", values="iou", sort=False)
    wide.columns = pd.Index([f"mode {mode}" for mode in wide.columns])
    return html_table(wide.reset_index(), headers={"name": "task"}, caption="Mean IoU of each task")
