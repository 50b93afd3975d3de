"""How much noise on clicks and boxes costs: from rows to curves.

The noise itself is :mod:`medsam.jitter`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from medsam import paired
from medsam.datasets.sample import Sample
from medsam.draws import Draw
from medsam.errors import InputError
from medsam.prompts import Prompt, mode_prompt
from medsam.protocol import PROTOCOLS, Protocol

__all__ = ["LEVELS", "curves", "findings", "prompts", "protocols"]

LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Standard deviations that are swept, as fractions of the size of what is prompted."""


def protocols(base: Protocol = PROTOCOLS["paper"], at: Sequence[float] = LEVELS) -> list[Protocol]:
    """One protocol a level, with the same level for clicks and boxes: no mode has both.

    Raises
    ------
    InputError
        If there are fewer than two levels, one twice, or none is 0, with which all are compared.

    Examples
    --------
    >>> [p.name for p in protocols(at=(0, 0.1))]
    ['paper', 'paper+click_jitter=0.1+box_jitter=0.1']
    """
    if len(set(at)) < max(2, len(at)) or 0 not in at:
        raise InputError(
            f"Levels of noise {', '.join(map(str, at)) or 'none'}. Allowed: two or more, each "
            "once, with 0, with which the others are compared."
        )
    return [base.but(click_jitter=level, box_jitter=level) for level in sorted(at)]


def curves(rows: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """IoU and its change from level 0, for each mode and level.

    Parameters
    ----------
    rows : DataFrame
        Results of the modes under :func:`protocols`, the same images at every level.
    by : sequence of str
        Further columns to tell apart, such as ``("task",)``.

    Returns
    -------
    DataFrame
        Columns of ``by``, ``k`` (mode), ``choice, level`` and those of
        :class:`~medsam.paired.Effect`.

    Raises
    ------
    InputError
        If a level or a case is missing.
    """
    named = {Protocol.get(name).click_jitter: name for name in rows.protocol.unique()}
    if 0 not in named:
        raise InputError(
            f"Rows of {', '.join(named.values()) or 'no protocol'}. Allowed: rows without noise "
            "among them, with which the others are compared. Run level 0 as well."
        )
    keys = [*by, "k", "choice"]
    found = []
    for key, part in rows[rows.experiment == "mode"].groupby(keys, sort=True):
        wide = paired.wide(part, list(named.values()))
        for level, name in sorted(named.items()):
            told = paired.effect(wide, named[0], name)._asdict()
            found.append(dict(zip(keys, key, strict=True)) | {"level": level} | told)
    return pd.DataFrame(found)


def prompts(
    sample: Sample, task: str, over: Sequence[Protocol], seed: int
) -> dict[float, tuple[Prompt, Prompt]]:
    """Level to the prompts of modes 1 and 3 on an object."""
    found = {}
    for protocol in over:
        draw, keys = Draw(protocol, seed), (task, sample.id)
        point, box = (
            mode_prompt(sample.masks[task], mode, protocol, draw, keys) for mode in (1, 3)
        )
        found[protocol.click_jitter] = point, box
    return found


def findings(table: pd.DataFrame) -> dict[str, float | int]:
    """The numbers that the text quotes, without oracle.

    Parameters
    ----------
    table : DataFrame
        From :func:`curves`, over all tasks.

    Returns
    -------
    dict
        ``cases``, ``tasks``; ``low`` and ``last``: the first level from 0.1 on, and the last;
        ``<mode>-first``, ``-low``, ``-last``: IoU without noise and at these levels;
        ``best-first``, ``best-last``: the best mode; ``box-until``: the highest level up to which
        mode 3 is better than mode 1 at every level (-1 if it never is).
    """
    top = table[table.choice == "top"]
    columns = (top[name].to_list() for name in ("k", "level", "variant"))
    at = {(int(k), float(level)): float(iou) for k, level, iou in zip(*columns, strict=True)}
    modes, steps = sorted({k for k, _ in at}), sorted({level for _, level in at})
    last = steps[-1]
    low = next((level for level in steps if level >= 0.1), last)
    better = [at[3, level] > at[1, level] for level in steps]
    until = better.index(False) if False in better else len(steps)
    return {
        "cases": int(top.cases.max()),
        "tasks": int(top.tasks.max()),
        "low": low,
        "last": last,
        "best-first": max(modes, key=lambda mode: at[mode, 0.0]),
        "best-last": max(modes, key=lambda mode: at[mode, last]),
        "box-until": steps[until - 1] if until else -1.0,
        **{
            f"{mode}-{name}": at[mode, level]
            for mode in modes
            for name, level in (("first", 0.0), ("low", low), ("last", last))
        },
    }
