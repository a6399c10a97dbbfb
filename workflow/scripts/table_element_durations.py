from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_durations import table_element_durations
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.input
    durations = [read_table(path, "durations") for path in given.durations]
    occurrences = [read_table(path, "occurrences") for path in given.occurrences]
    table = table_element_durations(durations, occurrences)
    write_item(table, snakemake.output.parquet)
