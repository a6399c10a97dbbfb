from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_zero_elements import table_zero_elements
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.input
    elements = [read_table(path, "elements") for path in given.elements]
    exceptions = [read_table(path, "exceptions") for path in given.exceptions]
    structure = read_table(given.structure, "structure")
    table = table_zero_elements(elements, exceptions, structure, snakemake.params.threshold)
    write_item(table, snakemake.output.parquet)
