from pathlib import Path

from dynsparse.learning.jobs.search import search
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import write_table

params = snakemake.params
with compiling_job(snakemake.log[0], threads=snakemake.threads):
    folder = Path(snakemake.output[0]).parent
    table = search(snakemake.input.data, params.section, params.run, folder)
    write_table(table, snakemake.output[0])
