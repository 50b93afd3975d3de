"""Where ties are decided: which of several equally central pixels is clicked."""

from __future__ import annotations

import hashlib

import numpy as np

from medsam.protocol import Protocol

__all__ = ["Draw"]


class Draw:
    """Where ties are decided.

    Under ``random="derived"`` each draw has a generator of its own, derived from the seed
    and the keys of what is drawn for; under ``"stream"`` all draws come from one legacy
    generator, so that a draw depends on every draw before it.

    Parameters
    ----------
    protocol : Protocol
        Its ``random`` field decides.
    seed : int
        Seed of the run.
    """

    def __init__(self, protocol: Protocol, seed: int = 0):
        self.kind, self.seed = protocol.random, int(seed)
        stream = self.kind == "stream"
        self._stream = np.random.RandomState(self.seed % 2**32) if stream else None

    def index(self, n: int, *keys: object) -> int:
        """An index in ``range(n)``, uniform.

        Parameters
        ----------
        n : int
            Number of equally good candidates.
        *keys : object
            What is drawn for, such as task, image and click; ``str`` of each is hashed.
        """
        if self._stream is not None:
            return int(self._stream.randint(0, n))
        if n == 1:
            return 0
        text = "\x1f".join(map(str, (self.seed, *keys)))
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        return int(np.random.default_rng(int.from_bytes(digest)).integers(n))

    def get_state(self) -> list[int]:
        """State of the stream, as a list that JSON can hold (empty when derived)."""
        if self._stream is None:
            return []
        _, keys, position, _, _ = self._stream.get_state(legacy=True)
        return [*np.asarray(keys).tolist(), int(position)]

    def set_state(self, state: list[int]) -> None:
        """Go on from a state that :meth:`get_state` gave."""
        if self._stream is not None:
            self._stream.set_state(("MT19937", np.array(state[:-1], np.uint32), state[-1], 0, 0.0))
