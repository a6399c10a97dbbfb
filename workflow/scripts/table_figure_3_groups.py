from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.published import read_cells
from dynsparse.tables.table_figure_3 import table_figure_3_groups
from dynsparse.tables.writing import write_item

given = snakemake.input
with job_log(snakemake.log[0]):
    elements = [read_table(path, "elements") for path in given.elements]
    occurrences = [read_table(path, "occurrences") for path in given.occurrences]
    cells = read_cells(given.published)
    table = table_figure_3_groups(elements, occurrences, cells, snakemake.params.threshold)
    write_item(table, snakemake.output.parquet)
