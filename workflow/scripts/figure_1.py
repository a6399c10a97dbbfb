from dynsparse.console import job_log
from dynsparse.figures.figure_1 import figure_1
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    frames = [read_table(path, "frames") for path in snakemake.input.frames]
    save_figure(figure_1(frames), snakemake.output.svg)
