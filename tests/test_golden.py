"""The prompts of the embedded sample stay as they are, to the pixel.

``python tests/test_golden.py`` writes the file anew, after a change that is meant to move prompts.
"""

from pathlib import Path

import pandas as pd

from medsam.datasets import BrainSample
from medsam.draws import Draw
from medsam.evaluation import SEED
from medsam.prompts import mode_prompt, next_click
from medsam.protocol import PROTOCOLS
from medsam.regions import regions

FILE = Path(__file__).parent / "golden" / "brain_prompts.csv"


def prompts() -> pd.DataFrame:
    """Modes 2, 4 and 5 (1 and 3 are the first of 2 and 4), and the first click, of every case."""
    protocol = PROTOCOLS["paper"]
    draw = Draw(protocol, SEED)
    rows = []
    for case in BrainSample().cases():
        for task, mask in case.load().masks.items():
            keys, parts = (task, case.id), regions(mask, protocol)
            found = {
                f"mode{k}": mode_prompt(mask, k, protocol, draw, keys, parts).to_json()
                for k in (2, 4, 5)
            }
            click = next_click(mask, None, None, protocol, draw, keys).to_json()
            rows.append(
                {"image": case.id, "task": task, "regions": len(parts), **found, "click1": click}
            )
    return pd.DataFrame(rows)


def test_prompts_of_the_sample():
    pd.testing.assert_frame_equal(prompts(), pd.read_csv(FILE))


if __name__ == "__main__":
    prompts().to_csv(FILE, index=False)
