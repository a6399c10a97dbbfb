from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_patterns import table_patterns
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.input
    occurrences = [read_table(path, "occurrences") for path in given.occurrences]
    information = [read_table(path, "information") for path in given.information]
    table = table_patterns(occurrences, information)
    write_item(table, snakemake.output.parquet)
