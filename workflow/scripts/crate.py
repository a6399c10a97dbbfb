from datetime import date
from pathlib import Path

import yaml

from dynsparse.audit.crate import write_crate
from dynsparse.audit.manifest import read_manifest
from dynsparse.running.console import job_log

with job_log(snakemake.log[0]):
    folder = Path(snakemake.input.manifest).parent
    citation = yaml.safe_load(Path(snakemake.input.citation).read_text())
    write_crate(folder, read_manifest(folder), citation, date.today().isoformat())
