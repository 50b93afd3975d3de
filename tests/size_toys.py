"""Made-up objects of the paper's tasks, for the tests of object sizes."""

import numpy as np
import pandas as pd

from medsam.analysis import published


def objects(n_tasks=28, per=9, modes=(2, 4)):
    """Made-up objects of the paper's tasks: larger ones have a higher IoU by a point."""
    rng = np.random.default_rng(5)
    rows = []
    for t, task in enumerate(published.tasks().head(n_tasks).itertuples()):
        middle = -3.2 + 2.8 * rng.random()
        for i in range(per):
            size = 10 ** min(-0.1, middle + 0.3 * rng.normal())
            for k in modes:
                iou = 0.75 + 0.2 * (np.log10(size) + 1.5 if k == 2 else 0) + 0.1 * rng.normal()
                rows.append(
                    {
                        "dataset": f"d{t // 2}",
                        "task": task.task,
                        "name": task.name,
                        "modality": task.modality,
                        "image": f"i{i}",
                        "group": f"i{i}",
                        "object_px": round(size * 1e6),
                        "size": size,
                        "k": k,
                        "iou": float(np.clip(iou, 0, 1)),
                    }
                )
    return pd.DataFrame(rows)
