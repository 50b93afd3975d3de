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
# # Ambiguity: three masks for one point

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# A point does not say which object is meant: the part under it, the whole organ, or the head. SAM answers with
# three masks and its own estimate of how good each is. The paper looks at them by eye (section 3.4, Fig. 7)
# {cite}`mazurowski2023` and finds "a consistent tendency":
#
# - the mask of **highest confidence** looks like the result of region growing: a connected region of similar
#   intensity, bounded by regions of other intensity;
# - masks of **lower confidence** may expand it, and have more variety in intensity.
#
# The paper gives no table for this, so there is nothing to draw from published numbers. This chapter draws Fig. 7
# from **this run** and then measures each of these words. All numbers are of **this run**, another model on other
# data.

# %% tags=["parameters", "hide-input"]
model = "minisam"  # name of a model
protocol = "published,paper"  # the mask of the published numbers; beside it that of the text
checkpoint = ""  # weights of your own for that model: a file, a folder or a name of the hub
base = ""  # all weights, where the checkpoint holds some
device = ""  # cpu, cuda, cuda:1 or mps; by default the best that the model can use
precision = ""  # of the image encoder: float32, bfloat16 or float16
compiled = False  # let torch.compile translate the encoder: minutes at first, for many images
batch = 0  # images that are encoded together; 0 for 1 on a CPU and 4 on a GPU
workers = 0  # threads that read and measure beside the model; 0 likewise
tasks = "all"  # keys of tasks, joined with commas
images = ""  # a folder of images instead of tasks ...
masks = ""  # ... and a folder of masks with the same file names
data = ""  # a dataset of the paper and its folder, or a YAML file of your own
results = "_build/results"  # results folder, continued if it is there
seed = 1  # of the draws among equally central pixels
every = 1  # one of so many images; 1 for all
template_every = 0  # one of so many slices of the brain template; 0 for as many as of the others

# %% tags=["remove-cell"]
study = parameters.study(globals())
study.evaluate()
page = Page("06_ambiguity", parameters)

# %% [markdown]
# ## What it looks like

# %% tags=["remove-cell"]
import pandas as pd
from IPython.display import Markdown

from medsam.analysis import ambiguity
from medsam import figures
from medsam.figures.ambiguity import ambiguity_examples, ambiguity_ranks
from medsam.pages.measured import about_model
from medsam.pages.text import glue, glue_all

rows = study.with_masks("ambiguity")
table = ambiguity.measure(rows, study.dataset)
source = figures.Source.run(study.label)
shown = ambiguity.examples(rows, study.dataset)
cases = pd.DataFrame({"task": [e.task for e in shown], "image": [e.image_id for e in shown]})
picture = ambiguity_examples(shown, source=source, titles=study.titles)
page.figure("fig7-run", picture, cases.drop_duplicates().merge(table, on=["task", "image"]))
glue("label", study.label)
glue("stand-in", Markdown(about_model(study.settings.model)))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:md}`stand-in`
#
# ```{glue:figure} fig7-run
# :alt: This run. One row a task: the image with the object in green and one teal point, then in red the masks of first, second and third confidence, each with the model's score and its IoU with the object.
#
# In the manner of the paper's Fig. 7, from **this run**: {glue:text}`label`, one point at the centre of the largest region (mode 1). Green: ground
# truth. Red: the masks of 1st, 2nd and 3rd confidence, each with the model's own score and its IoU; the best of the
# three in bold. Of each of the first tasks, the case whose most confident mask has the median IoU. Not the paper's cases.
#
# {glue:}`fig7-run-origin`
# ```
#
# ## What tells the three apart

# %% tags=["remove-cell"]
told, by_task = ambiguity.summary(table), ambiguity.by_task(table)
both = pd.concat([told.assign(task="all"), by_task], ignore_index=True)
picture = ambiguity_ranks(told, by_task, source=source, model=study.settings.model)
page.figure("ranks-run", picture, both)
page.origin("cases", table)
glue_all("found", ambiguity.findings(table))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} ranks-run
# :alt: This run. Eight small panels with the masks of first, second and third confidence on the horizontal axis: how often each has the best IoU, its IoU, its area against the first, the part of the first that it holds, the standard deviation of intensity in it, the step of intensity at its border, its connectedness, and its IoU with the most similar region grown from the point.
#
# The three masks of one point by confidence, from **this run**: {glue:text}`label`, mode 1,
# {glue:text}`found-cases` cases on {glue:text}`found-images` images. Grey: each task. With
# [enough patients or volumes](../method.md) ({glue:text}`found-groups` here) there are intervals too: 95 % bootstrap of
# the mean over cases, patients or volumes resampled.
#
# {glue:}`ranks-run-origin`
# ```
#
# Intensity is that of the image as the model sees it, mean of the channels, in parts of the image's range (highest
# minus lowest). A *grown region* is all that is connected to the point and differs from it by at most a tolerance; of 65
# tolerances, from zero to the whole range, the one with the region most like the mask is used. So this is the most that
# region growing could do, not what a person would get. Numbers are means over cases; in brackets, where there are enough
# patients, 95 % intervals.
#
# **Confidence and quality.** The most confident mask is also the best of the three by IoU in
# {glue:text}`found-best-1` of the cases, the second in {glue:text}`found-best-2`, the third in
# {glue:text}`found-best-3`: most often it is the {glue:text}`found-best-by-iou`. Their mean IoUs are
# {glue:text}`found-iou-1`, {glue:text}`found-iou-2` and {glue:text}`found-iou-3`. What a person could gain by choosing is
# the oracle of [the five modes](02_prompt_modes.ipynb).
#
# **"Look similar to region growing."** Of the most confident mask, {glue:text}`found-connected-1` of the pixels are one connected
# region. The most similar grown region overlaps it with an IoU of {glue:text}`found-grown-1`; the second with
# {glue:text}`found-grown-2`, the third with {glue:text}`found-grown-3`.
#
# **"Similar intensity, bounded by dissimilar intensities."** Across its border (bands of 2 pixels inside and outside)
# the mean intensity changes by {glue:text}`found-contrast-1` of the range, for the second by
# {glue:text}`found-contrast-2`, for the third by {glue:text}`found-contrast-3`. Within the masks the standard deviation is
# {glue:text}`found-spread-1`, {glue:text}`found-spread-2` and {glue:text}`found-spread-3`.
#
# **"May expand the highest-confidence predictions."** The second mask has {glue:text}`found-times-2` times the area of
# the most confident one and the third {glue:text}`found-times-3` times (geometric mean); they are larger in
# {glue:text}`found-larger-2` and {glue:text}`found-larger-3` of the cases. They hold {glue:text}`found-contains-2` and
# {glue:text}`found-contains-3` of that one's pixels. Being larger *and* holding at least 95 % of it, which is what
# expanding means, holds for {glue:text}`found-expands-2` of the second masks and {glue:text}`found-expands-3` of the
# third. It would be a tendency if that were above 50 % with its whole interval.
#
# **"More variety in intensity."** The standard deviation is larger than in the most confident mask in
# {glue:text}`found-varied-2` of the second masks and in {glue:text}`found-varied-3` of the third.
#
# Two things to know when reading this. The most confident mask has {glue:text}`found-first-times-object` times the pixels of the
# object in the median case: where it is the whole head, a later mask can only expand it into the background, which is
# larger and more varied but of no use. And where the background is black, as around a head in MRI, the whole head
# is what region growing finds at a wide tolerance: that a mask looks like a grown region does not make it a good one.
#
# {glue:}`cases-origin`

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# papermill notebooks/06_ambiguity.ipynb out.ipynb -p tasks brain_thalamus,brain_stem
# ```
#
# The masks of each point are measured once: the table is kept in the folder `ambiguity` of the results folder, with the
# hashes of the weights and the versions that made it. The parameters are listed in the [reference](../reference.md). An unknown one stops
# the notebook before any compute.
# ::::
