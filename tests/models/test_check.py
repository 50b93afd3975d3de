"""Models of other people: in a file of their own, and told what breaks the contract."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toys import SquareModel
from typer.testing import CliRunner

from medsam.errors import InputError
from medsam.models import check_name, load
from medsam.models.check import faults
from medsam.models.commands import app
from medsam.models.sam import Sam


def with_answer(**changes):
    """A model whose predictions are changed."""

    class Changed(SquareModel):
        def predict(self, *arguments, **options):
            answers = super().predict(*arguments, **options)
            return [
                replace(a, **{k: f(getattr(a, k)) for k, f in changes.items()}) for a in answers
            ]

    return Changed()


def with_method(name, method, **fields):
    """A model with another method or field."""
    return type("Changed", (SquareModel,), {name: method, **fields})()


def swapped(self, image):
    return replace(SquareModel.embed(self, image), image_size=image.shape[1::-1])


def darkened(self, image):
    image //= 2
    return SquareModel.embed(self, image)


def remembering(self, embedding, prompts, *, multimask=True):
    self.asked.append(1)
    first = SquareModel.predict(self, embedding, prompts)
    return [replace(one, masks=one.masks ^ bool(len(self.asked) > 3)) for one in first]


def failing(self, *_, **__):
    raise ValueError("no weights\nin this folder")


WRONG = {
    "mask dtype": (with_answer(masks=lambda m: m.astype(float)), "masks are float64"),
    "mask shape": (with_answer(masks=lambda m: m[0]), r"masks are bool \(24, 40\). Due: bool \(K"),
    "scalar scores": (with_answer(scores=lambda s: s[0]), "scores are a float32. Due: float"),
    "NaN scores": (with_answer(scores=lambda s: s * np.nan), "scores hold NaN"),
    "no logits": (with_answer(logits=lambda _: None), "logits are a NoneType. Due: float"),
    "no list": (with_method("predict", lambda *_, **__: None), "predict.. gives a NoneType"),
    "no embedding": (with_method("embed", lambda _, image: image), "embed.. gives uint8"),
    "swapped size": (with_method("embed", swapped), r"image_size is \(40, 24\). Due: \(H, W\)"),
    "changed image": (with_method("embed", darkened), "the image was changed"),
    "state": (with_method("predict", remembering), "asked again gives other masks"),
    "raises": (with_method("embed", failing), "24 x 40 raised ValueError: no weights$"),
    "no multimask": (with_method("predict", lambda s, e, p: []), "raised TypeError: .*'multimask'"),
    "provenance": (with_method("provenance", lambda _: {"at": Path()}), "is no JSON"),
    "accepts": (with_method("accepts", ["points"]), r"accepts is \['points'\]. Due: a frozenset"),
    "name": (with_method("name", None), "name is None. Due: a text"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said(kind):
    model, message = WRONG[kind]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(faults(model)[0])


def test_a_right_model_has_no_faults(tiny_file):
    assert faults(SquareModel()) == []
    assert faults(Sam("sam-vit-b", "tiny", checkpoint=tiny_file, device="cpu")) == []


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from toys import SquareModel\n\n"
        "class Mine(SquareModel):\n    name = 'mine'\n\n"
        "class Taken(SquareModel):\n    name = 'minisam'\n\n"
        "class Broken(SquareModel):\n    def provenance(self):\n        return 1\n\n"
        "class Unmade(SquareModel):\n    def __init__(self, path):\n        pass\n\n"
        "class Other:\n    pass\n"
    )
    return path


def test_a_model_in_a_file(file):
    assert check_name(f"{file}:Mine") == f"{file}:Mine"
    assert load(f"{file}:Mine").name == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.py:Taken", "is named 'minisam', which is taken"),
        ("mine.py:Other", r"'Other' of .* is no PromptableModel. Its classes: .*Mine"),
        ("mine.py:Unmade", r"Unmade' cannot be made: TypeError: .*'path'. Mend it"),
        ("torn.py:Mine", r"torn.py cannot be run: ModuleNotFoundError: No module"),
        ("gone.py:Mine", r"No file .*gone.py'. Allowed: path/to/file.py:Class"),
    ],
)
def test_a_model_in_a_file_that_cannot_be_used(file, name, message):
    file.with_name("torn.py").write_text("import no_such_module")
    with pytest.raises(InputError, match=message):
        load(str(file.with_name(name)))


def test_the_command_that_checks(file):
    right = CliRunner().invoke(app, ["check", f"{file}:Mine"], catch_exceptions=False)
    assert right.output == f"{file}:Mine: keeps the contract.\n"
    wrong = CliRunner().invoke(app, ["check", f"{file}:Broken"], catch_exceptions=False)
    assert wrong.exit_code == 1
    assert "provenance() gives 1. Due: a dict of texts." in wrong.output


def test_the_list_fits_a_terminal_and_a_name_tells_the_rest(monkeypatch, tmp_path):
    monkeypatch.setenv("MEDSAM_WEIGHTS", str(tmp_path))
    lines = CliRunner().invoke(app, [], catch_exceptions=False).output.splitlines()
    assert max(map(len, lines)) <= 80
    (line,) = [line for line in lines if line.startswith("sam-vit-b ")]
    assert line.split() == ["sam-vit-b", "points", "box", "mask", "to", "fetch", "Apache-2.0"]
    told = CliRunner().invoke(app, ["sam-vit-b"], catch_exceptions=False).output
    assert "sees 1024 pixels" in told
    assert "Run `medsam weights fetch sam-vit-b`" in told
