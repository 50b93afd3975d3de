import numpy as np
import pandas as pd
import pytest
from toys import SquareModel, blob, write_pair

from medsam.analysis import variants
from medsam.analysis.variants import differences, effects
from medsam.datasets import open_folders
from medsam.protocol import CHOICES_BY_FIELD, PROTOCOLS, ablated, noise
from medsam.protocol import variants as protocols
from medsam.results import rows as results
from medsam.study import runner


def test_every_field_in_which_the_presets_differ_is_explained_and_switched_alone():
    paper, released = (PROTOCOLS[name].as_dict() for name in ("paper", "released"))
    differ = {field for field in CHOICES_BY_FIELD if paper[field] != released[field]}
    assert sorted(one.field for one in differences() if one.field) == sorted(differ)
    assert {"intensity"} | set(ablated()) == differ
    for field, one in ablated().items():
        assert one.as_dict() == paper | {"name": one.name, field: released[field]}


def study(folder, made, experiments=("mode", "clicks")):
    """Rows of four toy images under some protocols."""
    for i in range(4):
        write_pair(folder, f"case{i}", blob(i))
    data = open_folders(folder / "images", folder / "masks", progress=False)
    given = {"experiments": experiments, "progress": False}
    runner.run(data, SquareModel(), folder / "r", *made, **given)
    return results.read(folder / "r").query("status == 'ok'")


def test_effects_are_the_differences_of_the_means(tmp_path):
    rows = study(tmp_path, protocols())
    table = effects(rows)
    assert set(table.field) == set(ablated()) | {"all"}
    assert set(table.k[table.experiment == "clicks"]) == {3, 9}
    names = {f: p.name for f, p in ablated().items()} | {"all": "released"}
    for row in table.itertuples():
        same = rows[
            (rows.experiment == row.experiment) & (rows.k == row.k) & (rows.choice == row.choice)
        ]
        means = same.groupby(["protocol", "task"]).iou.mean().groupby("protocol").mean()
        assert row.delta == pytest.approx(means[names[row.field]] - means["paper"])
        # Four images are too few for an interval.
        assert np.isnan(row.low)
    # The toy's first mask is not its most confident one, and joining boxes changes no top mask.
    of = table.set_index(["field", "experiment", "k", "choice"])
    assert of.changed["top", "mode", 1, "top"] == 1
    assert of.changed["top", "mode", 1, "oracle"] == 0
    assert of.changed["empty_union", "mode", 1, "top"] == 0


# ----------------------------------------------------------------- noise


def test_curves(tmp_path):
    noise_rows = study(tmp_path, noise(levels=(0, 0.1, 0.4)), ["mode"])
    table = variants.noise_effects(noise_rows)
    assert len(table) == 3 * 5 * 2
    assert (table[table.level == 0].delta == 0).all()
    of = noise_rows[
        (noise_rows.k == 3) & (noise_rows.choice == "oracle") & (noise_rows.experiment == "mode")
    ]
    wanted = of.groupby(["protocol", "task"]).iou.mean().groupby("protocol").mean()
    drawn = table.query("k == 3 and choice == 'oracle'").set_index("level").variant
    assert drawn[0] == pytest.approx(wanted["paper"])
    assert drawn[0.4] == pytest.approx(wanted["paper+click_jitter=0.4+box_jitter=0.4"])
    # A box that is drawn badly encloses the object less well.
    assert drawn[0] > drawn[0.1] > drawn[0.4]


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
