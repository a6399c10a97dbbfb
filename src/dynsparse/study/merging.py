"""What was measured of each seed of a case, as tables of all its seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from dynsparse.sparsity.merging import merge_seeds
from dynsparse.storage.tables import read_table, write_table


def merge(inputs: Mapping[str, Sequence[Path | str]], outputs: Mapping[str, Path | str]) -> None:
    """Merge tables of the seeds of a case; both arguments are by the kind of table.

    Raises:
        DynsparseError: as ``merge_seeds``; or a file is missing or damaged, or cannot be written.
    """
    for kind, paths in inputs.items():
        write_table(merge_seeds([read_table(path, kind) for path in paths]), outputs[kind])
