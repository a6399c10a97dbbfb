from dynsparse.environments.structures import structures
from dynsparse.running.console import job_log
from dynsparse.storage.tables import write_table

with job_log(snakemake.log[0]):
    write_table(structures(snakemake.params.environments), snakemake.output[0])
