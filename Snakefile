# The study as a workflow: each part of each task is a folder of rows, and all of them merge into one
# results folder. `medsam study --config FILE` runs it; what is done is not done again.
import shutil
from pathlib import Path

from medsam.merging import merge
from medsam.results import shards

LINES = config["lines"]  # folder of a part -> the command that fills it


rule all:
    input:
        "results/.done",


# Its shards stay when a process is killed; the next one goes on from them.
rule evaluate:
    output:
        touch("parts/{digest}/{part}/.done"),
    threads: 1
    retries: 2
    resources:
        gpu=config["gpus"],
    params:
        line=lambda wildcards: LINES[f"parts/{wildcards.digest}/{wildcards.part}"],
    log:
        "logs/{digest}/{part}.log",
    shell:
        "OMP_NUM_THREADS={threads} {params.line} > {log} 2>&1"


# Anew from all parts: what the plan no longer asks for is not in the results.
rule merge:
    input:
        [f"{folder}/.done" for folder in LINES],
    output:
        touch("results/.done"),
    run:
        shutil.rmtree("results", ignore_errors=True)
        folders = [Path(file).parent for file in input]
        # Of more parts than images some are empty, which is no fault.
        merge([folder for folder in folders if shards(folder)], Path("results"))
