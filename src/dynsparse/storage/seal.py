"""A digest of a whole Parquet file, kept in its own footer.

Parquet checks its data pages at most. A flipped bit in the footer renames a column or changes a
threshold, and nobody notices; with a seal, the reader does.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

from dynsparse.errors import DynsparseError

_KEY = "dynsparse_seal"
_MARK = re.compile(rb"dynsparse-seal:([0-9a-f]{64})")
_BLANK = b"0" * 64
# A Parquet file ends with the length of its footer (four bytes) and a magic word of four.
_TAIL = 8
_BLOCK = 2**20


def leave_room(writer: pq.ParquetWriter) -> None:
    """Leave room for a seal in the file of an open writer."""
    writer.add_key_value_metadata({_KEY: f"dynsparse-seal:{_BLANK.decode()}"})


def seal(path: Path) -> None:
    """Seal a closed file in which room was left."""
    with path.open("r+b") as stream:
        where, _, digest = _examine(stream)
        stream.seek(where)
        stream.write(digest)


def check_seal(path: Path | str) -> None:
    """Check that a sealed file is as it was written; files without a seal pass.

    Raises:
        DynsparseError: the file has changed since.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as stream:
        where, recorded, digest = _examine(stream)
    if where >= 0 and recorded != digest:
        raise DynsparseError(
            f"{path}: not a whole Parquet file: its bytes are not those that were written; delete"
            " it to have it computed again"
        )


def _examine(stream: BinaryIO) -> tuple[int, bytes, bytes]:
    """Where the seal's digest is (-1: nowhere), that digest, and what it should be."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - _TAIL, 0))
    length = int.from_bytes(stream.read(4), "little") + _TAIL
    start = max(size - length, 0)
    stream.seek(start)
    footer = stream.read()
    marks = list(_MARK.finditer(footer))
    if not marks:
        return -1, b"", b""
    first, last = marks[-1].span(1)
    digest, left = hashlib.sha256(), start
    stream.seek(0)
    while left:
        block = stream.read(min(left, _BLOCK))
        digest.update(block)
        left -= len(block)
    digest.update(footer[:first] + _BLANK + footer[last:])
    return start + first, footer[first:last], digest.hexdigest().encode()
