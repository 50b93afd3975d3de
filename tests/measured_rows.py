"""Measured rows by hand: two sets, two models, six patients of the first."""

import numpy as np
import pandas as pd

from benchmarks.measured_checks import ASKED
from medsam.analysis.measured import COLUMNS

PATIENTS = 6


def value(model, image, experiment, k, choice):
    """An IoU that differs in everything, so that a mean of the wrong rows is another one."""
    base = {"minisam": 0.2, "lite-medsam": 0.5}[model]
    return base + 0.01 * image + 0.02 * k + 0.003 * (experiment == "mode") + 0.1 * (choice != "top")


def measured_rows():
    """Set ``a``: one object on six images. Set ``b``: two objects of one name on one image."""
    cases = [("a", "a_data", "lung", "X-ray: lung", i, "X-ray") for i in range(PATIENTS)]
    cases += [("b", "b_data", f"organ{n}", "CT: organs", 9, "CT") for n in (1, 2)]
    rows = []
    for model, asked in ASKED.items():
        for one, dataset, task, name, image, modality in cases:
            told = {
                "set": one, "name": name, "dataset": dataset, "task": task, "image": f"i{image}",
                "group": f"p{image}", "modality": modality, "model": model, "protocol": "paper",
                "status": "ok", "object_px": 10,
            }  # fmt: skip
            for experiment, k in sorted(asked):
                for choice in ("top", "oracle"):
                    iou = value(model, image, experiment, k, choice)
                    rows.append(
                        told
                        | {"experiment": experiment, "k": k, "choice": choice}
                        | {"iou": iou, "dice": iou, "nsd": np.nan, "hd95": np.nan}
                        | {"score": 1.1 if (experiment, k, image) == ("mode", 1, 0) else 0.9}
                    )
        wrong = {"status": "error", "reason": "the mask is noise", "image": "i7", "group": "p7"}
        rows.append({key: told[key] for key in ("set", "name", "dataset", "task", "model")} | wrong)
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    return table.assign(k=table.k.astype("Int16"))


def provenance(rows):
    """What goes with these rows."""
    sets = [
        {
            "set": "a", "title": "A", "images": PATIENTS, "objects": PATIENTS, "groups": PATIENTS,
            "empty": 0, "refused": 0, "names": {"lung": "X-ray: lung"},
            "comparable": {"lung": "xray_chest"},
        },
        {
            "set": "b", "title": "B", "images": 1, "objects": 2, "groups": 1, "empty": 0,
            "refused": 1, "names": {"organ1": "CT: organs", "organ2": "CT: organs"},
            "comparable": {},
        },
    ]  # fmt: skip
    told = {"repository": "r", "licence": "l", "origin": "", "drawn_by": "p", "note": ""}
    return {"rows": len(rows), "made": "2024-01-01", "sets": [one | told for one in sets]}
