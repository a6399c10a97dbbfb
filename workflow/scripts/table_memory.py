from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_memory import table_memory
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    memory = [read_table(path, "memory") for path in snakemake.input.memory]
    write_item(table_memory(memory), snakemake.output.parquet)
