"""Merging over seeds, and files of statistics."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sparsity_fakes import count_elements, durations_of, fake_dataset, fake_episode, steps_of

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.merging import merge_seeds, total_over_seeds
from dynsparse.storage.tables import metadata_of, read_table, with_metadata, write_table

MEASURES = {
    "elements": lambda dataset: count_elements(dataset, [1e-15, 1e-12]),
    "steps": lambda dataset: steps_of(dataset, 1e-12),
    "durations": lambda dataset: durations_of(dataset, 1e-12),
}
PATTERNS = st.lists(hnp.arrays(bool, (4, 2, 2)), min_size=2, max_size=5)


def of_seed(seed, zero, measure=MEASURES["elements"]):
    return measure(fake_dataset([fake_episode(0, 1.0 - zero)], seed=seed))


def described(table):
    """Its metadata, as ``with_metadata`` takes them."""
    return {key: value for key, value in metadata_of(table).items() if key != "schema_version"}


def identical(first, second):
    return first.equals(second) and metadata_of(first) == metadata_of(second)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@settings(max_examples=25, deadline=None)
@given(PATTERNS, st.randoms())
def test_neither_order_nor_grouping_of_seeds_matters(measure, patterns, random):
    tables = [of_seed(seed, zero, measure) for seed, zero in enumerate(patterns)]
    whole = merge_seeds(tables)
    halves = merge_seeds([merge_seeds(tables[1:]), tables[0]])
    random.shuffle(tables)
    assert identical(merge_seeds(tables), whole)
    assert identical(halves, whole)
    assert metadata_of(whole)["steps"] == 4 * len(patterns)


@pytest.mark.parametrize("kind", ["elements", "durations"])
@settings(max_examples=25, deadline=None)
@given(PATTERNS)
def test_the_total_of_seeds_equals_one_long_dataset(kind, patterns):
    measure = MEASURES[kind]
    merged = merge_seeds([of_seed(seed, zero, measure) for seed, zero in enumerate(patterns)])
    whole = fake_dataset([fake_episode(i, 1.0 - zero) for i, zero in enumerate(patterns)])
    assert total_over_seeds(merged).equals(total_over_seeds(measure(whole)))


def test_what_does_not_belong_together_is_not_merged():
    zero = np.zeros((4, 2, 2), dtype=bool)
    table = of_seed(0, zero)
    other_place = count_elements(fake_dataset([], environment="Other", seed=1), [1e-15, 1e-12])
    other_threshold = count_elements(fake_dataset([], seed=1), [1e-3])
    second = of_seed(1, zero)
    narrow = second.drop_columns(["zeros"])
    unsaid = with_metadata(second, **{**described(second), "sources": []})
    nulls = pa.array([None] * len(second), second.schema.field("seed").type)
    place = second.schema.get_field_index("seed")
    unsure = second.set_column(place, second.schema.field("seed"), nulls)
    mistaken = with_metadata(second, **{**described(second), "sources": ["Twolink/random/seed-2"]})
    for other, message in [
        (table, "counted twice: Twolink/random/seed-0"),
        (of_seed(1, zero, MEASURES["durations"]), "different kind"),
        (other_threshold, "different threshold"),
        (other_place, "different datasets: Other/random, Twolink/random"),
        (narrow, "'elements' tables of different columns"),
        (unsaid, "does not say what it was measured of"),
        (second.replace_schema_metadata(None), "a None table does not say what it was measured of"),
        (unsure, "says that it is of seed-1, and has rows of no seed"),
        (mistaken, "says that it is of seed-2, and has rows of seed-1"),
    ]:
        with pytest.raises(DynsparseError, match=message):
            merge_seeds([table, other])
    with pytest.raises(DynsparseError, match="at least one"):
        merge_seeds([])
    with pytest.raises(DynsparseError, match="'steps' table has no counts"):
        total_over_seeds(of_seed(0, zero, MEASURES["steps"]))


def test_a_table_comes_back_as_it_was(tmp_path):
    for kind, measure in MEASURES.items():
        table = of_seed(3, np.zeros((4, 2, 2), dtype=bool), measure)
        write_table(table, tmp_path / "seed=3" / f"{kind}.parquet")
        assert identical(read_table(tmp_path / "seed=3" / f"{kind}.parquet", kind), table)


def test_bad_files_get_one_line(tmp_path):
    table = of_seed(0, np.zeros((4, 2, 2), dtype=bool))
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    write_table(table, good)

    def error(path, kind="elements"):
        with pytest.raises(DynsparseError) as caught:
            read_table(path, kind)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no such file" in error(tmp_path / "missing.parquet")
    assert "is a 'elements' table, expected 'steps'" in error(good, "steps")
    bad.write_bytes(good.read_bytes()[:-20])
    assert "not a whole Parquet file" in error(bad)
    bad.write_bytes(b"")
    assert "not a whole Parquet file" in error(bad)
    pq.write_table(pa.table({"x": [1]}), bad)
    assert "not written by dynsparse" in error(bad)
    pq.write_table(with_metadata(table, "elements", schema_version=2), bad)
    assert "schema version 2, expected 1" in error(bad)
    assert "not a whole Parquet file" in error(tmp_path)


def test_a_table_without_a_kind_is_not_written(tmp_path):
    with pytest.raises(DynsparseError, match="does not say what kind"):
        write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    assert not list(tmp_path.iterdir())
