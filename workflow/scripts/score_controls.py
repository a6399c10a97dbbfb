from dynsparse.learning.jobs.controls import score_controls
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import write_table

with compiling_job(snakemake.log[0], threads=snakemake.threads):
    tables = score_controls(snakemake.input.data, snakemake.params.section)
    for kind, table in tables.items():
        write_table(table, snakemake.output[kind])
