from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.verification import verification_table
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    samples = [read_table(path, "verification") for path in snakemake.input.samples]
    replays = [read_table(path, "replay") for path in snakemake.input.replays]
    write_item(verification_table(samples, replays), snakemake.output.parquet)
