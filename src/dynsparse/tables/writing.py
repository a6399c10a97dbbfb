"""One table as Parquet, CSV and Markdown."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv
from tabulate import tabulate

from dynsparse.storage.files import whole_file
from dynsparse.storage.tables import metadata_of, with_metadata, write_table


def item(
    rows: Sequence[Mapping[str, Any]], schema: pa.Schema, kind: str, made_from: Sequence[pa.Table]
) -> pa.Table:
    """A table of a study, which says what it was made from; what a row lacks is null."""
    sources = {source for table in made_from for source in metadata_of(table)["sources"]}
    table = pa.Table.from_pylist(list(rows), schema=schema)
    return with_metadata(table, kind, sources=sorted(sources))


def write_item(table: pa.Table, parquet: Path | str) -> None:
    """Write ``parquet`` and, beside it, the same table as ``.csv`` and ``.md``, each file whole.

    Parquet and CSV hold full precision; Markdown is for reading, and rounds.

    Raises:
        DynsparseError: a file cannot be written.
    """
    path = Path(parquet)
    write_table(table, path)
    with whole_file(path.with_suffix(".csv")) as temporary:
        csv.write_csv(table, temporary, csv.WriteOptions(quoting_style="needed"))
    with whole_file(path.with_suffix(".md")) as temporary:
        temporary.write_text(markdown(table), encoding="utf-8")


# What Markdown would typeset; an underscore only at a word's end.
_TYPESET = re.compile(r"[\\`*|<>&$~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, in one line: names may have any letters."""
    return _TYPESET.sub(r"\\\g<0>", " ".join(text.split()))


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.2f}" if value == 0 or abs(value) >= 0.005 else f"{value:.0e}"


def markdown(table: pa.Table, text: Callable[[Any], str] = _text) -> str:
    """The table in Markdown: numbers to the right, missing values as a dash; ``text`` of each."""
    rows = [[_plain(text(value)) for value in row.values()] for row in table.to_pylist()]
    align = ["left" if pa.types.is_string(field.type) else "right" for field in table.schema]
    return (
        tabulate(
            rows,
            headers=[name.replace("_", " ") for name in table.column_names],
            tablefmt="github",
            colalign=align if rows else None,
            disable_numparse=True,
        )
        + "\n"
    )
