"""The study: evaluate images, run datasets, plan and work for Snakemake."""
