from dynsparse.console import job_log
from dynsparse.tables.cases import read_cases
from dynsparse.tables.published import read_published
from dynsparse.tables.table_1 import PUBLISHED_COLUMNS
from dynsparse.tables.table_robustness import table_robustness
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.params
    published = read_published(snakemake.input.published, PUBLISHED_COLUMNS)
    study = read_cases(given.merged, given.cases)
    ablations = {name: read_cases(path, given.cases) for name, path in given.ablations.items()}
    table = table_robustness(study, ablations, published, given.threshold)
    write_item(table, snakemake.output.parquet)
