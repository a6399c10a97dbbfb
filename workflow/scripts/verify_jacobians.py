from dynsparse.dataset import open_dataset
from dynsparse.job import compiling_job
from dynsparse.sparsity.parquet import write_table
from dynsparse.verification import verify_jacobians

params = snakemake.params
with compiling_job(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    table = verify_jacobians(dataset, params.samples, **params.simulator)
    write_table(table, snakemake.output[0])
