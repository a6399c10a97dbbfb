from pathlib import Path

from dynsparse.policies.experts import train_expert
from dynsparse.policies.settings import schedule
from dynsparse.running.compiling import compiling_job

params = snakemake.params
with compiling_job(snakemake.log[0], snakemake.log.timing):
    overrides = schedule(snakemake.input.schedules, params.environment)
    folder = Path(snakemake.output.policy).parent
    train_expert(params.environment, int(params.seed), overrides, folder)
