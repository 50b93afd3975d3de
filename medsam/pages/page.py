"""A page of the book: its figures, and for each one the data, the notebook and the command.

A figure is kept under its name, and what leads back from it glued as ``<name>-origin``. In the text
(see :mod:`medsam.pages.text`)::

    ```{glue:figure} fig4-published
    :alt: What is drawn, and what it shows.

    Caption.

    {glue:}`fig4-published-origin`
    ```

The table behind a figure travels in the executed notebook, in the metadata of the output with the
links that name it; ``book/cells.py`` takes all of them out again for the site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from shlex import quote
from typing import Any

import pandas as pd

from medsam.errors import InputError
from medsam.pages.study import Parameters, Settings
from medsam.pages.text import FOLDER, KEY, glue, keep

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Origin:
    """What leads back from a figure; shows itself as HTML and carries the table as CSV.

    Attributes
    ----------
    notebook, name : str
        Of the page, and of the figure.
    command : str
        Runs the notebook again with the same parameters.
    code : str
        Source of the cell that drew the figure; may be empty.
    csv : str
        The table behind the figure.
    narrow : str
        The figure for a narrow screen, as SVG, where that is another one.
    """

    notebook: str
    name: str
    command: str
    code: str
    csv: str
    narrow: str = ""

    @property
    def html(self) -> str:
        """Links to the table and to the notebook; the command and the cell on asking.

        Only elements that may stand in a paragraph, where the page puts them.
        """
        folder, key = f"../{FOLDER}/{self.notebook}", f"origin-{self.name}"
        cell = f"<b>The cell that draws it</b><code>{escape(self.code)}</code>" if self.code else ""
        return (
            '<span class="medsam-origin">'
            f'<a href="{folder}/{self.name}.csv" download>data (CSV)</a> · '
            f'<a href="{folder}/{self.notebook}.ipynb" download>notebook</a> · '
            f'<button type="button" popovertarget="{key}">run it again</button>'
            f'<span popover id="{key}" class="medsam-origin-code"><b>Run the notebook again</b>'
            f"<code>{escape(self.command)}</code>{cell}</span></span>"
        )

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        table = {"file": f"{self.notebook}/{self.name}.csv", "content": self.csv}
        table |= {"narrow": self.narrow} if self.narrow else {}
        return {"text/html": self.html, "text/plain": self.command}, {KEY: table}


class Page:
    """Figures of one notebook.

    Parameters
    ----------
    notebook : str
        Its file name without ending.
    parameters : Parameters
        Of the notebook.
    names : mapping, optional
        ``globals()``, where the parameters were not looked at before (by ``parameters.study``).

    Raises
    ------
    UnknownName, InputError
        If a parameter does not exist or cannot be used.
    """

    def __init__(
        self, notebook: str, parameters: Parameters, names: Mapping[str, Any] | None = None
    ):
        self.notebook = notebook
        self.settings = parameters.settings(names)
        self._seen: set[str] = set()

    @property
    def command(self) -> str:
        """How to run the notebook with these parameters."""
        return command(self.notebook, self.settings)

    def figure(self, name: str, picture: Any, table: pd.DataFrame) -> None:
        """Keep a figure as ``name`` for the text, and what leads back from it as ``<name>-origin``.

        Parameters
        ----------
        name : str
            Small letters, digits and hyphens; once a page.
        picture : Picture
            Anything that a notebook can show.
        table : DataFrame
            What is drawn: it can be downloaded from the page.

        Raises
        ------
        InputError
            If the name cannot be that of a file, was used before, or the table is empty.
        """
        narrower = getattr(picture, "narrower", None)
        self.origin(name, table, narrower()._repr_svg_() if narrower else "")
        keep(name, picture)

    def origin(self, name: str, table: pd.DataFrame, narrow: str = "") -> None:
        """Glue only ``<name>-origin``: for a table, or what the page draws by itself.

        Raises
        ------
        InputError
            As :meth:`figure`.
        """
        if not _NAME.fullmatch(name) or name in self._seen:
            why = "was used before" if name in self._seen else "cannot name a file of the site"
            raise InputError(
                f"Figure {name!r} {why}. Allowed: small letters, digits and hyphens, once a page."
            )
        if table.empty:
            raise InputError(
                f"Figure {name!r} with a table without a row. Allowed: at least one row. "
                "Say in words that there is nothing to draw."
            )
        self._seen.add(name)
        csv = table.to_csv(index=False, lineterminator="\n")
        glue(f"{name}-origin", Origin(self.notebook, name, self.command, _cell(), csv, narrow))


def command(notebook: str, settings: Settings) -> str:
    """The papermill command that runs a notebook with these settings.

    Examples
    --------
    >>> command("02_prompt_modes", Settings(tasks="brain_stem"))
    'papermill notebooks/02_prompt_modes.ipynb 02_prompt_modes.ipynb -p tasks brain_stem'
    >>> from medsam.pages.study import NoiseSettings
    >>> command("12_robustness", NoiseSettings(levels=[0, 0.1]))
    "papermill notebooks/12_robustness.ipynb 12_robustness.ipynb -y 'levels: [0.0, 0.1]'"
    """
    given = []
    for name, value in settings.model_dump().items():
        if value == type(settings).model_fields[name].default:
            continue
        if isinstance(value, list) and isinstance(value[0], float):
            given.append(f"-y {quote(f'{name}: {value}')}")
        else:
            text = ",".join(value) if isinstance(value, list) else str(value)
            given.append(f"-p {name} {quote(text)}")
    return " ".join([f"papermill notebooks/{notebook}.ipynb {notebook}.ipynb", *given])


def _cell() -> str:
    """Source of the cell that runs, as it was written; empty outside of a notebook."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or shell.history_manager is None:
        return ""
    return str(shell.history_manager.input_hist_raw[-1]).strip()
