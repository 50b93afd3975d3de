"""What the page on segment-everything shows: grids of this run, and those computed earlier."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from pydantic import Field

from medsam import grids
from medsam.datasets.sample import Sample
from medsam.everything import MEASURED, SIDES, busiest, cases_of, numbers, run
from medsam.grids import Filters, Grid
from medsam.models.contract import PromptableModel
from medsam.notebook import Settings, Study
from medsam.objects import rows_of

__all__ = ["Everything", "EverythingSettings"]


class EverythingSettings(Settings):
    """Parameters of the page on segment-everything."""

    everything: str = Field(
        "_build/everything", description="Results folder of `medsam everything`."
    )
    sides: str = Field(
        ",".join(map(str, SIDES)), description="Points along a side, joined with commas."
    )
    ids: str = Field(
        "", description="Ids of images, joined with commas; by default that of most objects."
    )
    min_score: float = Field(
        Filters.min_score, description="Masks of a lower estimated IoU are dropped."
    )
    min_stability: float = Field(
        Filters.min_stability, description="Masks of a lower stability are dropped."
    )


@dataclass(frozen=True)
class Everything:
    """Segment everything on some images; computed first where the folder lacks it.

    Parameters
    ----------
    settings : EverythingSettings

    Raises
    ------
    UnknownName
        If the model, the protocol or a task does not exist; before any compute.
    """

    settings: EverythingSettings

    def __post_init__(self) -> None:
        assert self.study.titles
        assert self.sides

    @cached_property
    def study(self) -> Study:
        """The study of the same data: its model, and the results of mode 2."""
        return Study(self.settings)

    @property
    def model(self) -> PromptableModel:
        """The model."""
        return self.study.model

    @property
    def filters(self) -> Filters:
        """Which masks are kept."""
        return Filters(self.settings.min_score, self.settings.min_stability)

    @property
    def sides(self) -> list[int]:
        """Points along a side, in order."""
        return sorted(set(numbers([self.settings.sides])))

    @property
    def label(self) -> str:
        """Model and data in a few words."""
        return f"{self.settings.model} on {self.study.dataset.title}"

    @cached_property
    def samples(self) -> dict[str, Sample]:
        """The images."""
        words = [word.strip() for word in self.settings.ids.split(",") if word.strip()]
        wanted = words or [busiest(self.study.dataset)]
        chosen = cases_of(self.study.dataset, wanted)
        return {case.id: case.load() for case in chosen}

    @cached_property
    def found(self) -> list[tuple[Grid, bool]]:
        """Every grid by image and side, and whether this run computed it.

        Of the grids computed earlier those count that this run would give: of the same image,
        model, weights, data and filters; and only at sides that this run has not computed.
        """
        folder = Path(self.settings.everything)
        run(
            self.study.dataset,
            self.model,
            folder,
            sides=self.sides,
            images=self.samples,
            filters=self.filters,
            protocol=self.study.protocol,
        )
        signed = grids.signature(self.study.dataset, self.model, self.filters)
        here = [
            (grids.load(grids.place(folder, signed, image, side)), True)
            for image in self.samples
            for side in self.sides
        ]
        have = {(grid.image, grid.side) for grid, _ in here}
        digests = {grid.image: grid.digest for grid, _ in here}
        earlier = [
            (grid, False)
            for grid in grids.stored(MEASURED)
            if (grid.image, grid.side) not in have
            and grid.identity == signed
            and grid.digest == digests.get(grid.image)
        ]
        return sorted(here + earlier, key=lambda one: (one[0].image, one[0].side))

    def of(self, image: str) -> list[tuple[Grid, bool]]:
        """The grids of one image."""
        return [one for one in self.found if one[0].image == image]

    @cached_property
    def objects(self) -> pd.DataFrame:
        """The best mask of each object: ``task, name, image, k, iou, score, here, ...``."""
        rows = [
            row | {"image": grid.image, "here": here}
            for grid, here in self.found
            for task in self.samples[grid.image].masks
            for row in rows_of(
                self.samples[grid.image], task, {grid.side: grid}, self.study.protocol
            )
        ]
        table = pd.DataFrame(rows)
        table = table[table.status == "ok"]
        return table.assign(name=table.task.map(self.study.titles))

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Of each grid: ``image, k, points, masks, seconds, cpu_seconds, here, machine``."""
        return pd.DataFrame(
            [
                {
                    "image": grid.image,
                    "k": grid.side,
                    "points": grid.points,
                    "masks": len(grid.found),
                    "seconds": grid.seconds,
                    "cpu_seconds": grid.cpu_seconds,
                    "here": here,
                    "created": grid.created,
                    "machine": grid.versions["machine"],
                }
                for grid, here in self.found
            ]
        )

    @cached_property
    def means(self) -> pd.DataFrame:
        """IoU of the best mask, mean of images: ``task, name, k, iou, n, here``.

        ``k`` 0 is mode 2 on the same images, a point on each part of the object, with the oracle.
        """
        rows = self.study.rows.query("experiment == 'mode' and k == 2 and choice == 'oracle'")
        mode2 = rows[rows.image.isin(self.samples) & (rows.status == "ok")]
        mode2 = mode2.assign(k=0, here=True, name=mode2.task.map(self.study.titles))
        columns = ["task", "name", "image", "k", "iou", "here"]
        both = pd.concat([self.objects[columns], mode2[columns].astype({"k": int})])
        grouped = both.groupby(["task", "name", "k"], sort=False)
        return grouped.agg(
            iou=("iou", "mean"), n=("image", "nunique"), here=("here", "all")
        ).reset_index()

    def findings(self) -> dict[str, float | int | str]:
        """The numbers and words that the text quotes.

        Returns
        -------
        dict
            ``images`` and ``objects``; ``here`` (the sides that this run computed) and
            ``earlier-words``; ``counts-words``, ``one-words``: masks side by side, and those of
            the finest grid; ``ious-words``: mean IoU of the best masks; ``mode2``: that of mode 2
            with the oracle; ``better``, ``worse``: objects whose best mask changes by more than
            0.01 from the coarsest to the finest grid; ``half``: objects with an IoU above 0.5 at
            the finest.
        """
        table, counts = self.objects, self.counts
        wide = table.pivot_table(index=["image", "task"], columns="k", values="iou")
        change = (wide[wide.columns[-1]] - wide[wide.columns[0]]).dropna()
        masks = counts.groupby("k").masks
        told = [
            f"{total} {'mask' if total == 1 else 'masks'} at {side} points a side"
            for side, total in masks.sum().to_dict().items()
        ]
        ious = [f"{value:.3f} ({side} a side)" for side, value in wide.mean().to_dict().items()]
        mode2 = self.means[self.means.k == 0]
        n = len(self.samples)
        return {
            "images": f"n = {n} {'image' if n == 1 else 'images'}",
            "objects": len(wide),
            "here": _listed([str(side) for side in self.sides]),
            "earlier-words": self._earlier(),
            "one-words": self._one(),
            "counts-words": f"The grids give {_listed(told)}",
            "ious-words": _listed(ious),
            "mode2": float(mode2.iou.mean()),
            "better": int((change > 0.01).sum()),
            "worse": int((change < -0.01).sum()),
            "half": int((wide[wide.columns[-1]] > 0.5).sum()),
        }

    def _one(self) -> str:
        """How much of the image the masks of the finest grid cover."""
        grid = max((grid for grid, _ in self.found), key=lambda grid: grid.side)
        if not grid.found:
            return f"At {grid.side} points a side nothing passes the filters."
        largest = max(grid.found, key=lambda one: one.area)
        share = largest.area / (grid.size[0] * grid.size[1])
        return (
            f"The largest of those at {grid.side} points a side covers {100 * share:.0f} % of "
            f"image {grid.image}, the smallest {min(one.area for one in grid.found)} pixels."
        )

    def _earlier(self) -> str:
        earlier = self.counts[~self.counts.here]
        if earlier.empty:
            return "Nothing was computed earlier: all grids are of this run."
        sides = _listed([str(side) for side in sorted(set(earlier.k))])
        days = _listed(sorted({day[:10] for day in earlier.created}))
        return (
            f"Grids of {sides} points a side (grey badge) were computed earlier, on {days}, and "
            "come with the package: they take too long for this page."
        )


def _listed(words: list[str]) -> str:
    """Words of a sentence.

    Examples
    --------
    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
