from dynsparse.console import job_log
from dynsparse.figures.style import save_figure
from dynsparse.figures.summary import Case, summary
from dynsparse.sparsity.parquet import read_table

with job_log(snakemake.log[0]):
    case = Case(**{kind: read_table(snakemake.input[kind], kind) for kind in Case._fields})
    save_figure(summary(case, snakemake.params.threshold), snakemake.output.svg)
