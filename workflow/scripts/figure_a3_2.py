from dynsparse.console import job_log
from dynsparse.figures.figure_a3_2 import figure_a3_2
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    tables = [read_table(path, "sparsities") for path in snakemake.input.tables]
    save_figure(figure_a3_2(tables, snakemake.params.threshold), snakemake.output.svg)
