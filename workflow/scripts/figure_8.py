from dynsparse.console import job_log
from dynsparse.figures.figure_8 import figure_8
from dynsparse.figures.style import save_figure
from dynsparse.learning.selection import read_all

source, params = snakemake.input, snakemake.params
with job_log(snakemake.log[0]):
    curves = read_all(source.curves, "learning_curves")
    sparsity = read_all(source.sparsity, "learning_sparsity")
    save_figure(figure_8(curves, sparsity, params.split, params.threshold), snakemake.output.svg)
