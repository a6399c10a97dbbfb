from dynsparse.api.dataset import Dataset, open_part
from dynsparse.explorer.case import case_page
from dynsparse.explorer.view import model_of, write_page
from dynsparse.running.console import job_log
from dynsparse.storage.tables import read_table

given = snakemake.params
with job_log(snakemake.log[0]):
    data = Dataset([open_part(path) for path in snakemake.input.data])
    structure = read_table(snakemake.input.structure, "structure")
    page = case_page(data, given.threshold, structure, model_of(given.environment))
    write_page(snakemake.output[0], page)
