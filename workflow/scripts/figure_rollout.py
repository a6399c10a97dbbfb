from dynsparse.console import job_log
from dynsparse.figures.figure_rollout import figure_rollout
from dynsparse.figures.style import save_figure
from dynsparse.learning.selection import read_all

with job_log(snakemake.log[0]):
    rollout = read_all(snakemake.input.rollout, "learning_rollout")
    save_figure(figure_rollout(rollout), snakemake.output.svg)
