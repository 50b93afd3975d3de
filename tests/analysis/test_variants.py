import dataclasses

import numpy as np
import pandas as pd
import pytest
from toys import SquareModel, blob, write_pair

from medsam.analysis import variants
from medsam.analysis.variants import ablated, between, differences, effects, other, protocols
from medsam.datasets import FolderDataset, Sample
from medsam.errors import InputError
from medsam.protocol import CHOICES_BY_FIELD, PROTOCOLS
from medsam.results import rows as results
from medsam.study import runner


def test_every_field_in_which_the_presets_differ_is_explained_once():
    differ = {
        field
        for field in CHOICES_BY_FIELD
        if getattr(PROTOCOLS["paper"], field) != getattr(PROTOCOLS["released"], field)
    }
    told = [one.field for one in differences() if one.field]
    assert sorted(told) == sorted(differ)
    keys = [one.key for one in differences()]
    assert len(set(keys)) == len(keys)


def test_every_difference_is_said_in_whole_sentences():
    for one in differences():
        for part in dataclasses.astuple(one)[3:6]:
            assert part.endswith("."), (one.key, part)
        assert one.title[0].isupper()
        assert not one.affects.endswith(".")


def test_one_field_at_a_time():
    paper = PROTOCOLS["paper"].as_dict()
    for field, one in ablated().items():
        changed = {name for name, value in one.as_dict().items() if value != paper[name]}
        assert changed == {"name", field}
        assert one.name == f"paper+{field}={getattr(PROTOCOLS['released'], field)}"
    assert set(variants.NOT_RUN) | set(ablated()) == {d.field for d in differences() if d.field}


def test_the_other_way_round():
    assert [p.name for p in protocols("released")][:3] == [
        "released", "paper", "released+top=confident",
    ]  # fmt: skip
    with pytest.raises(InputError, match="'mine' as the base of a comparison. Allowed: paper, rel"):
        other("mine")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("differences")
    for i in range(4):
        write_pair(folder, f"case{i}", blob(i))
    data = FolderDataset(folder / "images", folder / "masks", progress=False)
    runner.run_all(data, SquareModel(), protocols(), folder / "r", progress=False)
    return results.read(folder / "r").query("status == 'ok'")


def test_effects_are_the_differences_of_the_means(rows):
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


def test_findings_are_of_the_table(rows):
    table = effects(rows)
    found = variants.findings(table)
    of = table.set_index(["field", "experiment", "k", "choice"]).delta
    assert found["fields"] == 9
    assert found["all-1"] == f"{of['all', 'mode', 1, 'top']:+.3f}".replace("-", "−")
    assert found["all-9"] == f"{of['all', 'clicks', 9, 'top']:+.3f}".replace("-", "−")
    single = table[(table.field != "all") & (table.choice == "top") & (table.experiment == "mode")]
    assert found["mode-delta"] in {f"{d:+.3f}".replace("-", "−") for d in single.delta}
    most = single.delta.abs().max()
    assert abs(float(found["mode-delta"].replace("−", "-"))) == pytest.approx(most, abs=5e-4)
    unchanged = table[table.field != "all"].groupby("field").changed.max().eq(0).sum()
    assert found["still"] == unchanged
    assert (found["cases"], found["tasks"]) == (6, 2)


def test_between_is_task_by_task(rows):
    table = between(rows)
    assert set(table.task) == {"object-1", "object-2"}
    one = table.query("task == 'object-2' and experiment == 'mode' and k == 3 and choice == 'top'")
    cases = rows.query("task == 'object-2' and experiment == 'mode' and k == 3 and choice == 'top'")
    means = cases.groupby("protocol").iou.mean()
    assert one.base.item() == pytest.approx(means["paper"])
    assert one.variant.item() == pytest.approx(means["released"])
    assert one.tasks.item() == 1


def test_a_protocol_that_was_not_run(rows):
    with pytest.raises(InputError, match="no IoU under paper.top=first. Allowed: the same cases"):
        effects(rows[rows.protocol != "paper+top=first"])
    assert isinstance(effects(rows, clicks=()), pd.DataFrame)


# ----------------------------------------------------------------- noise


def test_levels_in_order_and_named():
    made = variants.noise_protocols(levels=(0.2, 0, 0.1))
    assert [p.click_jitter for p in made] == [p.box_jitter for p in made] == [0, 0.1, 0.2]
    assert made[0] == PROTOCOLS["paper"]


@pytest.mark.parametrize("at", [(), (0,), (0, 0.1, 0.1), (0.1, 0.2)])
def test_levels_that_say_nothing(at):
    with pytest.raises(InputError, match="Allowed: two or more, each once, with 0"):
        variants.noise_protocols(levels=at)


@pytest.fixture(scope="module")
def noise_rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    for i in range(4):
        write_pair(folder, f"case{i}", blob(i))
    data = FolderDataset(folder / "images", folder / "masks", progress=False)
    made = variants.noise_protocols(levels=(0, 0.1, 0.4))
    runner.run_all(data, SquareModel(), made, folder / "r", experiments=["mode"], progress=False)
    return results.read(folder / "r").query("status == 'ok'")


def test_curves(noise_rows):
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


def test_curves_by_task(noise_rows):
    table = variants.noise_effects(noise_rows, ("task",))
    assert len(table) == 2 * 3 * 5 * 2
    assert set(table.query("task == 'object-1'").cases) == {4}
    assert set(table.query("task == 'object-2'").cases) == {2}


def test_rows_without_level_0(noise_rows):
    with pytest.raises(InputError, match="Allowed: rows without noise among them"):
        variants.noise_effects(noise_rows[noise_rows.protocol != "paper"])


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
    found = variants.noise_prompts(sample, "t", variants.noise_protocols(levels=(0, 0.1, 0.4)), 1)
    assert list(found) == [0, 0.1, 0.4]
    assert found[0][1].boxes.tolist() == [[10, 10, 59, 49]]
    assert len({point.to_json() for point, _ in found.values()}) == 3
