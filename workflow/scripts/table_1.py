from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.published import read_published
from dynsparse.tables.table_1 import PUBLISHED_COLUMNS, table_1
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    published = read_published(snakemake.input.published, PUBLISHED_COLUMNS)
    elements = [read_table(path, "elements") for path in snakemake.input.elements]
    write_item(table_1(elements, published, snakemake.params.threshold), snakemake.output.parquet)
