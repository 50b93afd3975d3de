# The study as a workflow: evaluate -> merge -> notebooks. `medsam study --config FILE`
# writes study.json, which says what there is to do, and runs this file in the folder of the study.
# Names of jobs change with all that they depend on, so that a job whose file is there is done, whatever
# the times of files are. workflow/README.md tells more.
import json
import shlex
import sys
from pathlib import Path

FILE = Path(config.get("study", "study.json")).resolve()
STUDY = json.loads(FILE.read_text(encoding="utf-8"))

# A worker stands in the folder of the study, wherever Snakemake does; what Snakemake itself reads and
# writes are the files that say what is done, and the logs.
WORK = (
    f"cd {shlex.quote(str(FILE.parent))} && mkdir -p \"$(dirname {{log:q}})\" && "
    f"OMP_NUM_THREADS={{threads}} {shlex.quote(sys.executable)} -m medsam.cli study-worker"
)
GPUS = f"--gpus {config.get('gpus_here', 0)}"
MERGED = f"results/.done-{STUDY['merged']}"


def before(output, files):
    """What a job waits for, if it is due: a job that is done does not run again after others."""
    return [] if Path(output).is_file() else files


localrules:
    all,


rule all:
    input:
        MERGED,
        [f"done/page/{name}" for name in STUDY["pages"]],


# Some shards, one after the other. Their rows stay when the process is killed; the next one goes on.
rule evaluate:
    output:
        touch("done/evaluate/{name}"),
    threads: 1
    retries: 2
    resources:
        gpu=STUDY["gpus"],
    log:
        "logs/evaluate/{name}.log",
    shell:
        WORK + " evaluate {wildcards.name:q} " + GPUS + " > {log:q} 2>&1"


rule merge:
    input:
        before(MERGED, [f"done/evaluate/{name}" for name in STUDY["evaluate"]]),
    output:
        touch(MERGED),
    log:
        "logs/merge.log",
    shell:
        WORK + " merge > {log:q} 2>&1"


rule page:
    input:
        lambda wildcards: before(f"done/page/{wildcards.name}", [MERGED]),
    output:
        touch("done/page/{name}"),
    threads: 1
    resources:
        gpu=STUDY["gpus"],
    log:
        "logs/page/{name}.log",
    shell:
        WORK + " page {wildcards.name:q} " + GPUS + " > {log:q} 2>&1"
