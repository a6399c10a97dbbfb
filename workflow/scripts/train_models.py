from pathlib import Path

from dynsparse.learning.jobs.train import train_models
from dynsparse.learning.training.checkpoint import write
from dynsparse.running.compiling import compiling_job
from dynsparse.storage.tables import write_table

output, params = snakemake.output, snakemake.params
with compiling_job(snakemake.log[0], threads=snakemake.threads):
    folder = Path(output.models).parent
    learned = train_models(snakemake.input.data, params.section, params.learner, folder)
    for kind, table in learned.tables.items():
        write_table(table, output[kind])
    write(output.models, learned.arrays, learned.about)
