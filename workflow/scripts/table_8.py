from dynsparse.console import job_log
from dynsparse.learning.selection import read_all
from dynsparse.tables.table_8 import table_8, table_8_pairs
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    curves = read_all(snakemake.input.curves, "learning_curves")
    sparsity = read_all(snakemake.input.sparsity, "learning_sparsity")
    threshold = snakemake.params.threshold
    write_item(table_8(curves, sparsity, threshold), snakemake.output.parquet)
    recovery = read_all(snakemake.input.recovery, "learning_recovery")
    write_item(table_8_pairs(curves, sparsity, recovery), snakemake.output.pairs)
