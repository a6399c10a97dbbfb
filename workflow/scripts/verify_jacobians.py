from dynsparse.dataset import open_dataset
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import write_table
from dynsparse.verification import verify_jacobians

params, output = snakemake.params, snakemake.output
with compiling_job(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    found = verify_jacobians(dataset, params.samples, params.methods, **params.simulator)
    write_table(found.replay, output.replay)
    write_table(found.elements, output.elements)
    write_table(found.samples, output.samples)
