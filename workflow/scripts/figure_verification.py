from dynsparse.console import job_log
from dynsparse.figures.figure_verification import figure_verification
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    tables = [read_table(path, "verification") for path in snakemake.input.tables]
    save_figure(figure_verification(tables), snakemake.output.svg)
