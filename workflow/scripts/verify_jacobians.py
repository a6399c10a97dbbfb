from pathlib import Path

from dynsparse.dataset import open_dataset
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import write_table
from dynsparse.suite import on_c_engine

params, output = snakemake.params, snakemake.output
with compiling_job(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    if on_c_engine(params.environment):
        from dynsparse.c_engine.verified_tables import verify_simulation

        path = Path(snakemake.input.data)
        found = verify_simulation(path, dataset, params.samples, params.environment)
    else:
        from dynsparse.verification import verify_jacobians

        found = verify_jacobians(dataset, params.samples, params.methods, **params.simulator)
    write_table(found.replay, output.replay)
    write_table(found.elements, output.elements)
    write_table(found.samples, output.samples)
