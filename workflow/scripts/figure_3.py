from dynsparse.console import job_log
from dynsparse.figures.figure_3 import figure_3
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    elements = read_table(snakemake.input.elements, "elements")
    save_figure(figure_3(elements, snakemake.params.threshold), snakemake.output.svg)
