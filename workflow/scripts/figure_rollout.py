from dynsparse.console import job_log
from dynsparse.figures.figure_rollout import figure_rollout
from dynsparse.figures.style import save_figure
from dynsparse.learning.selection import read_all

source, params = snakemake.input, snakemake.params
with job_log(snakemake.log[0]):
    rollout = read_all(source.rollout, "learning_rollout")
    save_figure(figure_rollout(rollout, params.split), snakemake.output.svg)
