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
# # The 19 datasets

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import DatasetSettings, Parameters
from medsam.pages.page import Page

parameters = Parameters(globals(), DatasetSettings)

# %% tags=["parameters", "remove-cell"]
results = "_build/results"  # not used on this page; every notebook takes it
show = "licensed"  # example images: "licensed", "all" (do not publish the page then) or "none"

# %% tags=["remove-cell"]
chosen = parameters.settings(globals())
page = Page("00_datasets", parameters)

from medsam.pages import datasets
from medsam.pages.datasets import cards, overview
from medsam.datasets.catalog import catalog, table
from medsam.datasets.check import reports
from medsam.pages.text import glue

numbers, found, examples = table(), reports(), datasets.examples(chosen.show)
page.origin("tables-1-2", numbers)
glue("n-counted", len(found))
glue("n-shown", sum("<img" in one for one in examples.values()))
tasks = [task for entry in catalog().values() for task in entry.tasks]
glue("n-unverified", int((~numbers.masks_verified).sum()))
glue("n-later", int(numbers.masks_status.str.contains("later study").sum()))
glue("n-direct", int((numbers.access == "direct").sum()))
glue("n-registration", int((numbers.access == "registration").sum()))
glue("n-account", int((numbers.access == "account").sum()))
for kind in ("archive", "code", "page", "inferred", "memory"):
    glue(f"n-{kind}", sum(task.kind == kind for task in tasks))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# The paper {cite}`mazurowski2023` evaluates SAM on 19 public datasets with 28 tasks. This page says what they
# are, how to get each, and what to know before using it.
#
# ```{important}
# - **No image of these datasets is in this repository.** Get them from their official sites, under their own terms.
#   A card shows an example where the data was at hand when this page was made and its licence allows it: here
#   {glue:text}`n-shown` of 19.
# - **The numbers of masks are unverified**, all {glue:text}`n-unverified`: they are recalled, not read in the paper's
#   tables. A later study of the same group prints the same number for {glue:text}`n-later`; where it
#   prints another, the card says so. They are a rough check, not a target.
# - **Counted here: {glue:text}`n-counted` of 19.** `medsam data check KEY PATH` counts a dataset that you have, and
#   this page then shows its count beside the paper's. What is said of files and label values comes mostly from
#   public loaders and notes, and says so. Check it against the first real files.
# ```

# %% [markdown]
# ## The datasets of Tables 1 and 2
#
# *Masks, recalled* is the number of images with a non-zero mask, all objects of a dataset together, from memory, not
# checked against the paper's tables; **?** marks a number that is unverified. *Masks counted here* is what
# `medsam data check` found on this machine, of which the first number is the one to compare. A name leads to the
# dataset's card.

# %% tags=["remove-input"]
overview(found=found)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`tables-1-2-origin`
#
# ## How to read the cards
#
# - **Access** is *direct* ({glue:text}`n-direct` datasets: a plain download), *registration*
#   ({glue:text}`n-registration`: a form or a challenge to join) or *account* ({glue:text}`n-account`: an account
#   at Kaggle for all or part of it).
# - **Label values** are those of the official label files; *1 or 2* means that both count as the object, and
#   *> 0* or *≥ 128* is a threshold on a mask image.
# - **How it is known** stands in brackets after each fact. Label values are *read in the archive* for
#   {glue:text}`n-archive` tasks, *in public code* for {glue:text}`n-code`, *in a public text* for {glue:text}`n-page`;
#   they are *inferred* for {glue:text}`n-inferred`, and *from memory* for {glue:text}`n-memory`.
# - **From 3D to 2D.** The paper takes 2D slices of 3D images and counts those with a non-zero mask. It states
#   neither the axis, nor how slices were sampled, nor the intensity window, and its authors did not release
#   their 2D files. So for every 3D dataset these choices are open, and a count made today may
#   differ from the paper's for that reason alone.
#
# The same from the command line: `medsam data list`, and `medsam data list ct_spleen` for a card. To get one,
# `medsam data fetch ct_spleen`; to see what lies in a folder, `medsam data check ct_spleen PATH`; to run the study
# on it, `medsam run --data ct_spleen=PATH --out DIR`.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## MRI
#
# Spinal cord {cite}`prados2017`, heart {cite}`simpson2019,antonelli2022`, prostate {cite}`lemaitre2015`, brain
# {cite}`menze2015` and breast {cite}`saha2018,saha2021,hu2022`.

# %% tags=["remove-input"]
cards("MRI", examples)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## X-ray
#
# Chest {cite}`jaeger2014` and hip {cite}`gut2021`.

# %% tags=["remove-input"]
cards("X-ray", examples)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Ultrasound
#
# Breast {cite}`aldhabyani2020`, kidney {cite}`song2022`, muscle {cite}`marzola2021`, nerve {cite}`montoya2016` and
# ovary {cite}`zhao2022`.

# %% tags=["remove-input"]
cards("US", examples)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## CT
#
# Colon, hepatic vessels, pancreas and spleen {cite}`simpson2019,antonelli2022`, liver {cite}`bilic2023` and several
# organs {cite}`rister2019,rister2020`.

# %% tags=["remove-input"]
cards("CT", examples)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## PET
#
# Whole body {cite}`gatidis2022,gatidis2022data`.

# %% tags=["remove-input"]
cards("PET", examples)
