"""Bootstrap intervals: what is resampled, and how often they hold the truth."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dynsparse.sparsity.intervals import difference_of_ratios, ratio, unit_of, units


def test_seeds_are_resampled_if_there_are_five_else_episodes():
    seed, episode = np.repeat(np.arange(5), 4), np.tile(np.arange(4), 5)
    assert units(seed, episode)[1] == "5 seeds"
    assert units(seed[:16], episode[:16])[1] == "16 episodes"
    np.testing.assert_array_equal(units(seed[:8], episode[:8])[0], np.arange(8))
    assert units(seed[:1], episode[:1])[1] == "1 episode"


def test_a_part_of_a_study_has_the_units_of_the_whole():
    seed, episode = np.repeat(np.arange(5), 4), np.tile(np.arange(4), 5)
    assert unit_of(seed) == "seed" and unit_of(seed[:16]) == "episode"
    number, over = units(seed[:16], episode[:16], unit_of(seed))
    np.testing.assert_array_equal(number, seed[:16])
    assert over == "4 seeds"


def test_too_few_units_have_no_interval():
    for count in (0, 1, 2):
        found = ratio(np.ones(count), np.ones(count), f"{count} seeds")
        assert np.isnan([found.low, found.high]).all()
    assert np.isnan(ratio(np.ones(0), np.ones(0), "nothing").mean)


def test_a_ratio_is_the_mean_over_samples_not_over_units():
    found = ratio(np.array([10.0, 0.0, 0.0]), np.array([10.0, 1.0, 1.0]), "3 episodes")
    assert found.mean == 10 / 12
    assert found.low <= found.mean <= found.high


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    """20 units: a percentile interval of 95 % is known to hold it in a little less."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        values = rng.normal(0.3, 0.1, size=20)
        found = ratio(values * 50, np.full(20, 50.0), "20 seeds")
        held += found.low <= 0.3 <= found.high
    # 0.93 is expected; three standard errors of 200 trials are 0.054.
    assert 0.87 < held / 200 <= 0.985


@given(st.integers(3, 12), st.floats(-1, 1))
def test_a_constant_difference_has_no_width(count, gap):
    weight = np.arange(1.0, count + 1)
    found = difference_of_ratios(((gap + 1) * weight, weight), (weight, weight), "units")
    np.testing.assert_allclose([found.mean, found.low, found.high], gap, atol=1e-12)


def test_a_difference_without_one_of_its_sides_is_unknown():
    none = np.zeros(4)
    found = difference_of_ratios((none, none), (np.ones(4), np.ones(4)), "4 episodes")
    assert np.isnan([found.mean, found.low, found.high]).all()
