from dynsparse.learning.jobs.interventions import intervene
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import write_table

params = snakemake.params
with compiling_job(snakemake.log[0]):
    found = intervene(snakemake.input.data, params.section, params.solver)
    write_table(found, snakemake.output[0])
