from pathlib import Path

from dynsparse.collection import CollectionSettings, collect
from dynsparse.running.compiling import compiling_job

params = snakemake.params
samples = params.collection["episodes"] * params.collection["steps"]
with compiling_job(snakemake.log[0], snakemake.log.timing, samples):
    policy = snakemake.input.get("policy")
    collect(
        snakemake.output[0],
        params.environment,
        params.behaviour,
        int(params.seed),
        CollectionSettings(**params.collection, **params.simulator, **params.jacobian),
        Path(policy) if policy else None,
    )
