from dynsparse.running.console import job_log
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.storage.tables import read_table, write_table

with job_log(snakemake.log[0]):
    tables = [read_table(path, snakemake.params.kind) for path in snakemake.input.tables]
    write_table(merge_seeds(tables), snakemake.output[0])
