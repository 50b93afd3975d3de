"""The stages of a run and their costs: a model of how long a larger one takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from medsam.errors import InputError

__all__ = ["ONCE", "STAGES", "Stages"]

STAGES = {
    "start": "start Python",
    "load": "load the model",
    "open": "open the dataset",
    "read": "read the image",
    "encode": "encode the image",
    "simulate": "make the prompts",
    "decode": "answer the prompts",
    "metrics": "choose masks, metrics",
    "write": "write the rows",
    "merge": "merge the parts",
}
"""Each stage, in order, in words."""

ONCE = ("start", "load", "open")
"""Those of a process; the others are of an image, an embedding or a prompt."""
_IMAGE = ("read", "write")
_PROMPT = ("simulate", "decode", "metrics")


def check_workers(workers: int) -> None:
    """Stop where nobody would work.

    Raises
    ------
    InputError
        If there is no worker.
    """
    if workers < 1:
        raise InputError(f"{workers} workers. Allowed: a whole number from 1. Choose another.")


@dataclass(frozen=True)
class Stages:
    """Seconds of each stage, on one worker (a core, or a GPU with one).

    Attributes
    ----------
    start, load, open : float
        Of each process, once: Python and the libraries; the model's weights; what a dataset reads
        before its first image.
    read, write : float
        Of an image: its pixels and masks; its rows.
    encode : float
        Of an embedding.
    simulate, decode, metrics : float
        Of a prompt: where it is put; the model's answer; the choice of the mask and all that is
        measured of it. Of an object five modes and two times nine clicks are counted, as in
        :data:`medsam.plan.PROMPTS`, also where a prompt is not asked because it was asked before,
        or because no error is left: so these are means, below the seconds of a prompt alone.
    merge : float
        Of an image, by one process at the end. The only stage that workers do not share.
    """

    start: float = 0.0
    load: float = 0.0
    open: float = 0.0
    read: float = 0.0
    encode: float = 0.0
    simulate: float = 0.0
    decode: float = 0.0
    metrics: float = 0.0
    write: float = 0.0
    merge: float = 0.0

    def __post_init__(self) -> None:
        for name, seconds in asdict(self).items():
            # Also true of NaN.
            if not seconds >= 0:
                raise InputError(
                    f"Stage {name!r} of {seconds} seconds. Allowed: a number from 0. Measure it "
                    "with medsam.scaling.probe."
                )

    def seconds(
        self, images: float, embeddings: float, prompts: float, processes: float = 1
    ) -> dict[str, float]:
        """Seconds of each stage, of all processes together.

        Parameters
        ----------
        images : float
            How often an image is read. In a study each task reads its own images, so that this is
            the number of embeddings.
        embeddings, prompts : float
            How often one is encoded, and prompts, counted as above.
        processes : float
            How many are started.

        Returns
        -------
        dict of str to float
            The keys of :data:`STAGES`, in order.
        """
        times = dict.fromkeys(ONCE, processes) | dict.fromkeys((*_IMAGE, "merge"), images)
        times |= dict.fromkeys(_PROMPT, prompts) | {"encode": embeddings}
        costs = asdict(self)
        return {name: costs[name] * times[name] for name in STAGES}

    def total(
        self,
        images: float,
        embeddings: float,
        prompts: float,
        workers: int = 1,
        processes: int | None = None,
    ) -> float:
        """Seconds on the wall when workers share the work evenly, by Amdahl's law.

        What is done once a process does not shrink below one process a worker, and the merge
        is done by one. Waiting for a share that is larger than the others is not in it; see
        :func:`medsam.scaling.full.makespan`.

        Parameters
        ----------
        images, embeddings, prompts : float
            See :meth:`seconds`.
        workers : int
            Processes at a time.
        processes : int, optional
            All that are started, one after the other on each worker; as many as workers by default.

        Raises
        ------
        InputError
            If there is no worker.
        """
        check_workers(workers)
        started = max(workers, processes or workers)
        shared = self.seconds(images, embeddings, prompts, started)
        serial = shared.pop("merge")
        return sum(shared.values()) / workers + serial
