"""The merged statistics of a study's cases, read from its folder."""

from collections.abc import Sequence
from pathlib import Path

from dynsparse.tables.merged import read_merged
from dynsparse.tables.table_robustness import Statistics


def read_cases(merged: Path | str, cases: Sequence[tuple[str, str]]) -> list[Statistics]:
    """The statistics of some environments and behaviours.

    Args:
        merged: the folder ``merged`` of a study.
        cases: environment and behaviour of each.

    Raises:
        DynsparseError: a table is missing or damaged.
    """
    kinds = (read_merged(merged, cases, kind) for kind in Statistics._fields)
    return [Statistics(*tables) for tables in zip(*kinds, strict=True)]
