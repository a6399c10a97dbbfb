from dynsparse.dataset import open_dataset
from dynsparse.finite_influence import measure_influence
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import write_table

params = snakemake.params
with compiling_job(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    found = measure_influence(dataset, params.solver, params.threshold)
    write_table(found, snakemake.output[0])
