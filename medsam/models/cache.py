"""Embeddings on disk: an image is encoded once for all runs of a model.

One NumPy archive an embedding, named by the hash of what it depends on: the pixels, and the model's
name and provenance (with the sha256 of its weights). A file is written whole or not at all; an
archive has checksums, and holds its own name. One that is torn or of something else is reported and
computed again, never used.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
import warnings
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medsam.errors import InputError, ResultsError
from medsam.files import atomic
from medsam.models.contract import Embedding, PromptableModel, WrappedModel

_ABANDONED = 3600
"""Seconds after which a file that was never finished is one that a killed process left."""


class CacheNote(UserWarning):
    """A file of the cache that could not be used, and why; its embedding is computed again."""


class CachedModel(WrappedModel):
    """A model whose embeddings are kept on disk. Any number of processes may share a folder.

    Features are stored as they are, so that rows are those of a run without a cache.

    Parameters
    ----------
    model : PromptableModel
        Its features must be an array or a tensor, or a list of them; else embedding fails.
    folder : Path
        Made if it is not there.
    limit : int or None
        Bytes that the folder may take. When they are taken, what is there stays and no more is
        kept: a study that asks for images in the same order again finds the first of them.
        ``None``: no limit.

    Attributes
    ----------
    hits, misses, left_out : int
        Embeddings found, computed, and of these not kept as the folder was full.

    Raises
    ------
    InputError
        If the limit is not positive.
    ResultsError
        If the folder cannot be written, on embedding.
    """

    def __init__(self, model: PromptableModel, folder: Path, *, limit: int | None = 4 * 2**30):
        if limit is not None and limit <= 0:
            raise InputError(
                f"A cache limited to {limit} bytes. Allowed: more than 0. "
                "Leave the cache out instead."
            )
        self.model, self.folder, self.limit = model, Path(folder), limit
        self.name, self.accepts, self.concurrent = model.name, model.accepts, model.concurrent
        self.hits = self.misses = self.left_out = 0
        about = {"model": model.name, "provenance": model.provenance()}
        self._about = json.dumps(about, sort_keys=True).encode()

    @property
    def summary(self) -> str:
        """How many embeddings were found, computed and not kept, as a line."""
        full = f", {self.left_out} of them not kept: the folder is full" if self.left_out else ""
        return f"Embeddings in {self.folder}: {self.hits} found, {self.misses} computed{full}."

    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """The embedding of an image, from disk where it is there; see :meth:`embed_many`."""
        return self.embed_many([image])[0]

    def embed_many(self, images: Sequence[NDArray[np.uint8]]) -> list[Embedding]:
        """The embeddings of images, from disk where they are there; the others made together.

        Warns
        -----
        CacheNote
            If a file cannot be used.

        Raises
        ------
        ResultsError
            If the folder cannot be written.
        """
        paths = [self._path(image) for image in images]
        features = [_read(path) for path in paths]
        due = [i for i, found in enumerate(features) if found is None]
        self.hits += len(images) - len(due)
        self.misses += len(due)
        made = dict(zip(due, self.model.embed_many([images[i] for i in due]), strict=True))
        for i, embedding in made.items():
            self._write(paths[i], embedding.features)
        return [
            made[i] if one is None else Embedding(one, image.shape[:2], self.name)
            for i, (image, one) in enumerate(zip(images, features, strict=True))
        ]

    def keep(self, images: Sequence[NDArray[np.uint8]]) -> None:
        """Have the embeddings of images on disk, without reading those that are there.

        Raises
        ------
        ResultsError
            If the folder cannot be written.
        """
        self.embed_many([image for image in images if not self._path(image).is_file()])

    def _path(self, image: NDArray[np.uint8]) -> Path:
        digest = hashlib.sha256(self._about)
        digest.update(f"{image.shape} {image.dtype}".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
        return self.folder / f"{digest.hexdigest()}.npz"

    def _write(self, path: Path, features: Any) -> None:
        several = features if isinstance(features, list) else [features]
        # Those on an accelerator come to the host.
        arrays = [one.cpu().numpy() if hasattr(one, "cpu") else one for one in several]
        if not all(isinstance(one, np.ndarray) and one.dtype != object for one in arrays):
            kinds = ", ".join(type(one).__name__ for one in arrays)
            raise InputError(
                f"Embeddings of model {self.name!r} are {kinds}. Allowed in a cache: arrays of "
                "numbers. Run it without a cache."
            )
        archive = io.BytesIO()
        np.savez(archive, *arrays, name=path.name, several=isinstance(features, list))
        content = archive.getvalue()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.limit is not None and self._taken(path) + len(content) > self.limit:
                self.left_out += 1
                return
            with atomic(path) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise ResultsError(
                f"Cannot write the embedding {path}: {error.strerror or error}. Allowed: a folder "
                "with room. Free some space or choose another folder; results so far are kept."
            ) from error

    def _taken(self, path: Path) -> int:
        """Bytes of the folder without that file; deletes what killed processes left."""
        taken, old = 0, time.time() - _ABANDONED
        for other in self.folder.iterdir():
            with suppress(FileNotFoundError):
                stat = other.stat()
                if other.suffix == ".tmp" and stat.st_mtime < old:
                    other.unlink()
                elif other != path:
                    taken += stat.st_size
        return taken


def _read(path: Path) -> Any:
    """Features of a file, or none if it is not there or not to be used."""
    try:
        with zipfile.ZipFile(path) as archive:
            # A member that is read in whole is compared with its checksum.
            parts = {one: np.load(io.BytesIO(archive.read(one))) for one in archive.namelist()}
        if parts.pop("name.npy") == path.name:
            several = parts.pop("several.npy")
            return list(parts.values()) if several else parts["arr_0.npy"]
        problem = "it is of something else"
    except FileNotFoundError:
        return None
    except Exception as error:  # a spoilt archive may raise anything
        problem = f"it cannot be read ({error})"
    warnings.warn(
        f"Embedding {path.name} in {path.parent} is not used: {problem}. It is computed again.",
        CacheNote,
        stacklevel=4,
    )
    return None
