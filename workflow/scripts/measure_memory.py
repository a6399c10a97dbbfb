from dynsparse.dataset import open_dataset
from dynsparse.hidden_memory import measure_memory
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import write_table

params = snakemake.params
with compiling_job(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    found = measure_memory(dataset, params.solver, params.threshold, params.batch)
    write_table(found, snakemake.output[0])
