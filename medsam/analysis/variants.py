"""Where the paper's text and its released code differ, and what each difference costs.

What they are is data (``differences.yaml``); their effects are measured: a run under one protocol
against a run under the same with one choice changed, image by image. Noise on clicks and boxes is
measured in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import takewhile
from typing import Any

import pandas as pd
import yaml

from medsam.analysis.statistics import Effect, effect, wide
from medsam.datasets.sample import Sample
from medsam.errors import InputError
from medsam.prompts import Draw, Prompt, mode_prompt
from medsam.protocol import Protocol, ablated, other


@dataclass(frozen=True)
class Difference:
    """One difference, in words.

    Attributes
    ----------
    key : str
    field : str
        Field of :class:`~medsam.protocol.Protocol`; empty where it is no choice of a run.
    title : str
    text, code : str
        What the paper says, and what its code does.
    matters : str
        Why it matters, or does not.
    affects : str
        What of a run it can change.
    """

    key: str
    field: str
    title: str
    text: str
    code: str
    matters: str
    affects: str


@cache
def differences() -> tuple[Difference, ...]:
    """All of them; those that are fields of the protocol first.

    Examples
    --------
    >>> differences()[0].field
    'top'
    """
    text = files("medsam.analysis").joinpath("differences.yaml").read_text(encoding="utf-8")
    return tuple(Difference(**entry) for entry in yaml.safe_load(text))


def _effects(
    rows: pd.DataFrame,
    keys: Sequence[str],
    base: str,
    variants: Iterable[tuple[dict[str, Any], str]],
) -> pd.DataFrame:
    """Effect of each variant for each combination of keys, with what is told of the variant."""
    named = list(variants)
    names = list(dict.fromkeys((base, *(protocol for _, protocol in named))))
    found = []
    for key, part in rows.groupby(list(keys), sort=True):
        cases = wide(part, names)
        for about, protocol in named:
            measured = effect(cases, base, protocol)._asdict()
            found.append(about | dict(zip(keys, key, strict=True)) | measured)
    return pd.DataFrame(found)


def _modes_and(rows: pd.DataFrame, clicks: Sequence[int]) -> pd.DataFrame:
    shown = (rows.experiment == "clicks") & rows.k.isin(clicks)
    return rows[(rows.experiment == "mode") | shown]


def effects(rows: pd.DataFrame, base: str = "paper") -> pd.DataFrame:
    """What each field changes, for each mode, three clicks and nine.

    Parameters
    ----------
    rows : DataFrame
        Results under :func:`medsam.protocol.variants` of the same images.
    base : {"paper", "released"}

    Returns
    -------
    DataFrame
        Columns ``field, title, experiment, k, choice`` and those of
        :class:`~medsam.analysis.statistics.Effect`; the last field, ``all``, is the other preset.

    Raises
    ------
    InputError
        If a protocol or a case is missing.
    """
    titles = {one.field: one.title for one in differences()}
    named = ablated(base)
    variants = [
        ({"field": field, "title": title}, named[field].name)
        for field, title in titles.items()
        if field in named
    ]
    variants.append(({"field": "all", "title": "All of these at once"}, other(base)))
    return _effects(_modes_and(rows, (3, 9)), ("experiment", "k", "choice"), base, variants)


def between(rows: pd.DataFrame, base: str = "paper") -> pd.DataFrame:
    """The two presets by task in each mode, one click and nine, without oracle and with it.

    Returns
    -------
    DataFrame
        Columns ``task, experiment, k, choice`` and those of
        :class:`~medsam.analysis.statistics.Effect`.
    """
    keys = ("task", "experiment", "k", "choice")
    return _effects(_modes_and(rows, (1, 9)), keys, base, [({}, other(base))])


def findings(table: pd.DataFrame) -> dict[str, float | int | str]:
    """The numbers that the text quotes, of the effects without oracle.

    Parameters
    ----------
    table : DataFrame
        From :func:`effects`.

    Returns
    -------
    dict
        ``cases``, ``tasks``, ``fields``; ``mode-title``, ``mode-k``, ``mode-delta`` of the choice
        that changes most in a mode; ``clicks-title``, ``clicks-delta`` after the most clicks;
        ``all-1``, ``all-4``, ``all-9``: all at once in mode 1, mode 4 and the most clicks;
        ``still``: choices that change no case anywhere, oracle included.
    """
    top = table[table.choice == "top"]
    single, everything = top[top.field != "all"], top[top.field == "all"]
    modes = single[single.experiment == "mode"]
    clicks = single[(single.experiment == "clicks") & (single.k == single.k.max())]
    mode, click = (each.iloc[int(each.delta.abs().argmax())] for each in (modes, clicks))
    at = everything.set_index(["experiment", "k"]).delta
    ones = table[table.field != "all"].groupby("field").changed.max()
    return {
        "cases": int(top.cases.max()),
        "tasks": int(top.tasks.max()),
        "fields": len(ones),
        "still": int((ones == 0).sum()),
        "mode-title": str(mode.title),
        "mode-k": int(mode.k),
        "mode-delta": float(mode.delta),
        "clicks-title": str(click.title),
        "clicks-delta": float(click.delta),
        "all-1": float(at["mode", 1]),
        "all-4": float(at["mode", 4]),
        "all-9": float(at["clicks", click.k]),
    }


# How much noise on clicks and boxes costs.


def noise_effects(rows: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """IoU and its change from level 0, for each mode and level.

    Parameters
    ----------
    rows : DataFrame
        Results of the modes under :func:`medsam.protocol.noise`, the same images at every level.
    by : sequence of str
        Further columns to tell apart, such as ``("task",)``.

    Returns
    -------
    DataFrame
        Columns of ``by``, ``k`` (mode), ``choice, level`` and those of
        :class:`~medsam.analysis.statistics.Effect`.

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
    variants = [({"level": level}, name) for level, name in sorted(named.items())]
    modes = rows[rows.experiment == "mode"]
    table = _effects(modes, (*by, "k", "choice"), named[0], variants)
    return table[[*by, "k", "choice", "level", *Effect._fields]]


def noise_prompts(
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


def noise_findings(table: pd.DataFrame) -> dict[str, float | int]:
    """The numbers that the text quotes, without oracle.

    Parameters
    ----------
    table : DataFrame
        From :func:`noise_effects`, over all tasks.

    Returns
    -------
    dict
        ``cases``, ``tasks``; ``low`` and ``last``: the first level from 0.1 on, and the last;
        ``<mode>-first``, ``-low``, ``-last``: IoU without noise and at these levels;
        ``best-first``, ``best-last``: the best mode; ``box-until``: the highest level up to which
        mode 3 is better than mode 1 at every level (-1 if it never is).
    """
    top = table[table.choice == "top"]
    iou = top.pivot(index="k", columns="level", values="variant")
    at = {int(str(mode)): line for mode, line in iou.to_dict("index").items()}
    steps = [float(level) for level in iou.columns]
    levels = {"first": 0.0, "low": next((x for x in steps if x >= 0.1), steps[-1])}
    levels["last"] = steps[-1]
    better = takewhile(lambda level: at[3][level] > at[1][level], steps)
    return {
        "cases": int(top.cases.max()),
        "tasks": int(top.tasks.max()),
        "low": levels["low"],
        "last": steps[-1],
        "best-first": max(at, key=lambda mode: at[mode][0.0]),
        "best-last": max(at, key=lambda mode: at[mode][steps[-1]]),
        "box-until": max(better, default=-1.0),
        **{
            f"{mode}-{name}": float(line[level])
            for mode, line in at.items()
            for name, level in levels.items()
        },
    }
