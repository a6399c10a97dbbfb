"""The merged statistics of a study's cases, read from its folder."""

from collections.abc import Iterable
from pathlib import Path

from dynsparse.sparsity.parquet import read_table
from dynsparse.tables.table_robustness import Statistics


def read_cases(merged: Path | str, cases: Iterable[tuple[str, str]]) -> list[Statistics]:
    """The statistics of some environments and behaviours.

    Args:
        merged: the folder ``merged`` of a study.
        cases: environment and behaviour of each.

    Raises:
        DynsparseError: a table is missing or damaged.
    """
    return [
        Statistics(
            *(
                read_table(Path(merged) / environment / behaviour / f"{kind}.parquet", kind)
                for kind in Statistics._fields
            )
        )
        for environment, behaviour in cases
    ]
