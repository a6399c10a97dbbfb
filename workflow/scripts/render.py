from contextlib import ExitStack

from dynsparse.dataset import open_dataset
from dynsparse.environments.models import model_of
from dynsparse.rendering.case import render_case
from dynsparse.running.console import job_log
from dynsparse.storage.tables import read_table, write_table

with job_log(snakemake.log[0]), ExitStack() as stack:
    opened = [stack.enter_context(open_dataset(path)) for path in snakemake.input.data]
    datasets = {dataset.info.seed: dataset for dataset in opened}
    steps = read_table(snakemake.input.steps, "steps")
    model = model_of(snakemake.params.environment).mj_model
    write_table(render_case(steps, datasets, model), snakemake.output[0])
