from contextlib import ExitStack

from dynsparse.console import job_log
from dynsparse.sparsity.events import measure_events
from dynsparse.sparsity.exceptions import find_exceptions
from dynsparse.sparsity.information import measure_information
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.occurrences import count_occurrences
from dynsparse.sparsity.parquet import write_table
from dynsparse.sparsity.patterns import open_patterns

with job_log(snakemake.log[0]), ExitStack() as stack:
    seeds = [stack.enter_context(open_patterns(path)) for path in snakemake.input.patterns]
    made = snakemake.output
    write_table(merge_seeds([count_occurrences(seed) for seed in seeds]), made.occurrences)
    write_table(merge_seeds([find_exceptions(seed) for seed in seeds]), made.exceptions)
    write_table(merge_seeds([measure_events(seed) for seed in seeds]), made.events)
    write_table(measure_information(seeds), made.information)
