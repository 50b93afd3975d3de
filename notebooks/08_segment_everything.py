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
# # Segment everything

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.everything import Everything, EverythingSettings
from medsam.pages.page import Page
from medsam.pages.study import Parameters

parameters = Parameters(globals(), EverythingSettings)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# Nobody points at anything: a dense, even grid of points covers the image, each point gives three masks, and what is
# confident, stable and unlike the others is kept. The paper shows examples for grids of 2⁵, 2⁶ and 2⁷ points a
# side (section 3.6, Fig. 9) {cite}`mazurowski2023` and finds the mode of "mixed usefulness", with results that are
# "somewhat dependent on the number of prompts". It gives no numbers, so there is nothing to draw from published tables.
# All pictures and numbers of this chapter are of another model on other data.
#
# The filters are those of segment-anything's own generator {cite}`kirillov2023`, and so are their thresholds unless the
# parameters below say otherwise: an estimated IoU above 0.88, a stability of at least 0.95 (how little a mask changes
# when the cut of its logits moves), and of masks whose boxes overlap by more than 0.7 only the most confident.

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
sides = "32"  # points along a side of the grid, joined with commas
ids = ""  # ids of images, joined with commas; by default the image with the most objects
min_score = 0.88  # masks of a lower estimated IoU are dropped
min_stability = 0.95  # masks of a lower stability are dropped

# %% tags=["remove-cell"]
study = Everything(parameters.settings(globals()))
study.evaluate()
page = Page("08_segment_everything", parameters)

# %% [markdown]
# ## What it looks like

# %% tags=["remove-cell"]
from medsam import figures
from medsam.figures.everything import Shown, everything_masks, everything_sides
from IPython.display import Markdown

from medsam.pages.measured import about_model
from medsam.pages.text import glue, glue_all

shown = [Shown(name, one.image, study.grids_of(name)) for name, one in study.samples.items()]
source = figures.Source.run(study.label)
page.figure("fig9-run", everything_masks(shown, source=source), study.counts)
glue("label", study.label)
glue("stand-in", Markdown(about_model(study.settings.model)))
glue_all("found", study.findings())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:md}`stand-in`
#
# ```{glue:figure} fig9-run
# :alt: One row an image: the raw image, then for each grid of points all masks that it found, each in a colour of its own with a thin outline. Above each panel the points a side, the number of masks and the time; within it a grey badge where it was computed earlier.
#
# In the manner of the paper's Fig. 9: {glue:text}`label`, n = {glue:text}`found-images`. **This run** (yellow badge) computed the grids
# of {glue:text}`found-here` points a side; those with a grey badge were computed earlier, as they take long, of one
# slice of the brain template, and come with the package. Not the paper's images.
#
# {glue:}`fig9-run-origin`
# ```
#
# The time above a panel is that of the machine which computed it, from the image to the last mask: by the clock, or
# where it says so, of one core. The table behind the figure names the machine. Twice as many points a side are four
# times as many points, and take at least four times as long.
#
# ## How well each object is found
#
# The model does not say which mask belongs to which object: "the most confident" would be the same mask for every
# object of the image. So there is no top-confidence result here, only the **oracle**: for each object the best of all
# masks of the grid. The paper calls this "effectively a special case of the prompting mode 2": a point on each part of
# the object, which is therefore drawn beside it, with the oracle as well.

# %% tags=["remove-cell"]
picture = everything_sides(study.means, study.counts, source=source)
page.figure("sides-run", picture, study.means)
page.origin("objects", study.objects)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} sides-run
# :alt: Left: IoU of the best mask for each object against the points along a side of the grid, beside a point on each part of the object. Right: number of masks against the points a side. Filled dots are of this run, hollow ones were computed earlier.
#
# Left: the best mask of each object (oracle) against the points a side, and mode 2 (oracle) on the same image; right: the
# number of masks. {glue:text}`label`, n = {glue:text}`found-images`, {glue:text}`found-objects` objects; the mean is of
# the {glue:text}`found-all` that every grid was laid over. Filled: this run; hollow: computed earlier.
#
# {glue:}`sides-run-origin`
# ```
#
# Over the {glue:text}`found-all` objects that every grid was laid over, the mean IoU of the best masks is
# {glue:text}`found-coarsest-iou:.3f` with {glue:text}`found-coarsest` points a side and
# {glue:text}`found-finest-iou:.3f` with {glue:text}`found-finest`; of mode 2 with the oracle it is
# {glue:text}`found-mode2:.3f`. From the coarsest to the finest grid the best mask becomes better by more than 0.01 for
# {glue:text}`found-better` of them and worse for {glue:text}`found-worse`. (A finer grid adds points, but of masks that
# are alike it keeps the most confident, which need not be the best.) At the finest grid {glue:text}`found-half` objects
# have a mask of an IoU above 0.5.
#
# These are few images and one model: they show what the mode does, not how well SAM does it on patients.
#
# {glue:}`objects-origin`

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# medsam everything --tasks all --ids axial-069 --sides 32,64,128 --out results
# papermill notebooks/08_segment_everything.ipynb out.ipynb -p results results -p sides 32,64,128
# ```
#
# Masks and rows are kept in the folder; a grid that is complete is not computed again. The parameters are listed in
# the [reference](../reference.md). An unknown one stops the notebook before any compute.
# ::::
