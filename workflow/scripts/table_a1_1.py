from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.published import read_published
from dynsparse.tables.table_a1_1 import PUBLISHED_COLUMNS, table_a1_1
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    published = read_published(snakemake.input.published, PUBLISHED_COLUMNS)
    steps = [read_table(path, "steps") for path in snakemake.input.steps]
    write_item(table_a1_1(steps, published), snakemake.output.parquet)
