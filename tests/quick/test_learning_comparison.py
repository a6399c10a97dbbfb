"""Ranges, intervals and paired comparisons."""

import numpy as np
import pytest

from dynsparse.scores.comparison import LEAST_UNITS, NOTHING, p_value, spread


def test_a_mean_has_its_range_always_and_an_interval_with_five_independent_units():
    few = spread(np.array([1.0, 2.0, 6.0]), 3)
    assert few[:3] == (3, 1, 6)
    assert np.isnan(few[3:]).all()
    many = np.arange(LEAST_UNITS, dtype=float)
    found = spread(many, LEAST_UNITS)
    assert found.lowest <= found.low < found.mean < found.high <= found.highest
    # Five splits of the data of four policies are no five independent ones.
    assert np.isnan(spread(many, LEAST_UNITS - 1)[3:]).all()


def test_intervals_hold_the_mean_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        found = spread(rng.normal(3, 2, size=30), 30)
        held += found.low <= 3 <= found.high
    # 95 % of 200 is 190; percentile intervals of 30 values are known to be slightly narrow.
    assert 175 <= held <= 199


@pytest.mark.parametrize("values", [[], [1.0, np.nan]])
def test_of_nothing_or_with_a_hole_nothing_is_said(values):
    np.testing.assert_array_equal(spread(np.array(values), 2), NOTHING)


def test_differences_of_one_sign_have_the_least_p_that_so_many_can_have():
    assert p_value(np.ones(12), 12) == pytest.approx(2 / 4096)
    assert p_value(np.array([1.0, -1.0] * 3), 6) == 1
    assert np.isnan(p_value(np.ones(LEAST_UNITS - 1), 99))
    assert np.isnan(p_value(np.ones(12), LEAST_UNITS - 1))
    assert np.isnan(p_value(np.array([np.nan] * 6), 6))
