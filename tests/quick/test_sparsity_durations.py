"""Run lengths against a plain loop, and planted durations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sparsity_fakes import durations_of, fake_dataset, fake_episode

from dynsparse.sparsity import durations
from dynsparse.sparsity.durations import run_lengths
from dynsparse.sparsity.patterns import pack
from dynsparse.storage.tables import metadata_of


@st.composite
def series(draw):
    shape = (draw(st.integers(0, 30)), draw(st.integers(1, 4)))
    zero = draw(hnp.arrays(bool, shape))
    ok = draw(hnp.arrays(bool, shape[0], elements=st.sampled_from([True, True, True, False])))
    return zero, ok


def lengths(zero, ok):
    return run_lengths(pack(zero), zero.shape[1], ok, np.zeros_like(ok))


def as_set(runs):
    return sorted(zip(*(field.tolist() for field in runs), strict=True))


def by_hand(zero, ok):
    """One element and one step at a time: the definition, spelt out."""
    runs = []
    steps, elements = zero.shape
    for element in range(elements):
        step = 0
        while step < steps:
            if not ok[step]:
                step += 1
                continue
            first = step
            while step < steps and ok[step] and zero[step, element] == zero[first, element]:
                step += 1
            cut_start = first == 0 or not ok[first - 1]
            cut_end = step == steps or not ok[step]
            runs.append((element, bool(zero[first, element]), step - first, cut_start, cut_end))
    return sorted(runs)


@given(series())
def test_run_lengths_equal_a_plain_loop(sample):
    assert as_set(lengths(*sample)) == by_hand(*sample)


@given(series())
def test_runs_cover_every_ok_step_once(sample):
    zero, ok = sample
    runs = lengths(zero, ok)
    assert runs.length.sum() == ok.sum() * zero.shape[1]
    assert runs.length[runs.zero].sum() == zero[ok].sum()


@given(series())
def test_reversed_time_exchanges_the_cuts(sample):
    zero, ok = sample
    forward, backward = lengths(zero, ok), lengths(zero[::-1], ok[::-1])
    exchanged = forward._replace(cut_start=forward.cut_end, cut_end=forward.cut_start)
    assert as_set(exchanged) == as_set(backward)


@given(series(), series())
def test_an_unknown_sample_between_two_episodes_parts_them(first, second):
    elements = min(first[0].shape[1], second[0].shape[1])
    (zero_1, ok_1), (zero_2, ok_2) = ((zero[:, :elements], ok) for zero, ok in (first, second))
    joined = lengths(
        np.concatenate([zero_1, np.zeros((1, elements), bool), zero_2]),
        np.concatenate([ok_1, [False], ok_2]),
    )
    assert as_set(joined) == sorted(as_set(lengths(zero_1, ok_1)) + as_set(lengths(zero_2, ok_2)))


def test_planted_runs_are_found():
    pattern = np.ones((10, 2, 2))
    pattern[3:7, 0, 1] = 0.0  # inner zero run of 4, between nonzero runs of 3 and 3
    pattern[:, 1, 0] = 1e-13  # below the threshold for the whole episode
    pattern[8:, 1, 1] = 0.0  # zero run of 2, cut by the end
    table = durations_of(fake_dataset([fake_episode(0, pattern)]), 1e-12)
    rows = [
        tuple(row[key] for key in ("row", "column", "zero", "length", "cut_start", "cut_end"))
        for row in table.to_pylist()
        if row["jacobian"] == "state"
    ]
    assert sorted(rows) == [
        (0, 0, False, 10, True, True),
        (0, 1, False, 3, False, True),
        (0, 1, False, 3, True, False),
        (0, 1, True, 4, False, False),
        (1, 0, True, 10, True, True),
        (1, 1, False, 8, True, False),
        (1, 1, True, 2, False, True),
    ]
    assert set(table["count"].to_pylist()) == {1}
    assert metadata_of(table)["threshold"] == 1e-12


def test_equal_runs_of_several_episodes_are_counted_together():
    episode = np.ones((5, 2, 2))
    table = durations_of(fake_dataset([fake_episode(i, episode) for i in range(3)]), 1e-12)
    assert table["count"].to_pylist() == [3] * 6
    assert table["length"].to_pylist() == [5] * 6


@pytest.mark.parametrize("buffer", [0, 3, 10**6])
@settings(max_examples=20)
@given(st.lists(hnp.arrays(bool, (6, 2, 2)), max_size=5))
def test_the_size_of_the_buffer_changes_nothing(buffer, patterns):
    dataset = fake_dataset([fake_episode(i, 1.0 - zero) for i, zero in enumerate(patterns)])
    expected = durations_of(dataset, 1e-12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(durations, "BUFFERED_RUNS", buffer)
        assert durations_of(dataset, 1e-12).equals(expected)
    total = sum(row["length"] * row["count"] for row in expected.to_pylist())
    assert total == 6 * 6 * len(patterns)
