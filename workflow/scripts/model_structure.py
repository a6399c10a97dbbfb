from dynsparse.console import job_log
from dynsparse.sparsity.models import structures
from dynsparse.sparsity.parquet import write_table

with job_log(snakemake.log[0]):
    write_table(structures(snakemake.params.environments), snakemake.output[0])
