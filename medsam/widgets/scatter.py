"""Size of every object against its IoU, each point leading to its case (section 3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import traitlets

from medsam.analysis.examples import Example
from medsam.analysis.sizes import pooled, within
from medsam.errors import InputError, UnknownName
from medsam.figures.style import MODALITIES
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.cases import ModeWidget, around
from medsam.widgets.kit.state import CHOICES, Pools, number
from medsam.widgets.kit.still import Note, Still, example_still

MAX_OBJECTS = 2000
"""Of more objects, every second, third, ... is drawn: a page has to carry them."""

_OBJECT = ["task", "image"]
_MARGIN = 0.5  # around an object, as a part of it


def _rows(found: Mapping[str, pd.DataFrame], areas: Mapping[str, float]) -> pd.DataFrame:
    """All rows, with ``choice`` and sizes: ``share``, ``px`` and, where all are known, ``mm2``."""
    if unknown := [choice for choice in found if choice not in CHOICES]:
        raise UnknownName("choice of mask", unknown[0], CHOICES)
    rows = pd.concat([part.assign(choice=choice) for choice, part in found.items()])
    if rows.empty or rows.drop_duplicates(["dataset", *_OBJECT]).duplicated(_OBJECT).any():
        raise InputError(
            f"{len(rows)} rows of {rows.dataset.nunique()} datasets. Allowed: at least one row, "
            "each image and task of one dataset. Take rows from medsam.analysis.sizes.cases."
        )
    rows = rows.assign(share=rows["size"], px=rows.object_px)
    if set(rows.image) <= set(areas):
        rows["mm2"] = rows.object_px * rows.image.map(areas)
    return rows


def _drawn(once: pd.DataFrame, pictured: set[tuple[str, str]]) -> pd.DataFrame:
    """All objects, or of too many every n-th of each task by size, and those with a picture."""
    step = -(-len(once) // MAX_OBJECTS)
    opens = np.array([key in pictured for key in zip(once.task, once.image, strict=True)])
    return once[(once.groupby("task").cumcount() % step == 0) | opens]


def _correlations(part: pd.DataFrame, size: pd.Series) -> dict[str, list[Any]]:
    """``[rho, low, high, objects, tasks]`` of each task, and pooled over them as ``""``."""
    table = within(part.assign(size=size))
    both = pooled(table)
    found = {"": both[both.method == "spearman"].iloc[0].rename({"value": "rho"})}
    for _, row in table.iterrows():
        found[row.task] = row.rename({"rho_low": "low", "rho_high": "high"})
    return {
        task: [*map(number, one[["rho", "low", "high"]]), int(one.n), int(one.get("groups", 1))]
        for task, one in found.items()
    }


class SizeScatter(ModeWidget):
    """Size and IoU of each object, a point each; a point chosen tells, and may show, its case.

    Every point has its numbers; those that open a picture are filled diamonds, others rings.
    The selection is in the synced traits ``task`` (empty for all), ``mode``, ``choice``,
    ``axis`` and ``selected`` (place in ``objects``, -1: none).

    Parameters
    ----------
    found : mapping of str to DataFrame
        By choice of mask (``"top"``, ``"oracle"``), from :func:`medsam.analysis.sizes.cases`.
    examples : sequence of Example
        Cases that open a picture, each an object of ``found``; see
        :func:`medsam.analysis.examples.opening`.
    about : str
        What the rows are, in words.
    areas : mapping of str to float, optional
        Area of a pixel in mm², by image, from :func:`medsam.analysis.sizes.pixel_areas`. Sizes are
        told in mm² where every image has one.

    Raises
    ------
    InputError
        If nothing can be shown, or an example is not among the rows.
    UnknownName
        If there is no such choice of mask, or the selection names a task that is not there.
    """

    _esm = bundle(Path(__file__).with_suffix(".js"))
    _css = styles(Path(__file__).with_suffix(".css"))

    axis = traitlets.Unicode("share", help="Size as share, px or mm2.").tag(sync=True)
    selected = traitlets.Int(-1, help="Object whose case is shown; -1: none.").tag(sync=True)

    colours = traitlets.Dict(help="[modality, colour] of each task.").tag(sync=True)
    axes: traitlets.List[Any] = traitlets.List(help="Sizes there are, of AXES.").tag(sync=True)
    # From the smallest.
    objects: traitlets.List[Any] = traitlets.List(help="[task, image, sizes by axis]").tag(
        sync=True
    )
    ious = traitlets.Dict(help="IoU of each object by choice/mode; null: none.").tag(sync=True)
    rhos = traitlets.Dict(
        help="[rho, low, high, objects, tasks] by choice/mode/axis and task; empty: pooled."
    ).tag(sync=True)

    def __init__(
        self,
        found: Mapping[str, pd.DataFrame],
        examples: Sequence[Example] = (),
        about: str = "",
        areas: Mapping[str, float] | None = None,
    ):
        rows = _rows(found, areas or {})
        axes = [name for name in ("share", "px", "mm2") if name in rows]
        once = rows.drop_duplicates(_OBJECT).sort_values(["px", *_OBJECT], kind="stable")
        drawn = _drawn(once, {(e.task, e.image_id) for e in examples})
        if len(drawn) < len(once):
            about += f" Drawn: {len(drawn):,} of {len(once):,} objects; correlations: of all."
        place = {key: n for n, key in enumerate(zip(drawn.task, drawn.image, strict=True))}
        ious: dict[str, list[float | None]] = {}
        rhos: dict[str, dict[str, list[Any]]] = {}
        ranked: dict[bytes, dict[str, list[Any]]] = {}  # sizes in the same order: the same numbers
        for (choice, k), part in rows.groupby(["choice", "k"], sort=False):
            values = part.set_index(_OBJECT).iou.reindex(pd.MultiIndex.from_tuples(place))
            ious[f"{choice}/{k}"] = list(map(number, values))
            for axis in axes:
                order = f"{choice}/{k}".encode() + part[axis].rank().to_numpy().tobytes()
                if order not in ranked:
                    ranked[order] = _correlations(part, part[axis])
                rhos[f"{choice}/{k}/{axis}"] = ranked[order]
        pools = Pools()
        cases: dict[str, dict[str, Any]] = {}
        for e in examples:
            key, at = f"{e.choice}/{e.k}", place.get((e.task, e.image_id))
            if at is None or key not in ious or ious[key][at] is None:
                raise InputError(
                    f"Example {e.image_id!r} of task {e.task!r}, {key}: not among the rows. "
                    "Allowed: objects, choices and modes of the rows. Take others."
                )
            cases[f"{key}/{at}"] = pools.case(e, around(e.mask, e.prompt.points, _MARGIN))
        titles = rows.drop_duplicates("task")
        self._titles = dict(zip(titles.task, titles["name"], strict=True))
        first_choice, first_mode = next(iter(found)), int(rows.k.max())
        shown = [e for e in examples if (e.choice, e.k) == (first_choice, first_mode)]
        self._still = _few(shown)
        of_first = _few([e for e in shown if e.task == titles.task.iloc[0]]) or self._still
        middle = of_first[(len(of_first) - 1) // 2] if of_first else None
        super().__init__(
            about=about,
            tasks=[["", "All tasks"], *map(list, self._titles.items())],
            colours={
                task: [modality, MODALITIES.get(modality, MODALITIES["unknown"])]
                for task, modality in zip(titles.task, titles.modality, strict=True)
            },
            modes=map(int, rows.k.unique()),
            choices=found,
            axes=axes,
            objects=[
                [task, str(image), {a: float(f"{v:.6g}") for a, v in zip(axes, sizes, strict=True)}]
                for task, image, *sizes in drawn[[*_OBJECT, *axes]].itertuples(index=False)
            ],
            ious=ious,
            rhos=rhos,
            images=pools.images.values,
            masks=pools.masks.values,
            cases=cases,
            mode=first_mode,
            choice=first_choice,
            selected=place[middle.task, middle.image_id] if middle else -1,
        )

    @traitlets.validate("selected")
    def _object_is_there(self, proposal: Mapping[str, Any]) -> int:
        value, last = int(proposal["value"]), len(self.objects) - 1
        if last >= 0 and not -1 <= value <= last:
            raise InputError(f"Object {value}. Allowed: -1 (none) to {last}.")
        return value

    def still(self) -> Still | Note:
        """A small, a middling and a large object, for a reader whose browser runs no scripts."""
        if not self._still:
            return Note("")
        kind = f"{CHOICES[self._still[0].choice]}, mode {self._still[0].k}"
        each = "; ".join(
            f"{self._titles[e.task]}, {e.image_id}: {int(e.mask.sum()):,} pixels, IoU {e.iou:.3f}"
            for e in self._still
        )
        drawn = (
            f"From left to right: {each}. Ground truth in green, "
            f"the prediction in red, the prompt in teal ({kind})."
        )
        more = "With JavaScript enabled you can choose a point to see its case."
        parts = [(e, around(e.mask, e.prompt.points, _MARGIN)) for e in self._still]
        return example_still(parts, drawn, more)


def _few(examples: Sequence[Example]) -> list[Example]:
    """The smallest, the middle and the largest object."""
    ranked = sorted(examples, key=lambda e: (int(e.mask.sum()), e.task, e.image_id))
    last = len(ranked) - 1
    return [ranked[i] for i in sorted({0, last // 2, last})] if ranked else []
