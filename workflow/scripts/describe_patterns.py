from dynsparse.running.console import job_log
from dynsparse.study.counting import count

with job_log(snakemake.log[0]):
    count(snakemake.input.patterns, dict(snakemake.output.items()), **snakemake.params)
