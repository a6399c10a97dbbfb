from pathlib import Path

from dynsparse.running.compiling import compiling_job
from dynsparse.suite import on_c_engine

params = snakemake.params
sizes, seed = params.collection, int(params.seed)
samples = sizes["episodes"] * sizes["steps"]
with compiling_job(snakemake.log[0], snakemake.log.timing, samples):
    if on_c_engine(params.environment):
        from dynsparse.c_engine.collection import collect as collect_on_c

        given = (params.environment, seed, sizes["episodes"], sizes["steps"])
        collect_on_c(snakemake.output[0], *given)
    else:
        from dynsparse.collection import CollectionSettings, collect

        policy = snakemake.input.get("policy")
        collect(
            snakemake.output[0],
            params.environment,
            params.behaviour,
            seed,
            CollectionSettings(**sizes, **params.simulator, **params.jacobian),
            Path(policy) if policy else None,
        )
