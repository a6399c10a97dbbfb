"""Intervals and paired comparisons."""

import numpy as np
import pytest

from dynsparse.learning.comparison import (
    interquartile_mean,
    mean_over_environments,
    mean_over_seeds,
    paired_difference,
)


def test_the_interquartile_mean_ignores_the_outer_quarters():
    assert interquartile_mean(np.array([1e9, 1.0, 2.0, -1e9])) == 1.5


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        found = mean_over_seeds(rng.normal(3, 2, size=30))
        held += found.low <= 3 <= found.high
    # 95 % of 200 is 190; percentile intervals of 30 values are known to be slightly narrow.
    assert 175 <= held <= 199


@pytest.mark.parametrize(("seeds", "environments", "share"), [(3, 1, 0.75), (3, 3, 0.84)])
def test_intervals_of_few_seeds_hold_the_mean_as_often_as_documented(seeds, environments, share):
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        groups = rng.normal(3, 2, size=(environments, seeds))
        found = paired_difference(list(groups), [np.zeros(seeds)] * environments).interval
        held += found.low <= 3 <= found.high
        if environments == 1:
            np.testing.assert_allclose(found[1:], [groups.min(), groups.max()])
    # Three standard errors of 400 draws.
    assert abs(held / 400 - share) < 0.065


def test_failed_seeds_are_left_out_and_nothing_gives_nothing():
    assert mean_over_seeds(np.array([1.0, np.nan, 3.0])).estimate == 2
    assert np.isnan(mean_over_seeds(np.array([np.nan])).estimate)


def test_an_environment_without_values_leaves_nothing_to_say_of_all():
    gone = np.full(3, np.nan)
    assert np.isnan(mean_over_environments([np.ones(3), gone])).all()
    found = paired_difference([np.ones(3), gone], [np.zeros(3)] * 2)
    assert found.pairs == 3
    assert np.isnan([*found.interval, found.p_value]).all()


def test_seeds_are_drawn_within_environments():
    # Between the environments lies a factor of 100, within them nothing: no uncertainty.
    found = mean_over_environments([np.full(4, 1.0), np.full(4, 100.0)])
    assert found.low == found.high == found.estimate == 50.5


def test_a_paired_difference_sees_what_unpaired_spread_hides():
    rng = np.random.default_rng(1)
    base = rng.normal(0, 10, size=12)
    better = base - 1 + rng.normal(0, 0.1, size=12)
    found = paired_difference([better], [base])
    assert found.pairs == 12
    assert found.interval.low < -1 < found.interval.high < 0
    # Every pair has the same sign: 2 of the 4096 sign patterns are as extreme.
    assert found.p_value == pytest.approx(2 / 4096)


def test_three_pairs_cannot_be_significant():
    found = paired_difference([np.zeros(3)], [np.ones(3)])
    assert found.interval.estimate == -1
    assert found.p_value == pytest.approx(0.25)
    alone = paired_difference([np.array([1.0, np.nan])], [np.array([2.0, 5.0])])
    assert alone.pairs == 1
    assert np.isnan(alone.p_value)
