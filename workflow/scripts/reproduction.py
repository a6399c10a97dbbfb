from dynsparse.console import job_log
from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.cases import read_cases
from dynsparse.tables.published import read_published
from dynsparse.tables.reproduction import reproduction
from dynsparse.tables.table_1 import PUBLISHED_COLUMNS
from dynsparse.tables.writing import write_item

with job_log(snakemake.log[0]):
    given = snakemake.params
    published = read_published(snakemake.input.published, PUBLISHED_COLUMNS)
    structure = read_table(snakemake.input.structure, "structure")
    study = read_cases(given.merged, given.cases)
    table = reproduction(study, structure, published, given.threshold)
    write_item(table, snakemake.output.parquet)
