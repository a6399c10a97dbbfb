from dynsparse.console import job_log
from dynsparse.figures.figure_6 import figure_6
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    tables = [read_table(path, "steps") for path in snakemake.input.tables]
    save_figure(figure_6(tables), snakemake.output.svg)
