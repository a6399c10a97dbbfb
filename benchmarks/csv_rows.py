"""Tables of benchmarks that take long: CSV files that get a row at a time."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dynsparse.storage.files import whole_file


def with_row(path: Path, row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows of a file by environment, with this one in place of what it had of its own."""
    rows = {row["environment"]: row}
    if path.exists():
        with path.open(newline="") as stream:
            rows = {old["environment"]: old for old in csv.DictReader(stream)} | rows
    return rows


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows with the columns of any of them; cells that a row lacks are empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = list(rows)
    with whole_file(path) as temporary, temporary.open("w", newline="") as stream:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
