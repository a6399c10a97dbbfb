from dynsparse.console import job_log
from dynsparse.figures.figure_depth import figure_depth
from dynsparse.figures.style import save_figure
from dynsparse.learning.selection import read_all

with job_log(snakemake.log[0]):
    table = read_all(snakemake.input.searches, "learning_search")
    save_figure(figure_depth(table), snakemake.output.svg)
