from dynsparse.console import job_log
from dynsparse.learning.selection import read_all
from dynsparse.tables.table_a2 import read_ranks, table_a2_ranks
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    searches = read_all(snakemake.input.searches, "learning_search")
    published = read_ranks(snakemake.input.published)
    table = table_a2_ranks(snakemake.params.number, searches, published)
    write_item(table, snakemake.output.parquet)
