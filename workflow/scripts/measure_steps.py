from dynsparse.console import job_log
from dynsparse.sparsity.parquet import write_table
from dynsparse.sparsity.patterns import open_patterns
from dynsparse.sparsity.steps import measure_steps

with job_log(snakemake.log[0]), open_patterns(snakemake.input.patterns) as patterns:
    write_table(measure_steps(patterns), snakemake.output[0])
