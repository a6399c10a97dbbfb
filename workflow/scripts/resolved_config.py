import yaml

from dynsparse.running.console import job_log
from dynsparse.storage.files import whole_file

with job_log(snakemake.log[0]), whole_file(snakemake.output[0]) as temporary:
    temporary.write_text(yaml.safe_dump(snakemake.params.config, sort_keys=False))
