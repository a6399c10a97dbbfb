from dynsparse.running.console import job_log
from dynsparse.study.making import make

given = snakemake.params
with job_log(snakemake.log[0]):
    files = {name: list(snakemake.input[name]) for name in given.reads}
    make(given.function, given.reads, files, given.settings, given.writer, snakemake.output[0])
