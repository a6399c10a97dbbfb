from dynsparse.console import job_log
from dynsparse.sparsity.durations import measure_durations
from dynsparse.sparsity.parquet import write_table
from dynsparse.sparsity.patterns import open_patterns
from dynsparse.sparsity.strides import measure_strides

with job_log(snakemake.log[0]), open_patterns(snakemake.input.patterns) as patterns:
    write_table(measure_durations(patterns), snakemake.output.durations)
    write_table(measure_strides(patterns), snakemake.output.strides)
