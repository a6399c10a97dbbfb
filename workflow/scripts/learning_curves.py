import pyarrow as pa

from dynsparse.console import job_log
from dynsparse.figures.learning_curve import learning_curve
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    curves = [read_table(path, "training_curve") for path in snakemake.input.curves]
    save_figure(learning_curve(pa.concat_tables(curves)), snakemake.output.svg)
