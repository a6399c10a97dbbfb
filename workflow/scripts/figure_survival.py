from dynsparse.console import job_log
from dynsparse.figures.figure_survival import figure_survival
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    tables = [read_table(path, "durations") for path in snakemake.input.tables]
    save_figure(figure_survival(tables), snakemake.output.svg)
