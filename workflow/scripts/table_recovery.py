from dynsparse.console import job_log
from dynsparse.learning.selection import read_all
from dynsparse.tables.table_recovery import table_recovery
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    recovery = read_all(snakemake.input.recovery, "learning_recovery")
    controls = read_all(snakemake.input.controls, "learning_recovery")
    write_item(table_recovery(recovery, controls), snakemake.output.parquet)
