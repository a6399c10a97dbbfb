from pathlib import Path

from dynsparse.job import compiling_job
from dynsparse.learning.checkpoint import write
from dynsparse.learning.study import train_models
from dynsparse.sparsity.parquet import write_table

output, params = snakemake.output, snakemake.params
with compiling_job(snakemake.log[0]):
    folder = Path(output.models).parent
    learned = train_models(snakemake.input.data, params.section, params.learner, folder)
    for kind, table in learned.tables.items():
        write_table(table, output[kind])
    write(output.models, learned.arrays, learned.about)
