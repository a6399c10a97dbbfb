from contextlib import ExitStack

from dynsparse.dataset import open_dataset
from dynsparse.embedding.tsne import embed_case
from dynsparse.running.console import job_log
from dynsparse.storage.tables import read_table, write_table

with job_log(snakemake.log[0]), ExitStack() as stack:
    opened = [stack.enter_context(open_dataset(path)) for path in snakemake.input.data]
    datasets = {dataset.info.seed: dataset for dataset in opened}
    steps = read_table(snakemake.input.steps, "steps")
    table = embed_case(steps, datasets, **snakemake.params.embedding, threads=snakemake.threads)
    write_table(table, snakemake.output[0])
