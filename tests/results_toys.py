"""Rows by hand, and results folders of them."""

from medsam.protocol import PROTOCOLS
from medsam.results.rows import COLUMNS
from medsam.results.store import Identity, Store

SCORES = {"iou": 0.5, "dice": 2 / 3}
A = 2 * (5 + 9)
"""Rows a unit."""


def identity(**changes):
    fields = {
        "dataset": "d",
        "model": "m",
        "protocol": PROTOCOLS["paper"].as_dict(),
        "weights": {"sha256": "0"},
        "seed": 1,
        "experiments": {"mode": {}, "clicks": {}},
    }
    return Identity(**(fields | changes))


def row(image, k=1, **changes):
    """One row of results; what is left out is plain."""
    assert set(changes) <= {*COLUMNS, "name"}
    values = dict.fromkeys(COLUMNS) | {
        "dataset": "d", "task": "t", "image": image, "group": image, "modality": "MRI",
        "model": "m", "protocol": "paper", "experiment": "mode", "k": k, "choice": "top",
        "iou": 0.5, "dice": 2 / 3, "score": 0.9, "object_px": 10, "n_regions": 1,
        "height": 8, "width": 9, "prompt": "{}", "status": "ok", "digest": "x",
    }  # fmt: skip
    return values | changes


def complete(image, experiments=("mode", "clicks"), **changes):
    """Rows of all prompts and choices of one case."""
    last = {"mode": 5, "clicks": 9}
    return [
        row(image, k, experiment=name, choice=choice, **changes)
        for name in experiments
        for k in range(1, last[name] + 1)
        for choice in ("top", "oracle")
    ]


def refused(image, status="error", reason="torn", **changes):
    """The one row of an experiment on a case that has no object, or could not be read."""
    blank = dict.fromkeys(("k", "choice", "iou", "dice", "score", "prompt"))
    return row(image, **blank | {"status": status, "reason": reason} | changes)


def write(folder, *shards, state=None, **changes):
    """A folder with these shards, each a list of rows."""
    with Store(folder, identity(**changes)) as store:
        for rows in shards:
            store.write(rows, state or {})
    return folder


def fill(folder, units, failed=False, **changes):
    """A folder with a shard for each unit, an (image, task)."""
    digest = changes.pop("digest", "x")
    names = {"model": changes.get("model", "m"), "digest": digest}
    names["protocol"] = changes.get("protocol", {"name": "paper"})["name"]
    shards = [
        [refused(image, task=task, experiment=e, **names) for e in ("mode", "clicks")]
        if failed
        else complete(image, task=task, **names)
        for image, task in units
    ]
    return write(folder, *shards, **changes)
