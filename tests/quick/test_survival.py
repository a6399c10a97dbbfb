"""Durations with known ends and known cuts, and what an estimate that knows of cuts recovers."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf
from sparsity_fakes import durations_of, fake_dataset, fake_episode, packed

from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.occurrences import count_occurrences
from dynsparse.sparsity.strides import STRIDES, measure_strides
from dynsparse.sparsity.survival import (
    mean_interval,
    memoryless,
    naive_mean,
    risk,
    share_interval,
    survival,
)
from dynsparse.tables.table_durations import table_durations, table_element_durations

SWITCH = 0.05


def switching(steps, episodes, seed=0, states=2):
    """Elements above the diagonal switch with probability 1 / 20 in every step; others never do."""
    rng = np.random.default_rng(seed)
    above = np.triu_indices(states, 1)
    names = tuple(f"qpos:{k} [m]" for k in range(states))
    kept = []
    for index in range(episodes):
        shape = steps, len(above[0])
        switches = np.cumsum(rng.random(shape) < SWITCH, axis=0) + rng.integers(2, size=shape[1])
        jacobian = np.ones((steps, states, states))
        jacobian[:, *above] = switches % 2
        kept.append(fake_episode(index, jacobian, action_jacobian=np.ones((steps, states, 1))))
    return fake_dataset(kept, seed=seed, state_names=names)


def test_a_hand_made_series():
    jacobian = np.ones((10, 2, 2))
    jacobian[2:5, 0, 1] = 0.0  # zero for 3, seen whole
    jacobian[8:, 0, 1] = 0.0  # zero for 2, cut by the end
    episode = fake_episode(0, jacobian, action_jacobian=np.ones((10, 2, 1)))
    table = durations_of(fake_dataset([episode]))
    zero = survival(table, zero=True)
    assert (zero.runs, zero.cut_share) == (2, 0.5)
    # Of two runs one ends at 3; the other outlasts 1 step, and of more it says nothing.
    assert dict(zip(zero.length.tolist(), zero.share.tolist(), strict=True)) == {0: 1, 1: 1, 3: 0}
    assert zero.median == 3
    nonzero = survival(table, zero=False)
    assert (nonzero.runs, nonzero.median) == (1, 3)
    assert naive_mean(table, zero=True) == 2.5


def runs(ended, cut=()):
    """Runs whose beginning was seen: lengths of those that ended, and of those that were cut."""
    lengths = [*ended, *cut]
    columns = {
        "zero": [True] * len(lengths),
        "length": pa.array(lengths, pa.int32()),
        "cut_start": [False] * len(lengths),
        "cut_end": [False] * len(ended) + [True] * len(cut),
        "count": [1] * len(lengths),
    }
    return pa.table(columns)


def test_half_of_six_runs_last_longer_than_three_steps():
    found = survival(runs([1, 2, 3, 4, 5, 6]), zero=True)
    assert (found.median, found.mean) == (3, pytest.approx(3.5))


def test_a_run_cut_after_one_step_says_nothing():
    found = survival(runs([1, 2], cut=[1, 1]), zero=True)
    shares = dict(zip(found.length.tolist(), found.share.tolist(), strict=True))
    assert shares[1] == pytest.approx(0.5)
    assert (found.runs, found.cut_share) == (4, 0.5)


def test_the_mean_goes_on_to_the_longest_run_even_if_that_was_cut():
    # S is 1 at 0, 1/2 from 1 on: 1 + 4 / 2 in five steps.
    assert survival(runs([1], cut=[5]), zero=True).mean == pytest.approx(3.0)


@pytest.mark.parametrize(("ends", "steps"), [(0.5, 20), (0.2, 10)])
def test_a_memoryless_run_cut_at_a_random_step_is_estimated_without_bias(ends, steps):
    """Runs that begin anywhere in an episode and end with probability ``ends`` at every step."""
    rng = np.random.default_rng(0)
    lasts = rng.geometric(ends, 200_000)
    seen = rng.integers(1, steps, len(lasts))
    cut = lasts >= seen
    found = survival(runs(lasts[~cut].tolist(), seen[cut].tolist()), zero=True)
    early = found.length <= 5
    # The largest standard error, at 5 steps, is 0.002.
    np.testing.assert_allclose(found.share[early], (1 - ends) ** found.length[early], atol=0.006)


@pytest.mark.parametrize("steps", [40, 400])
def test_cut_runs_do_not_bias_the_estimate(steps):
    """Geometric durations of mean 20; episodes of 40 steps cut a large part of them."""
    table = durations_of(switching(steps, 4_400 // steps, states=10))
    for zero in (True, False):
        found = survival(table, zero)
        truth = (1 - SWITCH) ** found.length
        within = found.length <= 20
        # About 5,000 runs: three standard errors are 0.021.
        assert np.abs(found.share - truth)[within].max() < 0.021
        assert found.median in (13, 14, 15)  # 1 - 0.95 ** 14 is the first above a half
    if steps == 40:
        assert naive_mean(table, zero=True) < 13
        assert found.cut_share > 0.3


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=12),
    st.lists(st.integers(1, 8), max_size=12),
    st.integers(1, 8),
)
def test_whole_units_are_resampled_of_the_same_estimate(ended, cut, steps):
    table = runs(ended, cut)
    unit = np.arange(table.num_rows) % 4
    found, whole = risk(table, unit), survival(table, zero=True)
    mean = mean_interval(found)
    assert mean.mean == pytest.approx(whole.mean)
    share = share_interval(found, steps)
    at = np.flatnonzero(whole.length <= steps)[-1]
    over = whole.share[-1] > 1e-9 and whole.length[-1] < steps
    assert np.isnan(share.mean) if over else share.mean == pytest.approx(whole.share[at], abs=1e-9)
    if len({*unit[:3]}) == 3:
        assert np.isnan(mean.low) or mean.low <= mean.high


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=12),
    st.lists(st.integers(1, 8), max_size=12),
)
def test_scipy_estimates_the_same(ended, cut):
    """Which takes runs one by one, and would need gigabytes for a study's."""
    found = survival(runs(ended, cut), zero=True)
    known = [*ended, *(length - 1 for length in cut)]
    censored = [False] * len(ended) + [True] * len(cut)
    scipys = ecdf(CensoredData.right_censored(known, censored)).sf
    # Both multiply shares, in another order.
    np.testing.assert_allclose(found.share, scipys.evaluate(found.length), atol=1e-12)
    assert set(scipys.quantiles) <= set(found.length)


def test_the_interval_of_a_mean_duration_holds_the_truth():
    """Runs of mean 4, cut after 20 steps of an episode, 10 in each of 20 episodes."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        lasts = rng.geometric(0.25, 200)
        seen = rng.integers(1, 40, 200)
        cut = lasts >= seen
        table = runs(lasts[~cut].tolist(), seen[cut].tolist())
        order = rng.permutation(200) % 20
        found = mean_interval(risk(table, order))
        held += found.low <= 4 <= found.high
    # 0.93 is expected of 20 units; three standard errors of 100 trials are 0.077.
    assert held / 100 > 0.85


@given(st.floats(1, 100), st.floats(1, 100), st.integers(1, 20))
def test_a_switch_without_memory_is_a_markov_chain(mean, other, stride):
    leave, come_back = 1 / mean, 1 / other
    chain = np.array([[1 - leave, leave], [come_back, 1 - come_back]])
    switched = np.linalg.matrix_power(chain, stride)[0, 1]
    assert 1 / memoryless(mean, other, stride) == pytest.approx(switched, abs=1e-12)
    assert memoryless(mean, other, 1) == pytest.approx(mean)


def test_what_is_seen_of_a_switch_without_memory():
    seen = [memoryless(11.26, 2.53, stride) for stride in (1, 2, 4, 8)]
    assert seen == pytest.approx([11.26, 7.43, 5.87, 5.48], abs=0.005)
    # It switches in every step: who looks at every second one never sees it.
    assert memoryless(1.0, 1.0, 2) == np.inf


def test_a_switch_without_memory_departs_from_nothing():
    """It gains seconds at coarser steps, as the table says it would."""
    strides = measure_strides(packed(switching(1000, 50)))
    assert sorted(set(strides["stride"].to_pylist())) == list(STRIDES)
    rows = [row for row in table_durations([strides]).to_pylist() if row["runs_of"] == "zero"]
    assert rows[4]["mean_seconds"] > 1.5 * rows[0]["mean_seconds"]
    for row in rows:
        # About 1,250 runs at every step, 700 at every 16th: three standard errors are a tenth.
        assert row["mean_steps"] == pytest.approx(row["memoryless_mean_steps"], rel=0.1)
        assert row["seeds_lowest_ratio"] == row["seeds_highest_ratio"]


def test_a_regular_switch_departs_from_it():
    jacobian = np.ones((960, 2, 2))
    jacobian[np.arange(960) % 48 < 24, 0, 1] = 0.0
    episode = fake_episode(0, jacobian, action_jacobian=np.ones((960, 2, 1)))
    rows = table_durations([measure_strides(packed(fake_dataset([episode])))]).to_pylist()
    fourth = next(r for r in rows if (r["runs_of"], r["every_nth_step"]) == ("zero", 4))
    assert fourth["mean_steps"] == pytest.approx(6)
    assert fourth["memoryless_mean_steps"] == pytest.approx(24 / (1 - (11 / 12) ** 4) / 12)


def test_what_was_not_seen_to_end_is_compared_with_nothing():
    jacobian = np.ones((20, 2, 2))
    jacobian[5, 0, 1] = 0.0
    episode = fake_episode(0, jacobian, action_jacobian=np.ones((20, 2, 1)))
    rows = table_durations([measure_strides(packed(fake_dataset([episode])))]).to_pylist()
    assert {row["memoryless_mean_steps"] for row in rows} == {None}
    assert {row["seeds_lowest_ratio"] for row in rows} == {None}


def test_runs_of_each_episode_are_kept_apart():
    dataset = switching(300, 3)
    strides = measure_strides(packed(dataset))
    every_step = strides.filter(pc.equal(strides["stride"], 1))
    counts = ["zero", "length", "cut_start", "cut_end"]
    for episode in dataset.all_episodes:
        alone = durations_of(fake_dataset([episode])).group_by(counts).aggregate([("count", "sum")])
        rows = every_step.filter(pc.equal(every_step["episode"], episode.index))
        merged = rows.group_by(counts).aggregate([("count", "sum")])
        order = [(name, "ascending") for name in counts]
        assert merged.sort_by(order).equals(alone.sort_by(order))


def test_the_table_gives_seconds_and_the_range_over_seeds():
    strides = [measure_strides(packed(switching(400, 5, seed))) for seed in (0, 1)]
    rows = table_durations([merge_seeds(strides)]).to_pylist()
    assert {row["jacobian"] for row in rows} == {"state"}
    for row in rows:
        step = 0.02 * row["every_nth_step"]
        assert row["mean_seconds"] == pytest.approx(step * row["mean_steps"])
        assert row["seeds_lowest_mean"] <= row["seeds_highest_mean"]


def element_rows(dataset):
    occurrences = count_occurrences(packed(dataset))
    return table_element_durations([durations_of(dataset)], [occurrences]).to_pylist()


def test_elements_with_the_same_runs_at_other_times_do_not_share_a_row():
    jacobian = np.ones((20, 2, 2))
    jacobian[[3, 9], 0, 1] = 0.0
    jacobian[[3, 9], 1, 0] = 0.0
    jacobian[[10, 16], 1, 1] = 0.0  # runs of 10, 1, 5, 1, 3
    mirrored = fake_episode(1, jacobian[::-1], action_jacobian=np.ones((20, 2, 1)))
    # Seen the other way round in a second episode, all three have the same histogram of runs.
    dataset = fake_dataset(
        [fake_episode(0, jacobian, action_jacobian=np.ones((20, 2, 1))), mirrored]
    )
    found = {
        (row["row_name"], row["column_name"]): row["elements"] for row in element_rows(dataset)
    }
    assert sorted(found.values()) == [1, 2]


def test_elements_that_switch_together_share_a_row():
    jacobian = np.ones((10, 2, 2))
    jacobian[3:6, 0, 1] = jacobian[3:6, 1, 0] = 0.0
    jacobian[4:6, 1, 1] = 0.0
    dataset = fake_dataset([fake_episode(0, jacobian, action_jacobian=np.ones((10, 2, 1)))])
    rows = element_rows(dataset)
    found = {(row["row_name"], row["column_name"], row["runs_of"]): row for row in rows}
    first = found["qpos:joint [rad]", "qvel:joint [rad/s]", "zero"]
    assert (first["elements"], first["median_steps"], first["runs"]) == (2, 3.0, 1)
    assert len(rows) == 4
