from dynsparse.running.console import job_log
from dynsparse.study.counting import count

read, made = snakemake.input, snakemake.output
with job_log(snakemake.log[0]):
    count(list(read.patterns), dict(made.items()), **snakemake.params.job)
