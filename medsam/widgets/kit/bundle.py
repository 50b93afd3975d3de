"""Several JavaScript modules, and several style sheets, as the one that a widget may have.

A module imports from others by relative path, whole lines at the top; it exports declarations.
So a browser, Node and a widget can all read the same files.
"""

from __future__ import annotations

import re
from pathlib import Path

from medsam.errors import InputError

_IMPORT = re.compile(r'^import \{[^}]*\} from "(\.\.?/[\w./-]+\.js)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.M)
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.M)


def bundle(main: Path) -> str:
    """One module: what ``main`` imports, each once and before its use, then ``main``.

    Parameters
    ----------
    main : Path
        A module; its own exports stay.

    Raises
    ------
    InputError
        If two modules declare the same name.
    FileNotFoundError
        If a module is not there.
    """
    parts: dict[Path, str] = {}
    owners: dict[str, str] = {}

    def add(path: Path) -> None:
        if path in parts:
            return
        text = path.read_text(encoding="utf-8")
        for needed in _IMPORT.findall(text):
            add((path.parent / needed).resolve())
        for word in _DECLARED.findall(text):
            if word in owners:
                raise InputError(
                    f"{path.name} and {owners[word]} both declare {word!r}. Allowed: one each. "
                    "Rename one of them."
                )
            owners[word] = path.name
        text = _IMPORT.sub("", text)
        parts[path] = text if path == main.resolve() else _EXPORT.sub("", text)

    add(main.resolve())
    return "\n".join(parts.values())


def styles(own: Path) -> str:
    """One style sheet: the kit's, then the widget's own, which may change it."""
    return "".join(path.read_text("utf-8") for path in (Path(__file__).parent / "kit.css", own))
