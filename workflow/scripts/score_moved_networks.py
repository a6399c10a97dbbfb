from dynsparse.learning.jobs.intervened import score_networks
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import read_table, write_table

given, params = snakemake.input, snakemake.params
with compiling_job(snakemake.log[0], threads=snakemake.threads):
    moved = read_table(given.moved, "interventions")
    found = score_networks(given.data, params.section, moved, params.learner, given.models)
    write_table(found, snakemake.output[0])
