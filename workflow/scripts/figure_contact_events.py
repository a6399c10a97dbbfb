from dynsparse.console import job_log
from dynsparse.figures.figure_contact_events import figure_contact_events
from dynsparse.figures.style import save_figure
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    tables = [read_table(path, "events") for path in snakemake.input.tables]
    save_figure(figure_contact_events(tables), snakemake.output.svg)
