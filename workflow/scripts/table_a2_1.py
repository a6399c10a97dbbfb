from dynsparse.console import job_log
from dynsparse.tables.table_a2 import read_setup, table_a2_1
from dynsparse.tables.writing import write_item

params = snakemake.params
with job_log(snakemake.log[0]):
    published = read_setup(snakemake.input.published)
    table = table_a2_1(params.section, params.episodes, published)
    write_item(table, snakemake.output.parquet)
