"""Several JavaScript modules as the one that a widget may have.

A module imports from its neighbours by name, whole lines at the top; it exports declarations.
So a browser, Node and a widget can all read the same files.
"""

from __future__ import annotations

import re
from pathlib import Path

from medsam.errors import InputError

__all__ = ["JS", "bundle"]

JS = Path(__file__).parent / "js"
"""The modules."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.M)


def bundle(main: str, folder: Path = JS) -> str:
    """One module: what ``main`` imports, each once and before its use, then ``main``.

    Parameters
    ----------
    main : str
        File name; its own exports stay.
    folder : Path
        Where the modules lie.

    Raises
    ------
    InputError
        If a module is not there, or two of them declare the same name.
    """
    parts: dict[str, str] = {}
    owners: dict[str, str] = {}

    def add(name: str) -> None:
        if name in parts:
            return
        path = folder / name
        if not path.is_file():
            have = ", ".join(sorted(p.name for p in folder.glob("*.js")))
            raise InputError(f"No module {name!r}. Allowed: {have}. Check the import lines.")
        text = path.read_text(encoding="utf-8")
        for needed in _IMPORT.findall(text):
            add(needed)
        declared = r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)"
        for word in re.findall(declared, text, re.M):
            if word in owners:
                raise InputError(
                    f"{name} and {owners[word]} both declare {word!r}. Allowed: one each. "
                    "Rename one of them."
                )
            owners[word] = name
        text = _IMPORT.sub("", text)
        parts[name] = text if name == main else _EXPORT.sub("", text)

    add(main)
    return "\n".join(parts.values())
