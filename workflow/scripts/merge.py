from dynsparse.running.console import job_log
from dynsparse.study.merging import merge

with job_log(snakemake.log[0]):
    made = dict(snakemake.output.items())
    merge({kind: snakemake.input[kind] for kind in made}, made)
