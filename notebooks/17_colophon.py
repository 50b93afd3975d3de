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

import json
import platform
from pathlib import Path

import pandas as pd

from medsam.datasets.brain import FILES
from medsam.datasets.patients import FOLDER
from medsam.errors import MedsamError
from medsam.files import sha256
from medsam.models.checkpoints import CHECKPOINTS, verified
from medsam.pages.models import page_table
from medsam.pages.text import glue
from medsam.results.rows import installed, provenance

# %% tags=["remove-cell"]
weights = []
for key, one in CHECKPOINTS.items():
    try:
        path = verified(one)
    except MedsamError:
        continue  # Not here: the page of models lists all of them, and what is missing.
    weights.append((key, one.file, path.stat().st_size, sha256(path), one.licence, one.source))
columns = ["key", "file", "bytes", "sha256", "licence", "source"]
weights = pd.DataFrame(weights, columns=columns)
page.origin("weights", weights)
glue("n-weights", len(weights))

# %% tags=["remove-cell"]
told = [(one["identity"], one["versions"]) for one in provenance(results)]
rows = pd.DataFrame(
    {
        **{name: [whole[name] for whole, _ in told] for name in ("dataset", "model")},
        "protocol": [whole["protocol"]["name"] for whole, _ in told],
        "seed": [whole["seed"] for whole, _ in told],
        "settings": [json.dumps(whole["data"], sort_keys=True) for whole, _ in told],
        "weights": [json.dumps(whole["weights"], sort_keys=True) for whole, _ in told],
        "versions": [json.dumps(ran, sort_keys=True) for _, ran in told],
    }
)
page.origin("rows", rows)
glue("n-rows", len(rows))

# %% tags=["remove-cell"]
names = "medsam-study numpy scipy pandas opencv-python-headless onnxruntime torch "
names = (names + "segment-anything nibabel matplotlib papermill jupyter-book").split()
versions = {"Python": platform.python_version(), "system": platform.platform(terse=True)}
versions |= dict.fromkeys(names, "not installed") | installed(names)
versions = pd.DataFrame(versions.items(), columns=["name", "version"])
page.origin("versions", versions)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## Weights
#
# The {glue:text}`n-weights` weight files that were here. Every command refuses a file with a different hash.
# [The page of models](05_models) lists all models, with and without weights.

# %% tags=["remove-input"]
page_table(weights, "Weight files, read and hashed when this page was made.")

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`weights-origin`
#
# ## Data
#
# The [embedded sample](01_sample) is read from the packages that bring it, and the
# [published tables](../method.md) come with medsam as their authors released them.

# %% tags=["remove-input"]
of_patients = [(one.name, sha256(one)) for one in sorted(FOLDER.glob("*.nrrd"))]
table = pd.DataFrame([*of_patients, *FILES.items()], columns=["file", "sha256"])
page_table(table, "Files of the embedded sample.")

# %% tags=["remove-input"]
from medsam.analysis import published

folder = Path(published.__file__).parent / "data" / "published"
files = [(one.name, one.stat().st_size, sha256(one)) for one in sorted(folder.glob("fig*"))]
files = pd.DataFrame(files, columns=["file", "bytes", "sha256"])
page_table(files, "Published tables of the paper.")

# %% [markdown]
# ## Rows
#
# What the rows behind *this run* depend on. A run with other weights, settings or protocol is another entry;
# where a figure or table shows rows of several origins, each is always labelled.

# %% tags=["remove-input"]
page_table(rows.drop(columns="versions"), "Origin of the rows of the results folder.")

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`rows-origin`
#
# ## Versions

# %% tags=["remove-input"]
page_table(versions, "What ran when this page was made.")

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# {glue:}`versions-origin`
