from dynsparse.console import job_log
from dynsparse.dataset import open_dataset
from dynsparse.sparsity.parquet import write_table
from dynsparse.sparsity.scan import scan

with job_log(snakemake.log[0]), open_dataset(snakemake.input.data) as dataset:
    made, given = snakemake.output, snakemake.params
    counts = scan(dataset, given.thresholds, given.threshold, made.patterns)
    write_table(counts.elements, made.elements)
    write_table(counts.sparsities, made.sparsities)
