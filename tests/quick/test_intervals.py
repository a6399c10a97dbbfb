"""Bootstrap intervals: what is resampled, and how often they hold the truth."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dynsparse.sparsity.intervals import difference_of_ratios, listed, ratio, units


def test_units_are_seeds():
    np.testing.assert_array_equal(units(np.array([7, 3, 7, 9])), [1, 0, 1, 2])
    np.testing.assert_array_equal(units(np.array([7, 9]), [3, 7, 9]), [1, 2])
    assert units(np.array([], dtype=int)).shape == (0,)


def test_fewer_than_five_seeds_have_values_and_no_interval():
    for count in range(5):
        found = ratio(np.arange(count, dtype=float), np.ones(count))
        assert np.isnan([found.low, found.high]).all()
        assert found.each == tuple(range(count))
    assert not np.isnan(ratio(np.arange(5.0), np.ones(5)).low)
    some = ratio(np.arange(5.0), np.array([1.0, 1.0, 1.0, 1.0, 0.0]))
    assert np.isnan(some.low) and np.isnan(some.each[4])
    assert np.isnan(ratio(np.ones(0), np.ones(0)).mean)


def test_values_of_seeds_are_listed_in_their_order():
    assert listed((2.06, 2.1, np.nan, 4.3333)) == "2.06, 2.1, -, 4.333"


def test_a_ratio_is_the_mean_over_samples_not_over_units():
    found = ratio(np.array([10.0, 0.0, 0.0, 0.0, 0.0]), np.array([10.0, 1.0, 1.0, 1.0, 1.0]))
    assert found.mean == 10 / 14
    assert found.low <= found.mean <= found.high


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    """20 units: a percentile interval of 95 % is known to hold it in a little less."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        values = rng.normal(0.3, 0.1, size=20)
        found = ratio(values * 50, np.full(20, 50.0))
        held += found.low <= 0.3 <= found.high
    # 0.93 is expected; three standard errors of 200 trials are 0.054.
    assert 0.87 < held / 200 <= 0.985


@given(st.integers(5, 12), st.floats(-1, 1))
def test_a_constant_difference_has_no_width(count, gap):
    weight = np.arange(1.0, count + 1)
    found = difference_of_ratios(((gap + 1) * weight, weight), (weight, weight))
    np.testing.assert_allclose([found.mean, found.low, found.high], gap, atol=1e-12)


def test_a_difference_without_one_of_its_sides_is_unknown():
    none = np.zeros(4)
    found = difference_of_ratios((none, none), (np.ones(4), np.ones(4)))
    assert np.isnan([found.mean, found.low, found.high]).all()
