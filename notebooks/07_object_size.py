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
# # Object size and IoU

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# Section 3.5 of the paper {cite}`mazurowski2023` asks whether SAM does better on large objects. Size is the share
# of the image that an object covers. The text says that sizes differ by up to over two orders of magnitude between
# datasets, that IoU tends to be higher where the mean size is larger, and that this correlation is low and not
# significant. It adds that only means of datasets are compared, not the objects within one.
#
# **The published tables hold no sizes**, nor the IoU of single images: Fig. 8 cannot be drawn again from them, and
# what the text says of sizes cannot be checked with them. This chapter draws it from **this run**, which is another
# model on other data, and then looks within the tasks, which is **beyond the paper**.

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
page = Page("07_object_size", parameters)

# %% tags=["remove-cell"]
from IPython.display import Markdown

from medsam import figures
from medsam.pages import sizes as size_report
from medsam.analysis import sizes
from medsam.figures.sizes import correlations, size_correlations, size_within
from medsam.figures.sizes import size_and_iou
from medsam.pages.text import glue, glue_all

found = sizes.cases(study.rows, names=study.titles)
source = figures.Source.run(study.label)
page.figure("fig8-run", size_and_iou(found, source=source), found)
page.figure("within", size_within(found, source=source), found)
page.figure("correlations", size_correlations(found, source=source), correlations(found))
glue_all("says", {name: Markdown(words) for name, words in size_report.sentences(found).items()})
glue_all("found", sizes.counts(found))
glue("label", study.label)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Sizes, and IoU against them
#
# ```{glue:figure} fig8-run
# :alt: This run. Top: sizes of the objects of each task as points and boxes on a logarithmic axis, tasks ranked by median. Bottom: mean size of a task against its mean IoU for modes 2 and 4, with a fitted line and the correlation.
#
# In the manner of the paper's Fig. 8, from **this run**: {glue:text}`label`; {glue:text}`found-objects` objects of {glue:text}`found-tasks`
# tasks, the mask that is scored. Top: a point is one object on one image; box and whiskers: quartiles, and the last object
# within 1.5 times the box; diamond: mean. Bottom: a task has the number that stands beside its name
# above; line: least squares on the logarithm of the mean size, with its 95 % interval where patients are
# [enough](../method.md). Dotted: what a mask of the
# whole image would have. Not the paper's numbers.
#
# {glue:}`fig8-run-origin`
# ```
#
# {glue:md}`says-spread`
#
# {glue:md}`says-between` A dash marks a value that needs at least four differing tasks or objects. With too few
# patients there is neither interval nor *p*.
#
# The paper does not say how its curves were fitted. Lines are fitted here on the **logarithm** of the size, as sizes
# span orders of magnitude and one large task would decide a line on the size itself; the table below has Pearson's
# correlation with the size itself too, and Spearman's depends on neither.
#
# Part of any such relation is trivial. IoU has a floor that grows with the object: a mask of the whole
# image has an IoU of exactly the object's size. {glue:md}`says-lift` Points parallel to the
# dotted curve mean that the model returns masks of about one size, larger than the object.
#
# ## Within the tasks
#
# Means of a few tasks say little: tasks differ in far more than in size. Within a task, what is segmented stays the
# same and the size varies.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} within
# :alt: This run. Small multiples, a panel a task: size of each object on a logarithmic axis against its IoU, a point for each region blue and a box for each region orange, with fitted lines.
#
# Each object of **this run**, {glue:text}`label`: modes 2 and 4, tasks in the order of their median size. The numbers
# are Spearman's correlations. Lines: least squares on the logarithm of the size.
#
# {glue:}`within-origin`
# ```
#
# ```{glue:figure} correlations
# :alt: This run. Spearman's correlation of size and IoU, within each task, pooled over tasks, and between the means of tasks, for modes 2 and 4.
#
# Spearman's correlation of size and IoU, from **this run**: within each task (tasks from the largest objects to the
# smallest), pooled over tasks, and between the means of tasks as in Fig. 8; with 95 % intervals where there are
# [enough patients](../method.md).
#
# {glue:}`correlations-origin`
# ```
#
# {glue:md}`says-within`
#
# Correlations within tasks are pooled by Fisher's *z* in a random-effects model (Paule and Mandel; interval of Hartung,
# Knapp, Sidik and Jonkman). Intervals take objects and tasks as independent. Slices of one scan are not, and one image
# can show several tasks: the {glue:text}`found-objects` objects here come from {glue:text}`found-images` images
# (patients or volumes: {glue:text}`found-groups`). Intervals and *p* are given where there are
# [enough patients or volumes](../method.md); a correlation of fewer is about these patients alone.

# %% tags=["remove-input"]
size_report.table(found, caption=f"Size and IoU. This run: {study.label}.")

# %% tags=["remove-cell"]
from medsam.protocol import CHOICES
from medsam.analysis.examples import opening
from medsam.analysis.sizes import pixel_areas
from medsam.widgets.scatter import SizeScatter

chosen = opening(study.rows)
again = study.cases_of(chosen)
of = {one: sizes.cases(study.rows, choice=one, names=study.titles) for one in CHOICES}
areas = pixel_areas(study.dataset, found.image)
scatter = SizeScatter(of, again, f"This run: {study.label}.", areas)
glue("opening-images", chosen.image.nunique())
glue("opening-objects", len(chosen.drop_duplicates(["task", "image"])))
glue("opening-all", len(found.drop_duplicates(["task", "image"])))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Case by case
#
# Each point is an object of **this run**. Hover to see its task, size and IoU; a click, the slider or the
# arrow keys choose it (left and right: by size; up and down: from picture to picture). **Filled diamonds open a
# picture**: all {glue:text}`opening-objects` objects of {glue:text}`opening-images` images, of
# {glue:text}`opening-all` objects in all. These images were chosen so that each
# task has small, medium and large objects among them where possible. Rings have no picture.
#
# *Mask* is the choice among those that the model proposes for a prompt: the one that is scored, as in the figures
# above, or the one that fits the object best (oracle). For the scored mask, correlations are those of the
# section above: a task's own, or pooled where all tasks are shown.

# %% tags=["remove-input"]
scatter

# %% tags=["remove-input"]
scatter.still()

# %% [markdown]
# ## On images of several modalities
#
# The sample of this book is five patients and an average brain, in MRI and CT. This project has also
# [measured](13_modalities) two models on small public sets of more modalities; their sizes and IoUs come with it.

# %% tags=["remove-cell"]
from medsam.analysis import measured

ours = measured.load()
names = ("minisam", "lite-medsam")
mini, lite = (sizes.cases(ours.cases[ours.cases.model == one]) for one in names)
label = figures.Source.measured("minisam on small public sets, most confident mask")
page.figure("fig8-measured", size_and_iou(mini, source=label), mini)
glue_all("measured", {name: Markdown(words) for name, words in size_report.sentences(mini).items()})
glue_all("counts", sizes.counts(mini))
glue("lite-between", Markdown(size_report.sentences(lite)["between"]))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} fig8-measured
# :alt: Measured by this project. Top: sizes of the objects of small public sets of several modalities, as points and boxes on a logarithmic axis. Bottom: mean size against mean IoU of minisam for modes 2 and 4.
#
# In the manner of the paper's Fig. 8, **measured by this project**: minisam, {glue:text}`counts-objects` objects of
# {glue:text}`counts-tasks` tasks, from {glue:text}`counts-groups` patients or scans; colours are modalities. Drawn as
# the first figure of this page. Other images than the paper's, though some of the same datasets; not its numbers.
#
# {glue:}`fig8-measured-origin`
# ```
#
# {glue:md}`measured-spread`
#
# {glue:md}`measured-between` {glue:md}`measured-within` {glue:md}`measured-lift`
#
# LiteMedSAM takes boxes only: {glue:md}`lite-between`

# %% [markdown]
# ## What the text says of sizes
#
# **Measured here** stands for this run where it has [enough patients or volumes](../method.md), else for the small
# public sets above. The rules are those of [the page of claims](10_claims); they correlate with the size itself, not
# with its logarithm.

# %% tags=["remove-input"]
from medsam.analysis.claims import answers, of_published
from medsam.analysis.claims import claims as sentences
from medsam.pages import claims

on_sizes = [one for one in sentences() if one.figure == 8]
claims.table(answers(of_published(), claims.measured_here(study), on_sizes), form=False)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# papermill notebooks/07_object_size.ipynb out.ipynb -p data us_kidney=path/to/the/dataset -p results my-results
# ```
#
# The paper's own datasets are needed to check what it says of kidneys in ultrasound and of hips in X-ray; how to get
# them is on the page of [the datasets](00_datasets). The parameters are listed in the [reference](../reference.md).
# ::::
