"""A statistic is counted: zero patterns are read, functions are called, tables are written."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.patterns import open_patterns
from dynsparse.storage.tables import write_table
from dynsparse.study.making import named


def count(
    patterns: Sequence[Path | str],
    outputs: Mapping[str, Path | str],
    counts: Mapping[str, str],
    compares: Mapping[str, str],
    per_seed: bool,
) -> None:
    """Do the job of a statistic.

    Args:
        patterns: files of zero patterns, of one seed, or of all seeds of a case.
        outputs: for each kind of table where it is written.
        counts, compares, per_seed: a ``Statistic``'s. It is not imported here: else every
            statistic would depend on all entries, and on what a study is.

    Raises:
        DynsparseError: a file is missing or damaged, or a table cannot be written.
    """
    with ExitStack() as stack:
        seeds = [stack.enter_context(open_patterns(path)) for path in patterns]
        for kind, function in counts.items():
            tables = [named(function)(seed) for seed in seeds]
            table = tables[0] if per_seed else merge_seeds(tables)
            write_table(table, outputs[kind])
        for kind, function in compares.items():
            write_table(named(function)(seeds), outputs[kind])
