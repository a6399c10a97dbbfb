from dynsparse.console import job_log
from dynsparse.figures.figure_4 import figure_4
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    embedding = read_table(snakemake.input.embedding, "embedding")
    frames = read_table(snakemake.input.frames, "frames")
    save_figure(figure_4(embedding, frames), snakemake.output.svg)
