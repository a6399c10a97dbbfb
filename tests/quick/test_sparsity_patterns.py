"""Packed patterns, and the one pass that makes them, against plain counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sparsity_fakes import count_elements, fake_dataset, fake_episode, packed, steps_of

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.counting import count_block
from dynsparse.sparsity.patterns import open_patterns, pack, unpack
from dynsparse.sparsity.scan import scan
from dynsparse.storage.tables import metadata_of

THRESHOLDS = [1e-15, 1e-12, 1e-7, 1e-3]
# Values on both sides of every threshold, and at it; not finite ones too.
VALUES = st.sampled_from([0.0, 1e-16, -1e-15, 5e-13, 1e-12, -1e-9, 1e-7, 1e-5, 1e-3, 1.0, np.nan])


@st.composite
def samples(draw):
    shape = (draw(st.integers(1, 20)), draw(st.integers(1, 12)))
    return draw(hnp.arrays(float, shape, elements=VALUES)), draw(hnp.arrays(bool, shape[0]))


@given(samples(), st.sampled_from(THRESHOLDS))
def test_counting_at_many_thresholds_equals_comparing_at_each(sample, threshold):
    values, ok = sample
    counts = count_block(values, ok, THRESHOLDS, threshold)
    for number, limit in enumerate(THRESHOLDS):
        zero = (np.abs(values) < limit) & ok[:, None]
        np.testing.assert_array_equal(counts.per_element[number], zero.sum(axis=0))
        np.testing.assert_array_equal(counts.per_sample[number], zero.sum(axis=1))
        if limit == threshold:
            np.testing.assert_array_equal(counts.zero, zero)


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=20)))
def test_what_was_packed_is_unpacked(bits):
    np.testing.assert_array_equal(unpack(pack(bits), bits.shape[1]), bits)


def episodes(lengths=(600, 7, 1)):
    rng = np.random.default_rng(0)
    for index, steps in enumerate(lengths):
        jacobian = rng.normal(size=(steps, 2, 2)) * (rng.random((steps, 2, 2)) < 0.5)
        yield fake_episode(index, jacobian, ok=rng.random(steps) < 0.9)


@pytest.mark.parametrize("group", [1, 500, 10**6])
def test_a_file_of_patterns_gives_back_every_episode(tmp_path, monkeypatch, group):
    monkeypatch.setattr("dynsparse.sparsity.patterns.ROW_GROUP_STEPS", group)
    dataset = fake_dataset(episodes(), contact_names=("a:b",) * 3)
    counts = scan(dataset, THRESHOLDS, 1e-12, tmp_path / "patterns.parquet")
    in_memory = packed(dataset)
    with open_patterns(tmp_path / "patterns.parquet") as patterns:
        assert patterns.info == in_memory.info
        for kept, expected in zip(patterns.episodes(), in_memory.episodes(), strict=True):
            for name, wanted in vars(expected).items():
                np.testing.assert_array_equal(getattr(kept, name), wanted)
    assert counts.elements.equals(count_elements(dataset, THRESHOLDS))


def test_a_model_without_contacts_has_patterns_too(tmp_path):
    episode = fake_episode(0, np.ones((5, 2, 2)), contact=np.zeros((5, 0), bool))
    dataset = fake_dataset([episode], contact_names=())
    scan(dataset, [1e-12], 1e-12, tmp_path / "patterns.parquet")
    with open_patterns(tmp_path / "patterns.parquet") as patterns:
        (kept,) = patterns.episodes()
    assert kept.contact.shape == (5, 0)


def test_another_table_is_no_file_of_patterns(tmp_path):
    with pytest.raises(DynsparseError, match="no such file"), open_patterns(tmp_path / "none"):
        pass


@settings(max_examples=25)
@given(hnp.arrays(bool, (6, 2, 2)), hnp.arrays(bool, 6))
def test_changes_are_counted_between_neighbours(zero, ok):
    changes = steps_of(fake_dataset([fake_episode(0, 1.0 - zero, ok=ok)]))["state_changes"]
    for step, found in enumerate(changes.to_pylist()):
        if step == 0 or not (ok[step] and ok[step - 1]):
            assert found is None
        else:
            assert found == (zero[step] != zero[step - 1]).sum()


@given(hnp.arrays(float, (300, 2, 2), elements=VALUES))
@settings(max_examples=10)
def test_sparsities_hold_every_sample_once(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("scan") / "patterns.parquet"
    ok = np.isfinite(values).all(axis=(1, 2))
    dataset = fake_dataset([fake_episode(0, values, ok=ok)])
    sparsities = scan(dataset, THRESHOLDS, 1e-12, path).sparsities
    assert metadata_of(sparsities)["kind"] == "sparsities"
    for limit in THRESHOLDS:
        zeros = (np.abs(values[ok]) < limit).sum(axis=(1, 2))
        found = {
            row["zeros"]: row["samples"]
            for row in sparsities.to_pylist()
            if (row["jacobian"], row["threshold"]) == ("state", limit)
        }
        assert found == {zero: (zeros == zero).sum() for zero in set(zeros.tolist())}
