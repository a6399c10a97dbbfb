from dynsparse.running.console import job_log
from dynsparse.storage.tables import read_table
from dynsparse.tables.verdicts import require_verified

with job_log(snakemake.log[0]):
    table = read_table(snakemake.input.table, "verification_table")
    params = snakemake.params
    require_verified(table, params.least_share, params.accepted, params.solver)
