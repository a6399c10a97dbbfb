from dynsparse.learning.jobs.intervened import score_controls
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import read_table, write_table

given = snakemake.input
with compiling_job(snakemake.log[0], threads=snakemake.threads):
    moved = read_table(given.moved, "interventions")
    write_table(score_controls(given.data, snakemake.params.section, moved), snakemake.output[0])
