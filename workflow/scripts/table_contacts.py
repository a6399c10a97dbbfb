from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_contacts import table_contacts
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.input
    occurrences = [read_table(path, "occurrences") for path in given.occurrences]
    table = table_contacts(occurrences)
    write_item(table, snakemake.output.parquet)
