"""Embeddings on disk: an image is encoded once for all runs of a model.

One file an embedding, named by the hash of what it depends on: the pixels, the model's provenance
(with the sha256 of its weights) and the version of its preprocessing. A file is written beside its
name and moved there whole, and starts with a checksum of what follows; one that is torn, foreign
or of something else is told and computed again, never used.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import uuid4

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from medsam.errors import InputError, ResultsError
from medsam.models.contract import Embedding, Prediction, PromptableModel
from medsam.prompts import Prompt

__all__ = ["CacheNote", "CachedModel"]

Precision = Literal["float32", "float16"]

_MAGIC = b"medsam-embedding-1\n"
_HEAD = len(_MAGIC) + 32
_SUFFIX = ".emb"
_ABANDONED = 3600
"""Seconds after which a file that was never finished is one that a killed process left."""


class CacheNote(UserWarning):
    """A file of the cache that could not be used, and why; its embedding is computed again."""


class CachedModel(PromptableModel):
    """A model whose embeddings are kept on disk. Any number of processes may share a folder.

    Parameters
    ----------
    model : PromptableModel
        Its features must be one float32 array (those of SAM are), or it must have two methods
        ``pack(features)`` and ``unpack(array)`` that go to one and back; else embedding fails.
    folder : Path
        Made if it is not there.
    precision : {"float32", "float16"}
        How features are stored. ``float32`` gives the same bits as the model, so that rows are
        those of a run without a cache. ``float16`` takes half the disk and is named in the
        provenance, so that such rows are never mixed with others; fresh embeddings are rounded
        as well, so that a result does not depend on what was in the cache.
    limit : int or None
        Bytes that the folder may take; the embeddings that were not used for the longest time
        are deleted when there are more. ``None``: nothing is deleted.

    Attributes
    ----------
    hits, misses : int
        Embeddings found, and computed.

    Raises
    ------
    InputError
        If the precision does not exist or the limit is not positive.
    ResultsError
        If the folder cannot be written, on embedding.
    """

    # Of the model that is wrapped: a property would not do for a class variable.
    name = ""
    accepts = frozenset()

    def __init__(
        self,
        model: PromptableModel,
        folder: Path,
        *,
        precision: Precision = "float32",
        limit: int | None = 4 * 2**30,
    ):
        if precision not in get_args(Precision):
            raise InputError(
                f"Precision {precision!r} of cached embeddings. "
                f"Allowed: {', '.join(get_args(Precision))}."
            )
        if limit is not None and limit <= 0:
            raise InputError(
                f"A cache limited to {limit} bytes. Allowed: more than 0. "
                "Leave the cache out instead."
            )
        self.model, self.folder, self.limit = model, Path(folder), limit
        self.name, self.accepts = model.name, model.accepts  # type: ignore[misc]
        self._dtype = np.dtype(precision)
        self.hits = self.misses = 0
        about = {
            "model": model.name,
            "provenance": model.provenance(),
            "preprocessing": getattr(model, "preprocessing", "1"),
            "precision": precision,
        }
        self._pack = getattr(model, "pack", lambda features: features)
        self._unpack = getattr(model, "unpack", lambda array: array)
        self._about = json.dumps(about, sort_keys=True).encode()

    def provenance(self) -> dict[str, str]:
        """The model's, and the precision where embeddings are rounded."""
        if self._dtype == np.float32:
            return self.model.provenance()
        return self.model.provenance() | {"embeddings": self._dtype.name}

    def predict(
        self, embedding: Embedding, prompts: Sequence[Prompt], *, multimask: bool = True
    ) -> list[Prediction]:
        """As the model does."""
        return self.model.predict(embedding, prompts, multimask=multimask)

    def upscale(
        self, logits: NDArray[np.float32], image_size: tuple[int, int]
    ) -> NDArray[np.float32]:
        """As the model does."""
        return self.model.upscale(logits, image_size)

    def embed(self, image: NDArray[np.uint8]) -> Embedding:
        """The embedding of an image, from disk where it is there.

        Warns
        -----
        CacheNote
            If a file cannot be used.

        Raises
        ------
        ResultsError
            If the folder cannot be written.
        """
        signature = self._signature(image)
        path = self._path(signature)
        features = self._read(path, signature.digest())
        if features is not None:
            self.hits += 1
            return Embedding(self._unpack(features), (image.shape[0], image.shape[1]))
        self.misses += 1
        embedding = self.model.embed(image)
        stored = self._storable(self._pack(embedding.features))
        self._write(path, signature.digest(), stored)
        if self._dtype == np.float32:
            return embedding
        return Embedding(self._unpack(stored.astype(np.float32)), embedding.image_size)

    def keep(self, image: NDArray[np.uint8]) -> None:
        """Have the embedding of an image on disk, without reading the one that is there.

        Raises
        ------
        ResultsError
            If the folder cannot be written.
        """
        if not self._path(self._signature(image)).is_file():
            self.embed(image)

    def _path(self, signature: Any) -> Path:
        return self.folder / f"{signature.hexdigest()}{_SUFFIX}"

    def _signature(self, image: NDArray[np.uint8]) -> Any:
        digest = hashlib.sha256(self._about)
        digest.update(f"{image.shape} {image.dtype}".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
        return digest

    def _storable(self, features: Any) -> NDArray[Any]:
        if not isinstance(features, np.ndarray) or features.dtype != np.float32:
            kind = getattr(features, "dtype", type(features).__name__)
            raise InputError(
                f"Embeddings of model {self.name!r} are {kind}. Allowed in a cache: "
                "one float32 array. Run it without a cache."
            )
        if self._dtype == np.float16 and np.abs(features).max() > np.finfo(np.float16).max:
            raise InputError(
                f"Embeddings of model {self.name!r} reach {np.abs(features).max():g}. Allowed as "
                f"float16: up to {np.finfo(np.float16).max:g}. Use precision='float32'."
            )
        return features.astype(self._dtype)

    def _read(self, path: Path, signature: bytes) -> NDArray[np.float32] | None:
        """Features of a file, or none if it is not there or not to be used."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            why = f"it cannot be read ({error.strerror})"
        else:
            why = _wrong(content, signature)
        if why:
            told = f"Embedding {path.name} in {path.parent} is not used: {why}."
            warnings.warn(f"{told} It is computed again.", CacheNote, stacklevel=3)
            return None
        with suppress(OSError):
            os.utime(path)  # Used now: the last to be deleted.
        stored = np.load(io.BytesIO(content[_HEAD + len(signature) :]), allow_pickle=False)
        return np.asarray(stored, np.float32)

    def _write(self, path: Path, signature: bytes, features: NDArray[Any]) -> None:
        buffer = io.BytesIO()
        buffer.write(signature)
        np.save(buffer, features, allow_pickle=False)
        body = buffer.getvalue()
        temporary = path.with_name(f".{path.stem[:16]}-{os.getpid()}-{uuid4().hex[:8]}.tmp")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(_MAGIC + hashlib.sha256(body).digest())
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            room = "all embeddings" if self.limit is None else f"{self.limit:,} bytes"
            raise ResultsError(
                f"Cannot write the embedding {path}: {error.strerror or error}. Allowed: a folder "
                f"with room for {room}. Free some space, set a smaller limit, or "
                "choose another folder; results so far are kept."
            ) from error
        self._evict(path)

    def _evict(self, newest: Path) -> None:
        """Delete what was not used for the longest time, and what killed processes left."""
        if self.limit is None:
            return
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                old = time.time() - _ABANDONED
                for torn in self.folder.glob(".*.tmp"):
                    with suppress(FileNotFoundError):
                        if torn.stat().st_mtime < old:
                            torn.unlink()
                found = []
                for path in self.folder.glob(f"*{_SUFFIX}"):
                    with suppress(FileNotFoundError):
                        stat = path.stat()
                        found.append((stat.st_mtime_ns, path, stat.st_size))
                total = sum(size for _, _, size in found)
                for _, path, size in sorted(found):
                    if total <= self.limit or path == newest:
                        break
                    path.unlink(missing_ok=True)
                    total -= size
        except Timeout:
            pass  # Another process is at it.
        except OSError as error:
            warnings.warn(
                f"Cache {self.folder} could not be cleaned: {error}.", CacheNote, stacklevel=4
            )


def _wrong(content: bytes, signature: bytes) -> str:
    """Why the content of a file is not the embedding of that signature; empty if it is."""
    if content[: len(_MAGIC)] != _MAGIC:
        return "it is no embedding that medsam wrote"
    if hashlib.sha256(content[_HEAD:]).digest() != content[len(_MAGIC) : _HEAD]:
        return "it is torn or was changed (checksum)"
    if content[_HEAD : _HEAD + len(signature)] != signature:
        return "it is of another image, model or precision"
    return ""
