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
# # SAM on medical images

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# **What this is.** The living edition of *Segment Anything Model for Medical Image Analysis: an Experimental
# Study* {cite}`mazurowski2023`. The paper asks how well the Segment Anything Model (SAM) {cite}`kirillov2023`
# segments medical images that it was never trained on, when a person points at an object or draws a box
# around it. Here the same study is code that you can run, and pages that you can try.

# %% tags=["parameters", "remove-cell"]
results = "_build/results"  # what is re-run here

# %% tags=["remove-cell"]
study = parameters.study(globals())
study.evaluate()
page = Page("index", parameters)

from medsam import figures
from medsam.analysis import published
from medsam.analysis.comparison import of_clicks, of_modes
from medsam.pages.text import glue, glue_all

paper = published.modes()
glue_all("paper", of_modes(paper))
glue_all("clicks", of_clicks(published.click_averages(), "SAM"))
glue_all("found", published.findings())
glue_all("run", of_modes(study.mode_means()))
source = figures.Source.published("SAM ViT-H, 28 tasks")
page.figure("modes", figures.modes_box(paper, source=source), paper)
glue("label", study.label)
glue("images", study.rows.image.nunique())
glue("cases", len(study.rows.drop_duplicates(["task", "image"])))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{grid} 1 1 2 2
# :gutter: 3
# :class-container: medsam-wide
#
# :::{grid-item-card} What the paper found
# Numbers of the **published tables**: SAM ViT-H, {glue:text}`paper-tasks` tasks.
#
# - One point gives a mean IoU of {glue:text}`paper-mode1:.2f`; from task to task it runs from
#   {glue:text}`found-lowest-iou:.2f` ({glue:text}`found-lowest-task`) to {glue:text}`found-highest-iou:.2f`
#   ({glue:text}`found-highest-task`).
# - **Boxes beat points**: one box gives {glue:text}`paper-mode3:.2f`, and a box for each part is best of all,
#   {glue:text}`paper-best-iou:.2f` (mode {glue:text}`paper-best`).
# - With one point SAM beats RITM, SimpleClick and FocalClick on {glue:text}`found-beats-all` of
#   {glue:text}`paper-tasks` tasks. With more clicks it gains little: RITM passes it at click
#   {glue:text}`clicks-ritm-passes`, SimpleClick at click {glue:text}`clicks-simpleclick-passes`.
# :::
#
# :::{grid-item-card} What is re-run here
# Numbers of **this run**: {glue:text}`label`.
#
# - A small distillation of SAM on slices of an average brain: {glue:text}`images` images,
#   {glue:text}`run-tasks` structures, {glue:text}`cases` cases. It is not SAM ViT-H, nor one of the paper's
#   19 data sets: it shows that every step works, not how SAM does on patients.
# - One point gives {glue:text}`run-mode1:.2f`, one box {glue:text}`run-mode3:.2f`; best is mode
#   {glue:text}`run-best` with {glue:text}`run-best-iou:.2f`.
# - [What the sample is](01_sample), [how it is measured](../method.md).
# :::
#
# :::{grid-item-card} Look around
# - [Five ways of prompting](02_prompt_modes): Fig. 1 to 3, and [every task and mode to browse](browse).
#   [All examples](09_all_examples): Fig. 11 to 16.
# - [SAM and other methods](03_comparison): Fig. 4. [Clicking again](04_iterative_clicks): Fig. 5, 6, 17.
# - [Ambiguity](06_ambiguity): Fig. 7. [Size](07_object_size): Fig. 8.
#   [Segment everything](08_segment_everything): Fig. 9.
# - [Four modalities](13_modalities), measured for this book on real images.
# - [What the text says and what the tables say](10_claims), statement by statement.
# - [Try it](16_try_it): SAM in your browser.
# :::
#
# :::{grid-item-card} Run it again
# ```bash
# make book  # everything
# make test  # the tests
# ```
# With [your images or another model](../rerun.md); every notebook takes parameters.
# :::
# ::::
#
# ```{glue:figure} modes
# :alt: Published table of SAM ViT-H. Box and whisker of IoU over 28 tasks for each of the five modes, top-confidence and oracle side by side; the means stand below.
#
# IoU of the five modes over 28 tasks, from the **published table**. The chapter
# [of the five modes](02_prompt_modes) draws it beside this run.
#
# {glue:}`modes-origin`
# ```
