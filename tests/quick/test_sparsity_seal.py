"""A sealed Parquet file tells of every changed bit."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dynsparse.errors import DynsparseError
from dynsparse.storage.seal import check_seal
from dynsparse.storage.tables import metadata_of, read_table, with_metadata, write_table

KIND = "counts"


@pytest.fixture
def table():
    columns = {"element": [f"e{k}" for k in range(300)], "zeros": list(range(300))}
    return with_metadata(pa.table(columns), KIND, threshold=1e-12)


@pytest.fixture
def path(tmp_path, table):
    write_table(table, tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def test_the_seal_is_not_part_of_the_table(path, table):
    assert read_table(path, KIND).equals(table, check_metadata=True)


def test_the_same_table_gives_the_same_bytes(path, table, tmp_path):
    write_table(table, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


def test_every_flipped_bit_is_found_or_does_no_harm(path, table):
    whole, chance, found = path.read_bytes(), random.Random(0), 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            assert read_table(path, KIND).equals(table, check_metadata=True), position
        except DynsparseError as error:
            assert str(path) in str(error)
            found += 1
    # Only the seal's own name may be damaged unnoticed.
    assert found > len(whole) - 60


def test_every_truncation_is_found(path):
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(DynsparseError, match=r"table\.parquet: not a whole Parquet file"):
            read_table(path, KIND)


def test_a_file_without_a_seal_is_read(path, table):
    pq.write_table(table, path)
    check_seal(path)
    assert metadata_of(read_table(path, KIND)) == metadata_of(table)
