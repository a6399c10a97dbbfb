"""Tables of all seeds of a case, counted in their zero patterns."""

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
) -> None:
    """Count in the zero patterns of all seeds of a case.

    Args:
        patterns: files of zero patterns, one per seed.
        outputs: for each kind of table where it is written.
        counts, compares: those of ``study.statistics``. They are not imported here: else
            counting would depend on what a study is.

    Raises:
        DynsparseError: a file is missing or damaged, or a table cannot be written.
    """
    with ExitStack() as stack:
        seeds = [stack.enter_context(open_patterns(path)) for path in patterns]
        for kind, function in counts.items():
            write_table(merge_seeds([named(function)(seed) for seed in seeds]), outputs[kind])
        for kind, function in compares.items():
            write_table(named(function)(seeds), outputs[kind])
