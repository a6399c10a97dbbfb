from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.published import read_published
from dynsparse.tables.table_1 import PUBLISHED_COLUMNS
from dynsparse.tables.table_structure import table_structure
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.input
    elements = [read_table(path, "elements") for path in given.elements]
    structure = read_table(given.structure, "structure")
    published = read_published(given.published, PUBLISHED_COLUMNS)
    table = table_structure(elements, structure, published, snakemake.params.threshold)
    write_item(table, snakemake.output.parquet)
