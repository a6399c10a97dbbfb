from dynsparse.console import job_log
from dynsparse.learning.control_study import score_controls
from dynsparse.sparsity.parquet import write_table

with job_log(snakemake.log[0]):
    table = score_controls(snakemake.input.data, snakemake.params.section)
    write_table(table, snakemake.output[0])
