from dynsparse.console import job_log
from dynsparse.dataset import open_dataset
from dynsparse.sparsity.elements import count_elements
from dynsparse.sparsity.parquet import write_table

with job_log(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    write_table(count_elements(dataset, snakemake.params.thresholds), snakemake.output[0])
