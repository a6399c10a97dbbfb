from dynsparse.console import job_log
from dynsparse.figures.figure_a2_1 import figure_a2_1
from dynsparse.figures.style import save_figure
from dynsparse.learning.selection import read_all

source, params = snakemake.input, snakemake.params
with job_log(snakemake.log[0]):
    curves = read_all(source.curves, "learning_curves")
    save_figure(figure_a2_1(curves, params.split), snakemake.output.svg)
