"""The paper's own numbers, to stand beside ours."""

import csv
from collections.abc import Sequence
from pathlib import Path

from dynsparse.errors import DynsparseError


def read_published(path: Path | str, columns: Sequence[str]) -> dict[str, dict[str, float]]:
    """The published numbers of each environment, from a CSV file with a column ``environment``.

    Raises:
        DynsparseError: the file is missing, lacks one of ``columns``, or holds what is no number.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise DynsparseError(f"{path}: cannot be read: {error}") from error
    try:
        return {row["environment"]: {name: float(row[name]) for name in columns} for row in rows}
    except KeyError as error:
        raise DynsparseError(f"{path}: has no column {error}") from error
    except (TypeError, ValueError) as error:
        raise DynsparseError(f"{path}: a published value is not a number: {error}") from error


# Environment, row and column of an element of the state Jacobian.
Cell = tuple[str, int, int]


def read_cells(path: Path | str) -> dict[Cell, float]:
    """The cells of the published Figure 3: percent of samples in which an element is zero.

    Raises:
        DynsparseError: the file is missing, lacks a column, or holds what is no number.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            return {
                (row["environment"], int(row["row"]), int(row["column"])): float(
                    row["percent_zero"]
                )
                for row in csv.DictReader(stream)
            }
    except (OSError, UnicodeDecodeError) as error:
        raise DynsparseError(f"{path}: cannot be read: {error}") from error
    except KeyError as error:
        raise DynsparseError(f"{path}: has no column {error}") from error
    except (TypeError, ValueError) as error:
        raise DynsparseError(f"{path}: a published value is not a number: {error}") from error
