"""Where the paper's text and its released code differ, and what each difference costs.

What they are is data (``differences.yaml``); their effects are measured: a run under one protocol
against a run under the same with one choice changed, image by image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files

import pandas as pd
import yaml

from medsam.analysis import statistics
from medsam.analysis.statistics import Effect, effect, wide
from medsam.datasets.sample import Sample
from medsam.errors import InputError
from medsam.prompts import Draw, Prompt, mode_prompt
from medsam.protocol import PROTOCOLS, Protocol

__all__ = [
    "LEVELS",
    "Difference",
    "ablated",
    "between",
    "curves",
    "differences",
    "effects",
    "findings",
    "noise_findings",
    "noise_protocols",
    "other",
    "prompts",
    "protocols",
]


NOT_RUN = ("intensity",)
"""Fields that change the image, and so share no embedding."""


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
    names = [field.name for field in fields(Difference)]
    return tuple(
        Difference(**{name: entry[name] for name in names}) for entry in yaml.safe_load(text)
    )


def ablated(base: str = "paper") -> dict[str, Protocol]:
    """Field to protocol: the base preset with that field as in the other one.

    Parameters
    ----------
    base : {"paper", "released"}

    Raises
    ------
    InputError
        If the base is no preset.

    Examples
    --------
    >>> ablated()["top"].name
    'paper+top=first'
    """
    end, start = PROTOCOLS[other(base)], PROTOCOLS[base]
    return {
        one.field: start.but(**{one.field: getattr(end, one.field)})
        for one in differences()
        if one.field and one.field not in NOT_RUN
    }


def other(base: str) -> str:
    """The preset that a base is compared with."""
    if base not in PROTOCOLS:
        raise InputError(
            f"Protocol {base!r} as the base of a comparison. Allowed: {', '.join(PROTOCOLS)}. "
            "Name a preset."
        )
    (found,) = (name for name in PROTOCOLS if name != base)
    return found


def protocols(base: str = "paper") -> list[Protocol]:
    """The base, the other preset, and the base with one field of it at a time."""
    end = PROTOCOLS[other(base)]
    return [PROTOCOLS[base], end, *ablated(base).values()]


def effects(
    rows: pd.DataFrame, base: str = "paper", clicks: Iterable[int] = (3, 9)
) -> pd.DataFrame:
    """What each field changes, for each mode and for some numbers of clicks.

    Parameters
    ----------
    rows : DataFrame
        Results under :func:`protocols` of the same images.
    base : {"paper", "released"}
    clicks : iterable of int
        Numbers of clicks.

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
    named = {field: one.name for field, one in ablated(base).items()} | {"all": other(base)}
    keep = (rows.experiment == "mode") | rows.k.isin(list(clicks))
    found = []
    for key, part in rows[keep].groupby(["experiment", "k", "choice"], sort=True):
        cases = wide(part, [base, *named.values()])
        for field, name in named.items():
            about = dict(zip(("experiment", "k", "choice"), key, strict=True))
            title = titles.get(field, "All of these at once")
            found.append(
                {"field": field, "title": title} | about | effect(cases, base, name)._asdict()
            )
    return pd.DataFrame(found)


def between(
    rows: pd.DataFrame, base: str = "paper", clicks: Iterable[int] = (1, 9)
) -> pd.DataFrame:
    """The two presets, task by task, without oracle and with it.

    Returns
    -------
    DataFrame
        Columns ``task, experiment, k, choice`` and those of :class:`~medsam.analysis.statistics.Effect`.
    """
    keep = (rows.experiment == "mode") | rows.k.isin(list(clicks))
    keys = ["task", "experiment", "k", "choice"]
    found = []
    for key, part in rows[keep].groupby(keys, sort=True):
        cases = wide(part, [base, other(base)])
        told: Effect = effect(cases, base, other(base))
        found.append(dict(zip(keys, key, strict=True)) | told._asdict())
    return pd.DataFrame(found)


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
        ``still``: choices that change no case anywhere, oracle included. Changes are words.
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
        "mode-delta": _signed(mode.delta),
        "clicks-title": str(click.title),
        "clicks-delta": _signed(click.delta),
        "all-1": _signed(at["mode", 1]),
        "all-4": _signed(at["mode", 4]),
        "all-9": _signed(at["clicks", click.k]),
    }


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


# How much noise on clicks and boxes costs: from rows to curves.


LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Standard deviations that are swept, as fractions of the size of what is prompted."""


def noise_protocols(
    base: Protocol = PROTOCOLS["paper"], at: Sequence[float] = LEVELS
) -> list[Protocol]:
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
    keys = [*by, "k", "choice"]
    found = []
    for key, part in rows[rows.experiment == "mode"].groupby(keys, sort=True):
        wide = statistics.wide(part, list(named.values()))
        for level, name in sorted(named.items()):
            told = statistics.effect(wide, named[0], name)._asdict()
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


def noise_findings(table: pd.DataFrame) -> dict[str, float | int]:
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
