import subprocess
from pathlib import Path

from dynsparse.audit.manifest import write_manifest
from dynsparse.audit.recording import make_manifest
from dynsparse.running.console import job_log

given = snakemake.params
with job_log(snakemake.log[0]):
    listing = subprocess.run(given.summary, stdout=subprocess.PIPE, text=True, check=True).stdout
    made = snakemake.input.made
    manifest = make_manifest(listing, made, given.config, given.folder, Path.cwd(), given.project)
    write_manifest(manifest, Path(snakemake.output[0]))
