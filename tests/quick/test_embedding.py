"""Embedding planted transitions: what is chosen, what is shown, and what the map separates."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynsparse.embedding.samples import choose_samples
from dynsparse.embedding.tsne import FEWEST_SAMPLES, embed, embed_case, standardised
from dynsparse.embedding.window import combined_sparsity, frame_rows, shown_window
from dynsparse.storage.tables import metadata_of, with_metadata


def steps_table(zeros, ok=None, anew=()):
    """A table of kind ``steps``: ``zeros[seed][episode]`` lists zeros of 4 + 2 elements a step.

    Steps ``anew`` begin something new; ``ok`` lists those that are not finite.
    """
    rows = [
        {
            "environment": "Twolink",
            "behaviour": "random",
            "seed": seed,
            "episode": episode,
            "step": step,
            "time_s": 0.02 * step,
            "jacobian_ok": ok is None or (seed, episode, step) not in ok,
            "state_zeros": None if ok and (seed, episode, step) in ok else value,
            "action_zeros": None if ok and (seed, episode, step) in ok else 1,
            "state_elements": 4,
            "action_elements": 2,
            "contacts": step % 2,
            "state_changes": None if step in (0, *anew) else 0,
        }
        for seed, episodes in zeros.items()
        for episode, values in enumerate(episodes)
        for step, value in enumerate(values)
    ]
    facts = {"threshold": 1e-12, "control_dt_s": 0.02, "sources": [], "steps": len(rows)}
    return with_metadata(pa.Table.from_pylist(rows), "steps", **facts)


def keys(table):
    return list(
        zip(*(table[name].to_pylist() for name in ("seed", "episode", "step")), strict=True)
    )


class FakeFile:
    """A dataset whose features say where they come from."""

    def __init__(self, seed, steps):
        names = ("frictionloss:hinge", "limit:string")
        self.info = SimpleNamespace(seed=seed, constraint_names=names)
        self.steps = steps

    def arrays(self, episode, names):
        step = np.arange(self.steps, dtype=float)
        place = np.stack([np.full(self.steps, 10.0 * self.info.seed + episode), step], axis=1)
        every = {"state": place, "action": step[:, None] % 7, "next_state": place + 1}
        friction_and_limit = np.stack([step >= 0, step % 3 == 0], axis=1)
        return {**every, "constraint_active": friction_and_limit}


def test_sparsity_is_that_of_both_jacobians():
    table = steps_table({0: [[0, 4]]}, ok={(0, 0, 1)})
    np.testing.assert_array_equal(combined_sparsity(table), [1 / 6, np.nan])


def test_the_stretch_shown_is_the_one_that_varies_most():
    still, busy = [1] * 30, [1] * 12 + [4, 0, 4, 0] + [1] * 14
    window = shown_window(steps_table({1: [still], 0: [still, busy]}), length=4)
    assert keys(window) == [(0, 1, step) for step in (12, 13, 14, 15)]
    assert keys(frame_rows(window, 2)) == [(0, 1, 12), (0, 1, 15)]


def test_no_stretch_goes_on_where_a_robot_stands_up_again():
    busy = [1] * 8 + [4, 0] + [1] * 8
    assert keys(shown_window(steps_table({0: [busy]}), length=2)) == [(0, 0, 8), (0, 0, 9)]
    window = shown_window(steps_table({0: [busy]}, anew=[9]), length=2)
    assert keys(window) == [(0, 0, 7), (0, 0, 8)]


def test_of_equal_stretches_the_first_and_a_short_episode_whole():
    table = steps_table({1: [[1] * 5], 0: [[1] * 5]})
    assert keys(shown_window(table, length=3)) == [(0, 0, 0), (0, 0, 1), (0, 0, 2)]
    assert keys(shown_window(table, length=9)) == [(0, 0, step) for step in range(5)]
    assert frame_rows(shown_window(table)).num_rows == 5


def test_a_stretch_that_is_not_finite_is_avoided():
    varied = [4, 0, 4, 0, 1, 2, 1, 1]
    window = shown_window(steps_table({0: [varied]}, ok={(0, 0, 1)}), length=3)
    assert keys(window) == [(0, 0, 2), (0, 0, 3), (0, 0, 4)]


@given(st.integers(1, 40), st.integers(0, 5))
def test_chosen_samples_are_distinct_usable_and_hold_the_stretch(samples, seed):
    bad = {(0, 0, 3), (1, 0, 5)}
    table = steps_table({0: [[1] * 10], 1: [[1] * 6 + [4, 0, 4, 0]]}, ok=bad)
    chosen = choose_samples(table, samples, seed)
    assert len(set(keys(chosen))) == chosen.num_rows
    assert not bad & set(keys(chosen))
    assert keys(chosen) == sorted(keys(chosen))
    shown = chosen.filter(chosen["shown"])
    assert chosen.num_rows == max(min(samples, 18), shown.num_rows)
    assert set(keys(shown)) == set(keys(shown_window(table))) - bad


def test_the_choice_depends_on_its_seed_alone():
    table = steps_table({0: [[1] * 60, [1] * 60]})
    first, again, other = (choose_samples(table, 70, seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert not first.equals(other)


def test_features_are_scaled_and_constants_do_not_become_noise():
    features = np.array([[0.0, 1e6, 0.3], [2.0, 3e6, 0.1 + 0.2], [4.0, 5e6, 0.3]])
    scaled = standardised(features)
    np.testing.assert_allclose(scaled[:, :2].std(axis=0), 1)
    np.testing.assert_allclose(scaled[:, 0], scaled[:, 1])
    np.testing.assert_array_equal(scaled[:, 2], 0)


def test_two_planted_clusters_are_apart_and_the_same_twice():
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(0, 1, (60, 5)), rng.normal(8, 1, (60, 5))])
    once, twice = (embed(standardised(features), perplexity=15) for _ in range(2))
    np.testing.assert_array_equal(once, twice)
    distance = np.linalg.norm(once[:, None] - once[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    # Every sample's nearest neighbour in the map is of its own cluster.
    cluster = np.arange(120) // 60
    np.testing.assert_array_equal(cluster[distance.argmin(axis=1)], cluster)
    within = [once[cluster == k].std() for k in (0, 1)]
    centres = [once[cluster == k].mean(axis=0) for k in (0, 1)]
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * max(within)


def test_a_case_is_embedded_with_what_the_figures_need():
    table = steps_table({0: [[1] * 30], 1: [[1] * 20 + [4, 0] * 5]})
    datasets = {seed: FakeFile(seed, 30) for seed in (0, 1)}
    embedding = embed_case(table, datasets, samples=1000, perplexity=500)
    assert keys(embedding) == keys(table)
    assert np.isfinite([embedding["x"].to_numpy(), embedding["y"].to_numpy()]).all()
    # Of the two constraints the friction is no limit.
    assert embedding["limits"].to_pylist() == [int(step % 3 == 0) for step in range(30)] * 2
    assert keys(embedding.filter(embedding["shown"])) == keys(shown_window(table))
    assert metadata_of(embedding)["kind"] == "embedding"


@pytest.mark.parametrize("count", [1, FEWEST_SAMPLES - 1])
def test_too_few_samples_give_an_empty_map(count):
    table = steps_table({0: [[1] * count]})
    embedding = embed_case(table, {0: FakeFile(0, count)}, samples=100, perplexity=30)
    assert embedding.num_rows == 0
    assert {"x", "y", "shown", "limits"} <= set(embedding.column_names)
