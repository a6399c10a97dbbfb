from dynsparse.console import job_log
from dynsparse.tables.table_a2 import read_setup, table_a2_1
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    published = read_setup(snakemake.input.published)
    write_item(table_a2_1(snakemake.params.section, published), snakemake.output.parquet)
