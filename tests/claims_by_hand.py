"""Tiny tables in the form that the rules read, with numbers that a reader can check."""

import itertools

import pandas as pd
import results_toys

from medsam.analysis.claims.tables import Tables, by_setting

NINE = range(1, 10)


def modes(top, oracle=None):
    """``{mode: [IoU of tasks a, b, ...]}``; modes left out are like the last one before them."""
    lines = []
    for choice, given in (("top", top), ("oracle", oracle or top)):
        last = next(iter(given.values()))
        for mode in range(1, 6):
            last = given.get(mode, last)
            lines += [
                (task, mode, choice, iou) for task, iou in zip("abcdefgh", last, strict=False)
            ]
    return pd.DataFrame(lines, columns=["task", "mode", "choice", "iou"])


def clicks(**models):
    """``model={k: [IoU of tasks]}``; numbers left out are like the last one before them."""
    lines = []
    for model, given in models.items():
        last = next(iter(given.values()))
        for k in NINE:
            last = given.get(k, last)
            name = model.replace("_oracle", " (oracle)")
            lines += [(task, name, k, iou) for task, iou in zip("abcdefgh", last, strict=False)]
    return pd.DataFrame(lines, columns=["task", "model", "k", "iou"])


def tables(top=None, oracle=None, quoted=True, rename=None, **models):
    """Tables of SAM; tasks are called a, b, ... unless renamed."""
    one = next(iter((top or {1: [0.5, 0.5]}).values()))
    models.setdefault("SAM", {1: one})
    models.setdefault("SAM_oracle", models["SAM"])
    names = rename or {}
    m, c = modes(top or {1: one}, oracle), clicks(**models)
    for table in (m, c):
        table["task"] = table.task.replace(names)
    return Tables("by hand", "SAM", by_setting(m, c, "SAM"), {t: t for t in m.task}, quoted)


def row(**given):
    """One row of results; what is left out is plain."""
    plain = {"image": "i", "task": "a", "group": "g", "object_px": 100, "height": 100, "width": 100}
    return results_toys.row(**plain | given)


def case(task="a", image="i", top=(0.5,) * 5, clicks=(0.5,) * 9, box=(0, 0, 9, 9), **given):
    """All rows of one case: five modes and nine clicks; the oracle adds 0.1."""
    prompt = f'{{"boxes":[[{",".join(map(str, box))}]]}}'
    rows = []
    for choice, add in (("top", 0.0), ("oracle", 0.1)):
        both = {"task": task, "image": image, "choice": choice, "prompt": prompt, **given}
        rows += [row(k=k, iou=iou + add, **both) for k, iou in enumerate(top, 1)]
        rows += [
            row(experiment="clicks", k=k, iou=iou + add, **both) for k, iou in enumerate(clicks, 1)
        ]
    return rows


def frame(*cases):
    """Rows of cases, as :func:`medsam.results.rows.read` gives them."""
    return pd.DataFrame(list(itertools.chain.from_iterable(cases)))
