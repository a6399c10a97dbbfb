from dynsparse.console import job_log
from dynsparse.study.counting import count
from dynsparse.study.statistics import STATISTICS

made = snakemake.output
with job_log(snakemake.log[0]):
    count(
        STATISTICS[snakemake.params.statistic], list(snakemake.input.patterns), dict(made.items())
    )
