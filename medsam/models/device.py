"""Where a torch model runs, in which precision, and what is done when memory is short."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray

from medsam.errors import InputError, MedsamError

PRECISIONS = {
    "cuda": ("float32", "float16", "bfloat16"),
    "mps": ("float32", "float16"),
    "cpu": ("float32", "bfloat16"),
}
"""Kinds of device, and the precisions that each computes an encoder in.

Anything but ``float32`` changes masks, also where prompts and masks stay ``float32``, as they do
here: rounding passes from block to block. ``bfloat16`` keeps 8 bits of a number, ``float16`` 11.
"""

_Item = TypeVar("_Item")
_Out = TypeVar("_Out")


class MemoryNote(UserWarning):
    """A batch that did not fit into memory and was made smaller. At most last bits change."""


@dataclass(frozen=True)
class Runtime:
    """A device and a precision that are there.

    Attributes
    ----------
    device : str
        ``"cpu"``, ``"mps"``, ``"cuda"`` or ``"cuda:1"``.
    precision : str
        ``"float32"``, ``"float16"`` or ``"bfloat16"``.
    """

    device: str
    precision: str

    @classmethod
    def choose(cls, device: str = "auto", precision: str = "float32") -> Runtime:
        """The device and the precision asked for, if this machine has them.

        Parameters
        ----------
        device : str
            ``"auto"`` takes CUDA, else MPS, else the CPU.
        precision : str
            Of :data:`PRECISIONS` for that device.

        Raises
        ------
        InputError
            Says which devices and precisions there are.

        Examples
        --------
        >>> Runtime.choose("cpu", "bfloat16")
        Runtime(device='cpu', precision='bfloat16')
        """
        devices = _devices()
        chosen = devices[0] if device == "auto" else device
        if chosen not in devices:
            raise InputError(
                f"Device {device!r}. Allowed on this machine, with torch {torch.__version__}: "
                f"auto, {', '.join(devices)}. Choose one of them, or install a torch build for it."
            )
        precisions = _precisions(chosen)
        if precision not in precisions:
            raise InputError(
                f"Precision {precision!r} on {chosen}. Allowed there: {', '.join(precisions)}. "
                "Choose one of them or another device."
            )
        return cls(chosen, precision)

    @staticmethod
    def here() -> str:
        """The devices of this machine in words, each with its precisions; the best first."""
        found = []
        for device in _devices():
            if device == "cuda":
                continue
            name = torch.cuda.get_device_name(device) if device.startswith("cuda") else ""
            cores = f"threads: {torch.get_num_threads()}" if device == "cpu" else name
            words = ", ".join(filter(None, [cores, *_precisions(device)]))
            found.append(f"{device} ({words})")
        return "; ".join(found)

    def autocast(self) -> AbstractContextManager[Any]:
        """Context in which matrix products are computed in the precision."""
        if self.precision == "float32":
            return nullcontext()
        kind = self.device.partition(":")[0]
        return torch.autocast(kind, getattr(torch, self.precision))


def _devices() -> list[str]:
    """What a model may be put on here, the best first."""
    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.insert(0, "mps")
    if torch.cuda.is_available():
        devices[:0] = ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    return devices


def _precisions(device: str) -> tuple[str, ...]:
    kind = device.partition(":")[0]
    limited = kind == "cuda" and not torch.cuda.is_bf16_supported()
    return PRECISIONS[kind][:2] if limited else PRECISIONS[kind]


def to_host(tensors: Sequence[torch.Tensor]) -> list[NDArray[Any]]:
    """Arrays of tensors of one device, which is waited for once.

    Examples
    --------
    >>> [array.tolist() for array in to_host([torch.ones(2), torch.tensor([[True]])])]
    [[1.0, 1.0], [[True]]]
    """
    arrays = [one.to("cpu", non_blocking=True) for one in tensors]
    if tensors and tensors[0].device.type != "cpu":
        torch.accelerator.synchronize(tensors[0].device)
    return [one.numpy() for one in arrays]


def in_batches(
    items: Sequence[_Item],
    size: int,
    compute: Callable[[Sequence[_Item]], Sequence[_Out]],
    what: str,
) -> tuple[list[_Out], int]:
    """Compute items some at a time; when memory is short, fewer at a time.

    Parameters
    ----------
    items : sequence
    size : int
        At most that many at once.
    compute : callable
        Items to as many results.
    what : str
        What an item is, for the messages.

    Returns
    -------
    results, size
        ``size`` is what fitted, for the next time.

    Warns
    -----
    MemoryNote
        Each time the batch is made smaller.

    Raises
    ------
    MedsamError
        If a single item does not fit.

    Examples
    --------
    >>> in_batches([1, 2, 3], 2, lambda some: [2 * x for x in some], "number")
    ([2, 4, 6], 2)
    """
    out: list[_Out] = []
    while len(out) < len(items):
        batch = items[len(out) : len(out) + size]
        try:
            out += compute(batch)
            continue
        except (RuntimeError, MemoryError) as error:
            if not _is_memory(error):
                raise
            short = str(error).strip().partition("\n")[0]
        # Outside of the handler: until here the error's traceback holds what did not fit.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()
        if len(batch) == 1:
            raise MedsamError(
                f"Out of memory with a single {what} ({short}). Allowed: a device on which one "
                "fits. Close other programs, or choose device='cpu' or a smaller model."
            )
        size = len(batch) // 2
        warnings.warn(
            f"Out of memory with {len(batch)} {what}s at a time: going on with {size}.",
            MemoryNote,
            stacklevel=3,
        )
    return out, size


def _is_memory(error: BaseException) -> bool:
    # MPS and the CPU's allocator raise a plain RuntimeError.
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "out of memory" in text or "can't allocate memory" in text
    )
