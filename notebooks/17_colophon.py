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
# # How this copy was made
#
# One command made this site: `make book`. It installs what a lock file with hashes names, runs the study on
# the embedded sample, executes the notebooks with papermill and builds the pages. This page says which
# weights, data and versions went in, so that another copy can be compared with it. Every value is read when the
# page is made: hashes from the files themselves, the rest from the metadata that each results file carries.

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from medsam.pages.page import Page

parameters = Parameters(globals())

# %% tags=["parameters", "remove-cell"]
results = "_build/results"  # whose origin is told

# %% tags=["remove-cell"]
page = Page("17_colophon", parameters, globals())

from medsam.pages import page as colophon
from medsam.pages.models import page_table
from medsam.pages.text import glue

weights, rows = colophon.weights(), colophon.origins(results)
for name, table in (("weights", weights), ("rows", rows), ("versions", colophon.versions())):
    page.origin(name, table)
glue("n-weights", len(weights))
glue("n-rows", len(rows))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Weights
#
# The {glue:text}`n-weights` weight files that were here. A file whose hash is another is refused by every
# command. [The page of models](05_models) lists all models, with and without weights.

# %% tags=["remove-input"]
page_table(weights, "Weight files, read and hashed when this page was made.")

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`weights-origin`
#
# ## Data
#
# The [embedded sample](01_sample) is read from the package that brings it, and the
# [published tables](../method.md) come with medsam as their authors released them.

# %% tags=["remove-input"]
page_table(colophon.sample_files(), "Files of the embedded sample.")

# %% tags=["remove-input"]
page_table(colophon.published_files(), "Published tables of the paper.")

# %% [markdown]
# ## Rows
#
# What the rows behind *this run* depend on. A run with other weights, settings or protocol is another entry;
# rows of different origin are never mixed in one figure.

# %% tags=["remove-input"]
page_table(rows.drop(columns="versions"), "Origin of the rows of the results folder.")

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`rows-origin`
#
# ## Versions

# %% tags=["remove-input"]
page_table(colophon.versions(), "What ran when this page was made.")

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`versions-origin`
