from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_durations import table_durations
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    strides = [read_table(path, "strides") for path in snakemake.input.strides]
    write_item(table_durations(strides), snakemake.output.parquet)
