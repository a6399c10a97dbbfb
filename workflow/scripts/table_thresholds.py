from dynsparse.console import job_log
from dynsparse.tables.merged import read_merged
from dynsparse.tables.table_thresholds import table_thresholds
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.params
    study = read_merged(given.merged, given.cases, "elements")
    ablations = {
        name: read_merged(path, given.cases, "elements") for name, path in given.ablations.items()
    }
    table = table_thresholds(study, ablations, given.threshold)
    write_item(table, snakemake.output.parquet)
