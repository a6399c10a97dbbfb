"""Rows in an order of their own: the same whatever order they came in."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from dynsparse.storage.tables import in_order, metadata_of, with_metadata

ROWS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 3),
        st.floats(allow_nan=True),
        st.booleans() | st.none(),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_shuffled_rows_come_back_the_same(rows, random):
    shuffled = rows.copy()
    random.shuffle(shuffled)
    first, second = (in_order(made(each)) for each in (rows, shuffled))
    assert first.schema == second.schema and metadata_of(first) == {**FACTS, "schema_version": 1}
    # NaN is not equal to itself; as text it is. (-0.0 would be equal to 0.0, and another text.)
    assert [*map(str, first.to_pylist())] == [*map(str, second.to_pylist())]


FACTS = {"kind": "some", "sources": ["a"]}


def made(rows):
    names = ("name", "seed", "value", "zero")
    kinds = (pa.string(), pa.int64(), pa.float64(), pa.bool_())
    columns = zip(*rows, strict=True) if rows else [[]] * 4
    arrays = [pa.array(list(c), kind) for c, kind in zip(columns, kinds, strict=True)]
    return with_metadata(pa.table(arrays, names=list(names)), **FACTS)


def test_lists_and_bytes_follow_their_row():
    table = pa.table({"seed": [1, 0], "png": [b"x", b"y"], "touching": [["a"], []]})
    assert in_order(table).to_pylist() == table.take(np.array([1, 0])).to_pylist()
