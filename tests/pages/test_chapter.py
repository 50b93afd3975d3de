"""Which chapters a book has, and what their notebooks and commands are given."""

from pathlib import Path

import pytest
from toys import blob, write_pair

from medsam.errors import InputError, UnknownName
from medsam.pages.own_data import Book, Source, chapters, readers

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
BUILD = Path("_build")


@pytest.fixture
def scans(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pair(tmp_path / "my scans", "a", blob(1))
    return Source(images="my scans/images", masks="my scans/masks")


def made(*sources, **book):
    return chapters(Book(source=sources, **book), NOTEBOOKS)


def test_notebooks_that_read_data():
    found = readers(NOTEBOOKS)
    assert {"02_prompt_modes", "09_all_examples", "14_your_data"} <= found.keys()
    assert not {"index", "01_sample", "00_datasets"} & found.keys()
    assert found["02_prompt_modes"].title == "Five ways of prompting"
    assert found["14_your_data"].folders["results"] == "_build/own/results"


def test_two_folders_with_every_page(scans):
    (one,) = made(scans)
    assert (one.key, one.title, one.folder) == ("my_scans", "my scans", "data-my_scans")
    assert (one.model, one.protocol) == ("minisam", "paper")
    names = [page.name for page in one.pages]
    assert names[0] == "14_your_data"
    assert sorted(names) == sorted(readers(NOTEBOOKS))


def test_what_a_notebook_is_given(scans):
    (one,) = made(scans, pages=("02_prompt_modes", "12_robustness"), protocol="released")
    modes, noise = one.pages
    assert one.parameters(modes, BUILD) == {
        "model": "minisam", "protocol": "released", "images": "my scans/images",
        "masks": "my scans/masks", "results": "_build/data/my_scans/results",
    }  # fmt: skip
    # Rows of part of the images are no continuation of those of all.
    assert one.parameters(noise, BUILD)["results"] == "_build/data/my_scans/variants/robustness"
    (one,) = made(scans, pages=("14_your_data",))
    given = one.parameters(one.pages[0], BUILD)
    assert given["results"] == "_build/data/my_scans/results"
    assert given["example"] == "_build/data/my_scans/own/example"


def test_the_study_is_a_command(scans):
    (one,) = made(scans)
    assert one.study(Path("r")) == [
        "medsam", "run", "--model", "minisam", "--protocol", "paper",
        "--images", "my scans/images", "--masks", "my scans/masks", "--out", "r",
    ]  # fmt: skip
    (sample,) = made(Source(data="sample"), model=("minisam",))
    assert sample.study(Path("r"))[6:] == ["--tasks", "all", "--out", "r"]
    assert "data" not in sample.parameters(sample.pages[0], BUILD)


def test_a_dataset_of_the_paper_and_its_tasks(tmp_path):
    source = Source(data=f"ct_organ={tmp_path}", tasks=("ct_organ_liver", "ct_organ_lung"))
    (one,) = made(source)
    assert (one.key, one.title) == ("ct_organ", "CT-Organ")
    assert one.parameters(one.pages[0], BUILD)["tasks"] == "ct_organ_liver,ct_organ_lung"
    assert one.study(Path("r"))[6:] == [
        "--data", f"ct_organ={tmp_path}", "--tasks", "ct_organ_liver", "--tasks", "ct_organ_lung",
        "--out", "r",
    ]  # fmt: skip


def test_a_yaml_file_names_itself(scans):
    text = "key: mine\ntitle: My own\nimages: x/{id}.png\nmasks: y/{id}.png\nlabels: {a: 1}\n"
    Path("own.yaml").write_text(text)
    (one,) = made(Source(data="own.yaml"))
    assert (one.key, one.title) == ("mine", "My own")
    (one,) = made(Source(data="own.yaml", key="other", title="Other"))
    assert (one.key, one.title) == ("other", "Other")


def test_several_models_are_several_chapters(scans):
    other = scans.model_copy(update={"key": "b", "model": ("sam-vit-b",), "protocol": "released"})
    found = made(scans, other, model=("minisam", "sam-vit-h"))
    assert [one.key for one in found] == ["my_scans-minisam", "my_scans-sam-vit-h", "b"]
    assert [one.title for one in found][1:] == ["my scans (sam-vit-h)", "my scans"]
    assert [one.protocol for one in found] == ["paper", "paper", "released"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": ("minisan",)}, "Unknown model 'minisan'. Did you mean 'minisam'"),
        ({"protocol": "papr"}, "Unknown protocol 'papr'. Did you mean 'paper'"),
        ({"pages": ("02_promt_modes",)}, "Unknown page '02_promt_modes'. Did you mean '02_prompt"),
        ({"images": "", "masks": "", "data": "us_brest"}, "Unknown dataset 'us_brest'"),
    ],
)
def test_unknown_names(scans, change, says):
    with pytest.raises(UnknownName) as error:
        made(scans.model_copy(update=change))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": "gone"}, r"Data 'gone' is not there. Allowed: a folder that exists. Check"),
        (
            {"masks": ""},
            r"Source with data 'nothing', images '.*', masks 'none'. Allowed: data, or",
        ),
        ({"data": "sample"}, r"Allowed: data, or both images and masks. Give one of the two."),
        ({"images": "", "masks": "", "data": "x.yaml"}, r"Data 'x.yaml' is not there. Allowed: a"),
        ({"images": "", "masks": "", "data": "us_breast=x"}, r"Data 'x' is not there. Allowed: a"),
    ],
)
def test_sources_that_cannot_be_used(scans, change, says):
    with pytest.raises(InputError, match=says):
        made(scans.model_copy(update=change))


def test_two_sources_of_one_name(scans):
    with pytest.raises(InputError, match=r"2 sources are called 'my_scans'. Allowed: one name"):
        made(scans, scans)
