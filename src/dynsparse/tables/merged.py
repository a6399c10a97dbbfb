"""One statistic of the studies that differ from a study in one thing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from dynsparse.sparsity.parquet import in_order, read_table


def read_ablations(
    marks: Sequence[Path | str], folders: Mapping[str, str], cases: Sequence[tuple[str, str]]
) -> dict[str, list[pa.Table]]:
    """The counts per element of each ablation.

    Args:
        marks: files that say that these studies were made; not read.
        folders: ablation -> where its study keeps merged statistics.
        cases: environment and behaviour of each.

    Raises:
        DynsparseError: a table is missing or damaged.
    """
    return {
        name: [
            in_order(read_table(Path(folder, *case, "elements.parquet"), "elements"))
            for case in cases
        ]
        for name, folder in folders.items()
    }
