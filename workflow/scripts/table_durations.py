from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_durations import table_durations
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.input
    durations = [read_table(path, "durations") for path in given.durations]
    strides = [read_table(path, "strides") for path in given.strides]
    table = table_durations(durations, strides)
    write_item(table, snakemake.output.parquet)
