"""Merged statistics, read from a study's folder."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from dynsparse.sparsity.parquet import read_table


def read_merged(merged: Path | str, cases: Sequence[tuple[str, str]], kind: str) -> list[pa.Table]:
    """One statistic of some environments and behaviours.

    Args:
        merged: the folder ``merged`` of a study.
        cases: environment and behaviour of each.
        kind: the statistic, such as ``elements``.

    Raises:
        DynsparseError: a table is missing or damaged.
    """
    return [
        read_table(Path(merged) / environment / behaviour / f"{kind}.parquet", kind)
        for environment, behaviour in cases
    ]
