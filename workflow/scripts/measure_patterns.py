from dynsparse.dataset import open_dataset
from dynsparse.running.console import job_log
from dynsparse.sparsity.scan import scan
from dynsparse.storage.tables import write_table

with job_log(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    made, given = snakemake.output, snakemake.params
    counts = scan(dataset, given.thresholds, given.threshold, made.patterns)
    for kind, table in counts._asdict().items():
        write_table(table, made[kind])
