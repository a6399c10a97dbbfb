"""Scores of graphs, regimes and probabilities: by hand, against scikit-learn, and their algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from dynsparse.scores import agreement, calibration, graphs, ranking

SHAPE = (9, 3)
LABELS = arrays(np.bool_, SHAPE)
CODES = arrays(np.int64, 12, elements=st.integers(0, 3))
PROBABILITIES = arrays(np.float64, SHAPE, elements=st.floats(0, 1))
# scikit-learn takes its time, and a busy machine more.
patient = settings(deadline=None)


@patient
@given(LABELS, LABELS)
def test_zeros_found_are_those_of_scikit_learn(called, zero):
    exact = graphs.exact_zeros(called, zero)
    pair = (zero.ravel(), called.ravel())
    for ours, theirs in (
        (exact.precision, metrics.precision_score),
        (exact.recall, metrics.recall_score),
        (exact.f1, metrics.f1_score),
    ):
        expected = theirs(*pair, zero_division=np.nan)
        np.testing.assert_allclose(ours, expected)
    assert exact.samples == (called == zero).all(axis=1).mean()


@patient
@given(LABELS)
def test_the_truth_is_found_exactly(zero):
    exact = graphs.exact_zeros(zero, zero)
    assert exact.samples == 1
    assert exact.f1 == 1 or not zero.any()
    assert graphs.hamming_distance(zero, zero) == 0


@patient
@given(LABELS, LABELS, st.permutations(range(SHAPE[0])))
def test_the_order_of_samples_does_not_matter(called, zero, order):
    assert graphs.exact_zeros(called[order], zero[order]) == pytest.approx(
        graphs.exact_zeros(called, zero), nan_ok=True
    )


def test_skill():
    assert graphs.skill(0.0, 3.0) == 1
    assert graphs.skill(3.0, 3.0) == 0
    assert graphs.skill(4.5, 3.0) == -0.5
    assert np.isnan(graphs.skill(0.0, 0.0))


def test_changes_by_hand():
    zero = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], bool)
    follows = np.array([False, True, True, False])
    assert graphs.change_detection(zero, zero, follows) == (1, 1, 1)
    # One of two switches is found; another one is a step late, beside a step that does not follow.
    called = np.array([[0, 1], [1, 1], [1, 1], [0, 0]], bool)
    assert graphs.change_detection(called, zero, follows) == (1, 0.5, pytest.approx(2 / 3))
    # The right moment in the wrong direction is two mistakes.
    found = graphs.change_detection(~zero, zero, follows)
    assert (found.precision, found.recall) == (0, 0)
    still = np.zeros_like(zero)
    assert np.isnan(graphs.change_detection(still, still, follows).f1)


def test_a_switch_may_be_a_step_off_but_not_in_another_episode():
    zero = np.array([0, 0, 1, 1, 1, 0], bool)[:, None]
    called = np.array([0, 1, 1, 1, 0, 0], bool)[:, None]
    follows = np.array([False, True, True, True, True, True])
    assert graphs.change_detection(called, zero, follows) == (0, 0, 0)
    assert graphs.change_detection(called, zero, follows, late=1) == (1, 1, 1)
    # Where row 2 begins another episode, its zero is no switch, and the called one stands alone.
    apart = np.array([False, True, False, True, True, True])
    found = graphs.change_detection(called, zero, apart, late=1)
    assert (found.precision, found.recall) == (0.5, 1)


@patient
@given(LABELS, LABELS)
def test_more_patience_finds_no_less(called, zero):
    follows = np.arange(len(zero)) % 4 > 0
    found = [graphs.change_detection(called, zero, follows, late) for late in (0, 1, 2)]
    for column in ("precision", "recall", "f1"):
        values = np.array([getattr(each, column) for each in found])
        assert np.isnan(values).all() or (np.diff(values) >= 0).all()


def test_a_constant_graph_detects_no_change():
    zero = np.array([[True], [False], [True]])
    constant = np.ones_like(zero)
    found = graphs.change_detection(constant, zero, np.array([False, True, True]))
    assert np.isnan(found.precision)
    assert (found.recall, found.f1) == (0, 0)


@patient
@given(CODES, CODES)
def test_agreement_is_that_of_scikit_learn(one, other):
    ours = agreement.adjusted_rand_index(one, other)
    if np.isnan(ours):
        same = [len(np.unique(codes)) for codes in (one, other)]
        assert same in ([1, 1], [12, 12])
    else:
        np.testing.assert_allclose(ours, metrics.adjusted_rand_score(one, other), atol=1e-12)


@patient
@given(CODES, CODES, st.permutations(range(4)))
def test_regimes_may_have_any_names(one, other, names):
    ours = agreement.adjusted_rand_index(one, other)
    renamed = agreement.adjusted_rand_index(np.array(names)[one], other)
    np.testing.assert_allclose(renamed, ours)
    np.testing.assert_allclose(agreement.adjusted_rand_index(other, one), ours)


def test_kinds_are_the_same_where_all_conditions_are():
    rows = np.array([[1, 0], [0, 0], [1, 0], [1, 1]], bool)
    numbers = agreement.kinds(rows)
    assert numbers[0] == numbers[2]
    assert len(set(numbers.tolist())) == 3
    assert not agreement.kinds(np.zeros((3, 0), bool)).any()


@patient
@given(PROBABILITIES, LABELS)
def test_the_brier_score_is_that_of_scikit_learn(probability, true):
    ours = calibration.brier_score(probability, true)
    expected = metrics.brier_score_loss(true.ravel(), probability.ravel(), labels=[False, True])
    np.testing.assert_allclose(ours, expected, atol=1e-15)
    # A bin's mean error is at most the root of its mean squared one.
    assert 0 <= calibration.calibration_error(probability, true) <= np.sqrt(ours) + 1e-12


@patient
@given(LABELS)
def test_the_truth_is_calibrated(true):
    assert calibration.brier_score(true.astype(float), true) == 0
    assert calibration.calibration_error(true.astype(float), true) == 0


def test_calibration_by_hand():
    probability = np.array([[0.25, 0.25, 0.95, 1.0]])
    true = np.array([[True, False, True, True]])
    # Bins of 0.2 to 0.3 and from 0.9 on: |0.5 - 1| and |1.95 - 2|, of four.
    error = calibration.calibration_error(probability, true)
    assert error == pytest.approx((0.5 + 0.05) / 4)
    assert np.isnan(calibration.calibration_error(probability[:, :0], true[:, :0]))


def test_a_score_that_is_not_a_number_ranks_nothing():
    score, zero = np.array([[np.nan, 1.0], [0.0, 0.0]]), np.array([[True, True], [False, False]])
    np.testing.assert_array_equal(ranking.auroc(score, zero), [np.nan, 1])
    np.testing.assert_array_equal(ranking.average_precision(score, zero), [np.nan, 1])
