from pathlib import Path

from dynsparse.provenance import code_state
from dynsparse.running.console import job_log
from dynsparse.study.publishing import publish

given = snakemake.params
with job_log(snakemake.log[0]):
    files = dict(zip(given.names, snakemake.input.statistics, strict=True))
    publish(files, given.folder, given.config, code_state(Path(given.project)))
