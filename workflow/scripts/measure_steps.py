from dynsparse.console import job_log
from dynsparse.dataset import open_dataset
from dynsparse.sparsity.parquet import write_table
from dynsparse.sparsity.steps import measure_steps

with job_log(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    write_table(measure_steps(dataset, snakemake.params.threshold), snakemake.output[0])
