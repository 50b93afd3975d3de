"""Size of every object against its IoU, each point leading to its case (section 3.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from medsam.errors import InputError, UnknownName
from medsam.prompts import MODES
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.runs import runs_text
from medsam.widgets.kit.state import Pool, data_uri, number

if TYPE_CHECKING:
    import pandas as pd

    from medsam.examples import Example

__all__ = ["SizeScatter", "opening"]


def opening(found: pd.DataFrame) -> pd.DataFrame:
    """Which objects of each task open a picture: the smallest, the median and the largest.

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.sizes.cases`.

    Returns
    -------
    DataFrame
        ``task, image``; at most three rows a task, in the order of the tasks.
    """
    once = found.drop_duplicates(["dataset", "task", "image"])
    kept = []
    for _, part in once.groupby(["dataset", "task"], sort=False):
        ranked = part.sort_values(["object_px", "image"], kind="stable")
        kept += [ranked.index[i] for i in sorted({0, (len(ranked) - 1) // 2, len(ranked) - 1})]
    return found.loc[kept, ["task", "image"]].reset_index(drop=True)


class SizeScatter(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Choose a mode and a task; see size and IoU of each object, and the case of a point.

    Every point has its numbers; those with a picture are filled. The selection is in the synced
    traits ``mode``, ``task`` (empty for all) and ``selected`` (place in ``objects``, -1: none).

    Parameters
    ----------
    found : DataFrame
        From :func:`medsam.sizes.cases`, of one choice of mask and one dataset.
    examples : sequence of Example
        Cases that open a picture; each must be an object and mode of ``found``.
    about : str
        What the rows are, in words.

    Raises
    ------
    InputError
        If nothing can be shown, or an example is not among the rows.
    UnknownName
        If the selection names a task that is not there.
    """

    _esm = bundle(Path(__file__).with_suffix(".js"))
    _css = styles(Path(__file__).with_suffix(".css"))

    mode = traitlets.Int(help="Mode shown, 1 to 5.").tag(sync=True)
    task = traitlets.Unicode(help="Key of the task shown; empty: all.").tag(sync=True)
    selected = traitlets.Int(-1, help="Object whose card is shown; -1: none.").tag(sync=True)

    about = traitlets.Unicode(help="What the rows are.").tag(sync=True)
    tasks: traitlets.List[Any] = traitlets.List(help="[key, title, colour].").tag(sync=True)
    modes: traitlets.List[Any] = traitlets.List(help="[mode, words] of each mode.").tag(sync=True)
    objects: traitlets.List[Any] = traitlets.List(
        help="[task, image, pixels, share of the image], from the smallest."
    ).tag(sync=True)
    ious = traitlets.Dict(help="IoU of each object, by mode; null: no result.").tag(sync=True)
    rhos = traitlets.Dict(help="[Spearman's rho, objects] by mode and task.").tag(sync=True)
    images = traitlets.Dict(help="Pictures as data URIs, by name.").tag(sync=True)
    masks = traitlets.Dict(help="Masks: run lengths as text, by name.").tag(sync=True)
    cases = traitlets.Dict(help="Pictures of a case by mode and place.").tag(sync=True)

    def __init__(self, found: pd.DataFrame, examples: Sequence[Example] = (), about: str = ""):
        from medsam.correlation import relation
        from medsam.figures.style import MODALITIES

        if found.empty or found.dataset.nunique() > 1:
            raise InputError(
                f"{len(found)} rows of {found.dataset.nunique()} datasets. Allowed: at least one "
                "row, of one dataset. Take rows from medsam.sizes.cases."
            )
        once = found.drop_duplicates(["task", "image"])
        once = once.sort_values(["object_px", "task", "image"], kind="stable")
        place = {key: n for n, key in enumerate(zip(once.task, once.image, strict=True))}
        modes = sorted(int(k) for k in found.k.unique())
        ious: dict[str, list[float | None]] = {str(k): [None] * len(once) for k in modes}
        for task, image, k, iou in zip(found.task, found.image, found.k, found.iou, strict=True):
            ious[str(k)][place[task, image]] = number(iou)
        rhos = {}
        for k in modes:
            of_mode = found[found.k == k]
            for task in ("", *dict.fromkeys(found.task)):
                part = of_mode if not task else of_mode[of_mode.task == task]
                rho = relation(part["size"], part.iou).rho if len(part) else float("nan")
                rhos[f"{k}/{task}"] = [number(rho), len(part)]
        images, masks = Pool("i", data_uri), Pool("m", runs_text)
        cases: dict[str, dict[str, Any]] = {}
        for e in examples:
            if (e.task, e.image_id) not in place or str(e.k) not in ious:
                raise InputError(
                    f"Example {e.image_id!r} of task {e.task!r}, mode {e.k}: not among the rows. "
                    "Allowed: objects and modes of the rows. Choose with opening."
                )
            cases[f"{e.k}/{place[e.task, e.image_id]}"] = {
                "size": list(e.mask.shape),
                "image": images.add(e.image),
                "truth": masks.add(e.mask),
                "prediction": masks.add(e.prediction),
                **{"points": [], "labels": [], "boxes": []},
                **json.loads(e.prompt.to_json()),
            }
        titles = found.drop_duplicates("task")
        colours = [MODALITIES.get(m, MODALITIES["unknown"]) for m in titles.modality]
        super().__init__(
            about=about,
            tasks=[list(t) for t in zip(titles.task, titles["name"], colours, strict=True)],
            modes=[[k, MODES[k]] for k in modes],
            objects=[
                [task, str(image), int(px), round(float(share), 6)]
                for task, image, px, share in zip(
                    once.task, once.image, once.object_px, once["size"], strict=True
                )
            ],
            ious=ious,
            rhos=rhos,
            images=images.values,
            masks=masks.values,
            cases=cases,
            mode=modes[0],
        )

    @traitlets.validate("mode")
    def _mode_is_there(self, proposal: Mapping[str, Any]) -> int:
        allowed = [k for k, _ in self.modes]
        if allowed and proposal["value"] not in allowed:
            raise InputError(f"Mode {proposal['value']}. Allowed: {', '.join(map(str, allowed))}.")
        return int(proposal["value"])

    @traitlets.validate("task")
    def _task_is_there(self, proposal: Mapping[str, Any]) -> str:
        allowed = [key for key, *_ in self.tasks]
        if allowed and proposal["value"] and proposal["value"] not in allowed:
            raise UnknownName("task", proposal["value"], allowed)
        return str(proposal["value"])

    @traitlets.validate("selected")
    def _object_is_there(self, proposal: Mapping[str, Any]) -> int:
        value, last = int(proposal["value"]), len(self.objects) - 1
        if last >= 0 and not -1 <= value <= last:
            raise InputError(f"Object {value}. Allowed: -1 (none) to {last}.")
        return value

    def __repr__(self) -> str:
        """Words for where no widget can be shown."""
        return (
            f"SizeScatter({self.about}; {len(self.objects)} objects of {len(self.tasks)} tasks, "
            f"{len(self.cases)} pictures)"
        )
