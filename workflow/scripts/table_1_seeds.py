from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_1_seeds import table_1_seeds
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.input
    elements = [read_table(path, "elements") for path in given.elements]
    steps = [read_table(path, "steps") for path in given.steps]
    table = table_1_seeds(elements, steps, snakemake.params.threshold)
    write_item(table, snakemake.output.parquet)
