from pathlib import Path

from dynsparse.job import compiling_job
from dynsparse.policies.experts import train_expert
from dynsparse.policies.settings import schedule

params = snakemake.params
with compiling_job(snakemake.log[0], snakemake.log.timing):
    overrides = schedule(snakemake.input.schedules, params.environment)
    folder = Path(snakemake.output.policy).parent
    train_expert(params.environment, int(params.seed), overrides, folder)
