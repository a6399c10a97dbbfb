"""How the files behind an item are read: each function takes their paths, or the one path.

The rows of a file come in an order of their own, so that no item depends on how it was written.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from dynsparse.storage.tables import in_order, read_table

Paths = Sequence[Path | str]


def tables(paths: Paths, kind: str) -> list[pa.Table]:
    """Each file as a table of one kind.

    Raises:
        DynsparseError: a file is missing, damaged or of another kind.
    """
    return [table(path, kind) for path in paths]


def table(path: Path | str, kind: str) -> pa.Table:
    """A file as a table of one kind.

    Raises:
        DynsparseError: as ``tables``.
    """
    return in_order(read_table(path, kind))


def joined(paths: Paths, kind: str) -> pa.Table:
    """The rows of all files as one table.

    Raises:
        DynsparseError: as ``tables``.
    """
    return pa.concat_tables(tables(paths, kind))
