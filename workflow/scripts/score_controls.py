from dynsparse.job import compiling_job
from dynsparse.learning.control_study import score_controls
from dynsparse.sparsity.parquet import write_table

with compiling_job(snakemake.log[0]):
    tables = score_controls(snakemake.input.data, snakemake.params.section)
    for kind, table in tables.items():
        write_table(table, snakemake.output[kind])
