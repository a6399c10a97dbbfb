"""The statistics by which claims are judged, of a study and of its ablations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from dynsparse.storage.tables import in_order, read_table
from dynsparse.tables.table_robustness import Statistics


def read_cases(paths: Sequence[Path | str]) -> list[Statistics]:
    """The statistics of some environments and behaviours, from files named after their kind.

    Raises:
        DynsparseError: a table is missing or damaged.
    """
    kinds = (
        [in_order(read_table(path, kind)) for path in paths if Path(path).stem == kind]
        for kind in Statistics._fields
    )
    return [Statistics(*tables) for tables in zip(*kinds, strict=True)]


def read_ablations(
    marks: Sequence[Path | str], folders: Mapping[str, str], cases: Sequence[tuple[str, str]]
) -> dict[str, list[Statistics]]:
    """The same of studies that differ in one thing.

    Args:
        marks: files that say that these studies were made; not read.
        folders: ablation -> where its study keeps merged statistics.
        cases: environment and behaviour of each.

    Raises:
        DynsparseError: as ``read_cases``.
    """
    return {
        name: read_cases(
            [path for kind in Statistics._fields for path in _paths(folder, cases, kind)]
        )
        for name, folder in folders.items()
    }


def read_ablated_elements(
    marks: Sequence[Path | str], folders: Mapping[str, str], cases: Sequence[tuple[str, str]]
) -> dict[str, list[pa.Table]]:
    """The counts per element of each ablation; arguments and errors as ``read_ablations``."""
    return {
        name: [in_order(read_table(path, "elements")) for path in _paths(folder, cases, "elements")]
        for name, folder in folders.items()
    }


def _paths(folder: str, cases: Sequence[tuple[str, str]], kind: str) -> list[Path]:
    return [Path(folder, *case, f"{kind}.parquet") for case in cases]
