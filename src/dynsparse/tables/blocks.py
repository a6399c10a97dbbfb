"""Tables in documents: marked blocks, filled from the CSV files of a study.

A block of a Markdown file names a table, and what of it to show (indented, it is an example)::

    <!-- table: default/reproduction
    rows: section=5.1, stands=no|open
    columns: claim, environment, ours
    -->
    (filled in)
    <!-- end -->

Between values of a column, ``|`` is *or*.
Nobody types a number in a block: it is what ``docs/results/default/reproduction.csv`` holds.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv

from dynsparse.errors import DynsparseError
from dynsparse.storage.files import whole_file
from dynsparse.tables.writing import markdown

BLOCK = re.compile(
    r"^(?P<opening><!-- table: (?P<head>.*?)\s*-->)$.*?^(?P<closing><!-- end -->)$",
    re.DOTALL | re.MULTILINE,
)
OPENING = re.compile(r"^<!-- table: ", re.MULTILINE)
SETTINGS = ("rows", "columns")
# A value may have a comma, but none before a name and =.
CONDITIONS = re.compile(r",(?=\s*\w+\s*=)")


def filled(text: str, shipped: Path) -> str:
    """A document with every block filled.

    Args:
        text: the document, in Markdown.
        shipped: the folder of CSV files, with a folder for each study.

    Raises:
        DynsparseError: a block is not closed, has an unknown setting, names a table, a column or a
            row that is not there.
    """
    if len(OPENING.findall(text)) != len(names(text)):
        raise DynsparseError("a block <!-- table: ... --> has no <!-- end -->")

    def fill(block: re.Match[str]) -> str:
        name, settings = _head(block["head"])
        table = chosen(_read(shipped / f"{name}.csv"), settings, name)
        return f"{block['opening']}\n\n{markdown(table, shown)}\n{block['closing']}"

    return BLOCK.sub(fill, text)


def names(text: str) -> list[str]:
    """The tables that a document shows, such as ``default/reproduction``."""
    return [_head(block["head"])[0] for block in BLOCK.finditer(text)]


def refresh(documents: Sequence[Path], shipped: Path, results: Path | None = None) -> None:
    """Fill the blocks of documents, after taking over the tables of a study that they show.

    Args:
        documents: Markdown files, rewritten where something changes.
        shipped: the folder of CSV files.
        results: the folder of a study, whose name is that of the folder in ``shipped``.

    Raises:
        DynsparseError: as ``filled``, or the study has no such table.
    """
    texts = {document: document.read_text(encoding="utf-8") for document in documents}
    if results:
        wanted = {name for text in texts.values() for name in names(text)}
        for name in sorted(wanted):
            study, _, table = name.rpartition("/")
            if study == results.name:
                _take_over(results / "tables" / f"{table}.csv", shipped / f"{name}.csv")
    for document, text in texts.items():
        try:
            after = filled(text, shipped)
        except DynsparseError as error:
            raise DynsparseError(f"{document}: {error}") from None
        if after != text:
            with whole_file(document) as temporary:
                temporary.write_text(after, encoding="utf-8")


def chosen(table: pa.Table, settings: Mapping[str, str], name: str) -> pa.Table:
    """The rows and columns of a table that a block asks for; none of one that has none."""
    rows = table.to_pylist()
    for condition in filter(None, CONDITIONS.split(settings.get("rows", ""))):
        column, _, value = (part.strip() for part in condition.partition("="))
        _check(column, table.column_names, name)
        wanted = {each.strip() for each in value.split("|")}
        for missing in sorted(wanted - {as_text(row[column]) for row in table.to_pylist()}):
            raise DynsparseError(f"table {name!r} has no such rows: {column}={missing}")
        rows = [row for row in rows if as_text(row[column]) in wanted]
    if not rows and table.num_rows:
        raise DynsparseError(f"table {name!r} has no such rows: {settings.get('rows')}")
    columns = [part.strip() for part in settings.get("columns", "").split(",") if part.strip()]
    for column in columns:
        _check(column, table.column_names, name)
    fields = [table.schema.field(column) for column in columns or table.column_names]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def as_text(value: Any) -> str:
    """A value as a condition names it, which is as CSV has it."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def shown(value: Any) -> str:
    """A value for a reader: four digits; six where four would round it to a whole number."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    if abs(value) >= 1000:
        return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.3g}"
    text = f"{value:.4g}"
    return f"{value:.6g}" if float(text).is_integer() else text


def _head(head: str) -> tuple[str, dict[str, str]]:
    name, *lines = (line.strip() for line in head.strip().splitlines())
    settings = {}
    for line in lines:
        key, _, value = (part.strip() for part in line.partition(":"))
        if key not in SETTINGS:
            raise DynsparseError(f"table {name!r}: {key!r} is none of {', '.join(SETTINGS)}")
        settings[key] = value
    return name, settings


def _read(path: Path) -> pa.Table:
    try:
        return csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise DynsparseError(f"{path}: not to be read as CSV: {error}") from error


def _take_over(source: Path, target: Path) -> None:
    if not source.is_file():
        raise DynsparseError(f"{source}: no such file, but a document shows this table")
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as temporary:
        shutil.copyfile(source, temporary)


def _check(column: str, columns: Sequence[str], name: str) -> None:
    if column not in columns:
        raise DynsparseError(f"table {name!r} has no column {column!r}: {', '.join(columns)}")
