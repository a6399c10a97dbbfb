"""Parquet files that say what they are: one kind and one schema version per file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dynsparse.errors import DynsparseError
from dynsparse.storage.files import read_json, whole_file
from dynsparse.storage.seal import check_seal, leave_room, seal

SCHEMA_VERSION = 1
METADATA_KEY = b"dynsparse"


def with_metadata(table: pa.Table, kind: str, **facts: Any) -> pa.Table:
    """The table with its kind, the schema version and ``facts`` (JSON values) in its metadata."""
    text = json.dumps({"kind": kind, "schema_version": SCHEMA_VERSION, **facts}, sort_keys=True)
    return table.replace_schema_metadata({METADATA_KEY: text.encode()})


def metadata_of(table: pa.Table) -> dict[str, Any]:
    """What ``with_metadata`` stored; empty for a table that has none."""
    return _decode(table.schema)


def write_table(table: pa.Table, path: Path | str) -> None:
    """Write a table made by ``with_metadata`` as one whole Parquet file.

    Raises:
        DynsparseError: the table has no metadata, or the file cannot be written.
    """
    if not metadata_of(table):
        raise DynsparseError(f"{path}: not written: the table does not say what kind it is")
    with whole_file(path) as temporary:
        with pq.ParquetWriter(temporary, table.schema, compression="zstd") as writer:
            writer.write_table(table)
            leave_room(writer)
        seal(temporary)


def read_table(path: Path | str, kind: str) -> pa.Table:
    """Read a table of a given kind.

    Raises:
        DynsparseError: the file is missing, damaged, not of this project, of another kind,
            or of another schema version.
    """
    with open_table(path, kind) as (file, facts):
        return with_metadata(file.read(), **facts)


def in_order(table: pa.Table) -> pa.Table:
    """The same rows in an order that they themselves decide, by one column after the other.

    What is made of a table in this order does not depend on the order in which it was written.
    Lists are not compared: rows that differ in nothing else have no order.
    """
    names = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    facts = table.schema.metadata
    return table.sort_by([(name, "ascending") for name in names]).replace_schema_metadata(facts)


@contextmanager
def open_table(path: Path | str, kind: str) -> Iterator[tuple[pq.ParquetFile, dict[str, Any]]]:
    """Open a table of a given kind, to be read in parts; also gives its metadata.

    Raises:
        DynsparseError: as ``read_table``.
    """
    try:
        check_seal(path)
        with pq.ParquetFile(path) as file:
            facts = _decode(file.schema_arrow)
            _check(path, facts, kind)
            yield file, facts
    except FileNotFoundError:
        raise DynsparseError(f"{path}: no such file; expected a {kind!r} table") from None
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise DynsparseError(f"{path}: not a whole Parquet file: {reason}") from error


def _check(path: Path | str, metadata: dict[str, Any], kind: str) -> None:
    if not metadata:
        raise DynsparseError(f"{path}: not written by dynsparse; expected a {kind!r} table")
    if metadata.get("kind") != kind:
        raise DynsparseError(f"{path}: is a {metadata.get('kind')!r} table, expected {kind!r}")
    if metadata.get("schema_version") != SCHEMA_VERSION:
        raise DynsparseError(
            f"{path}: schema version {metadata.get('schema_version')}, expected {SCHEMA_VERSION};"
            " compute it again with this version of dynsparse"
        )


def _decode(schema: pa.Schema) -> dict[str, Any]:
    try:
        value = read_json((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
