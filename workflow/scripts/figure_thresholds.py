from dynsparse.console import job_log
from dynsparse.figures.figure_thresholds import figure_thresholds
from dynsparse.figures.style import save_figure
from dynsparse.learning.selection import read_all

source, params = snakemake.input, snakemake.params
with job_log(snakemake.log[0]):
    sparsity = read_all(source.sparsity, "learning_sparsity")
    save_figure(figure_thresholds(sparsity, params.split), snakemake.output.svg)
