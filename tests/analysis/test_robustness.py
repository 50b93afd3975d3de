import numpy as np
import pandas as pd
import pytest
from toys import SquareModel, blob, write_pair

from medsam.analysis import variants
from medsam.datasets import FolderDataset, Sample
from medsam.errors import InputError
from medsam.protocol import PROTOCOLS
from medsam.results import rows as results
from medsam.study import runner


def test_levels_in_order_and_named():
    made = variants.noise_protocols(at=(0.2, 0, 0.1))
    assert [p.click_jitter for p in made] == [p.box_jitter for p in made] == [0, 0.1, 0.2]
    assert made[0] == PROTOCOLS["paper"]


@pytest.mark.parametrize("at", [(), (0,), (0, 0.1, 0.1), (0.1, 0.2)])
def test_levels_that_say_nothing(at):
    with pytest.raises(InputError, match="Allowed: two or more, each once, with 0"):
        variants.noise_protocols(at=at)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    for i in range(4):
        write_pair(folder, f"case{i}", blob(i))
    data = FolderDataset(folder / "images", folder / "masks", progress=False)
    made = variants.noise_protocols(at=(0, 0.1, 0.4))
    runner.run_all(data, SquareModel(), made, folder / "r", experiments=["mode"], progress=False)
    return results.read(folder / "r").query("status == 'ok'")


def test_curves(rows):
    table = variants.curves(rows)
    assert len(table) == 3 * 5 * 2
    assert (table[table.level == 0].delta == 0).all()
    of = rows[(rows.k == 3) & (rows.choice == "oracle") & (rows.experiment == "mode")]
    wanted = of.groupby(["protocol", "task"]).iou.mean().groupby("protocol").mean()
    drawn = table.query("k == 3 and choice == 'oracle'").set_index("level").variant
    assert drawn[0] == pytest.approx(wanted["paper"])
    assert drawn[0.4] == pytest.approx(wanted["paper+click_jitter=0.4+box_jitter=0.4"])
    # A box that is drawn badly encloses the object less well.
    assert drawn[0] > drawn[0.1] > drawn[0.4]


def test_curves_by_task(rows):
    table = variants.curves(rows, ("task",))
    assert len(table) == 2 * 3 * 5 * 2
    assert set(table.query("task == 'object-1'").cases) == {4}
    assert set(table.query("task == 'object-2'").cases) == {2}


def test_rows_without_level_0(rows):
    with pytest.raises(InputError, match="Allowed: rows without noise among them"):
        variants.curves(rows[rows.protocol != "paper"])


def test_findings_by_hand():
    ious = {1: (0.3, 0.3, 0.2), 3: (0.6, 0.35, 0.1), 4: (0.7, 0.4, 0.15)}
    table = pd.DataFrame(
        {"k": k, "choice": "top", "level": level, "variant": iou, "cases": 12, "tasks": 2}
        for k, line in ious.items()
        for level, iou in zip((0.0, 0.1, 0.4), line, strict=True)
    )
    found = variants.noise_findings(table)
    assert found["best-first"] == 4
    assert found["best-last"] == 1
    assert (found["low"], found["last"], found["box-until"]) == (0.1, 0.4, 0.1)
    assert (found["3-first"], found["3-low"], found["3-last"]) == (0.6, 0.35, 0.1)
    assert (found["cases"], found["tasks"]) == (12, 2)
    worse = table.assign(variant=table.variant.where(table.k != 3, 0))
    assert variants.noise_findings(worse)["box-until"] == -1


def test_prompts_of_each_level():
    mask = np.zeros((60, 80), bool)
    mask[10:50, 10:60] = True
    sample = Sample("i", "g", np.repeat(np.uint8(mask)[..., None], 3, axis=2), {"t": mask})
    found = variants.prompts(sample, "t", variants.noise_protocols(at=(0, 0.1, 0.4)), 1)
    assert list(found) == [0, 0.1, 0.4]
    assert found[0][1].boxes.tolist() == [[10, 10, 59, 49]]
    assert len({point.to_json() for point, _ in found.values()}) == 3
