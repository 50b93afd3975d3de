"""What the page on segment-everything shows: grids of this run, and those computed earlier."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import Field

from medsam.datasets.sample import Sample
from medsam.datasets.subsets import parts_of
from medsam.models.contract import PromptableModel
from medsam.pages.study import Settings, Study
from medsam.study import everything, runner
from medsam.study.evaluate import Scores
from medsam.study.everything import SIDES, Filters, Grid


class EverythingSettings(Settings):
    """Parameters of the page on segment-everything."""

    experiments: ClassVar[tuple[str, ...]] = ("mode",)

    sides: str | int | list[int] = Field(
        str(SIDES[0]), description="Points along a side, joined with commas."
    )
    ids: str = Field(
        "",
        description="Ids of images, joined with commas; by default of each modality that of most "
        "objects.",
    )
    min_score: float = Field(
        Filters.min_score, description="Masks of a lower estimated IoU are dropped."
    )
    min_stability: float = Field(
        Filters.min_stability, description="Masks of a lower stability are dropped."
    )


class Everything(Study):
    """Segment everything on some images, beside a study of the same data.

    Parameters
    ----------
    settings : EverythingSettings
    model : PromptableModel, optional
        As of :class:`~medsam.pages.study.Study`.
    earlier : Path
        Grids that were computed earlier, which come with the package.

    Attributes
    ----------
    sides : list of int
        Points along a side, in order.
    """

    settings: EverythingSettings

    def __init__(
        self,
        settings: EverythingSettings,
        model: PromptableModel | None = None,
        earlier: Path = everything.MEASURED,
    ):
        super().__init__(settings, model)
        given = settings.sides if isinstance(settings.sides, list) else [settings.sides]
        self.sides = everything.checked_sides(given)
        self._filters = Filters(settings.min_score, settings.min_stability)
        self._earlier = earlier
        words = [word.strip() for word in settings.ids.split(",") if word.strip()]
        wanted = words or everything.busiest(self.dataset)
        self.dataset = everything.only(self.dataset, wanted)

    @cached_property
    def samples(self) -> dict[str, Sample]:
        """The images."""
        return {case.id: case.load() for case in self.dataset.cases()}

    @cached_property
    def grids(self) -> list[tuple[Grid, bool]]:
        """Every grid by image and side, and whether this run computed it.

        Those that the folder lacks are computed. Of the grids computed earlier those count that
        this run would give: of the same image, model, weights, data and filters; and only at
        sides that this run has not computed.
        """
        folder = Path(self.settings.results)
        runner.run(
            self.dataset,
            self.model,
            folder,
            self.protocol,
            seed=self.settings.seed,
            experiments=("everything",),
            sides=self.sides,
            filters=self._filters,
        )
        signed = {
            case.id: everything.signature(part, self.model, self._filters)
            for part in parts_of(self.dataset)
            for case in part.cases()
        }
        here = [
            everything.load(everything.place(folder, signed[image], image, side))
            for image in self.samples
            for side in self.sides
        ]
        digests = {grid.image: grid.digest for grid in here}
        earlier = [
            grid
            for grid in everything.stored(self._earlier)
            if grid.identity == signed.get(grid.image)
            and grid.digest == digests.get(grid.image)
            and grid.side not in self.sides
        ]
        all_grids = [*((grid, True) for grid in here), *((grid, False) for grid in earlier)]
        return sorted(all_grids, key=lambda one: (one[0].image, one[0].side))

    def grids_of(self, image: str) -> list[tuple[Grid, bool]]:
        """The grids of one image."""
        return [one for one in self.grids if one[0].image == image]

    @cached_property
    def objects(self) -> pd.DataFrame:
        """The best mask of each object: ``task, name, image, k, iou, score, here, ...``."""
        table = pd.DataFrame(
            everything.row_of(Scores(sample, "none"), task, grid, self.protocol)
            | {"image": grid.image, "here": here}
            for grid, here in self.grids
            for sample in [self.samples[grid.image]]
            for task in sample.masks
        )
        table = table[table.status == "ok"]
        return table.assign(name=table.task.map(self.titles))

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Of each grid: ``image, k, points, masks, seconds, cpu_seconds, here, machine``."""
        return pd.DataFrame(
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
            for grid, here in self.grids
        )

    @cached_property
    def means(self) -> pd.DataFrame:
        """IoU of the best mask, mean of images: ``task, name, k, iou, n, here``.

        ``k`` 0 is mode 2 on the same images, a point on each part of the object, with the oracle.
        """
        rows = self.rows.query("experiment == 'mode' and k == 2 and choice == 'oracle'")
        mode2 = rows[rows.image.isin(self.samples) & (rows.status == "ok")]
        mode2 = mode2.assign(k=0, here=True, name=mode2.task.map(self.titles))
        columns = ["task", "name", "image", "k", "iou", "here"]
        both = pd.concat([self.objects[columns], mode2[columns].astype({"k": int})])
        grouped = both.groupby(["task", "name", "k"], sort=False)
        return grouped.agg(
            iou=("iou", "mean"), n=("image", "nunique"), here=("here", "all")
        ).reset_index()

    def findings(self) -> dict[str, float | int | str]:
        """The numbers that the text quotes.

        Returns
        -------
        dict
            ``images`` and ``objects``; ``here``: the sides that this run computed; of the ``all``
            objects that every grid was laid over: ``coarsest``, ``finest``: points a side, with
            ``-iou``, the mean of the best masks; ``mode2``: that of mode 2 with the oracle;
            ``better``, ``worse``: objects whose best mask changes by more than 0.01 from the
            coarsest to the finest grid; ``half``: those with an IoU above 0.5 at the finest.
        """
        grids = self.objects.pivot_table(index=["image", "task"], columns="k", values="iou")
        wide = grids.dropna()
        coarsest, finest = wide.columns[0], wide.columns[-1]
        change = wide[finest] - wide[coarsest]
        tasks = wide.index.get_level_values("task")
        mode2 = self.means[(self.means.k == 0) & self.means.task.isin(tasks)]
        return {
            "images": len(self.samples),
            "objects": len(grids),
            "all": len(wide),
            "here": ", ".join(map(str, self.sides)),
            "coarsest": int(coarsest),
            "coarsest-iou": float(wide[coarsest].mean()),
            "finest": int(finest),
            "finest-iou": float(wide[finest].mean()),
            "mode2": float(mode2.iou.mean()),
            "better": int((change > 0.01).sum()),
            "worse": int((change < -0.01).sum()),
            "half": int((wide[finest] > 0.5).sum()),
        }
