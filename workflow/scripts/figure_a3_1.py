from dynsparse.console import job_log
from dynsparse.figures.figure_a3_1 import figure_a3_1
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    tables = [read_table(path, "elements") for path in snakemake.input.tables]
    save_figure(figure_a3_1(tables, snakemake.params.threshold), snakemake.output.svg)
