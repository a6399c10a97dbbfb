"""Recovery of zeros: metrics against scikit-learn and brute force; guesses without a network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from learning_fakes import section, write_slider
from sklearn.metrics import average_precision_score, roc_auc_score

from dynsparse.learning.data.preparation import Division, prepare
from dynsparse.learning.jobs.controls import score_controls
from dynsparse.learning.scoring import controls
from dynsparse.scores import graphs, ranking
from dynsparse.scores.recovery import Scored, score_rows

SHAPE = (12, 3)
# Few distinct values, so that ties are common.
SCORES = arrays(np.float64, SHAPE, elements=st.integers(-4, 4).map(float))
LABELS = arrays(np.bool_, SHAPE)


@given(SCORES, LABELS)
def test_column_scores_equal_those_of_scikit_learn(score, zero):
    areas, precisions = ranking.auroc(score, zero), ranking.average_precision(score, zero)
    for column in range(SHAPE[1]):
        labels, values = zero[:, column], score[:, column]
        if ranking.switches(zero)[column]:
            np.testing.assert_allclose(areas[column], roc_auc_score(labels, values))
        else:
            assert np.isnan(areas[column])
        if labels.any():
            expected = average_precision_score(labels, values)
            np.testing.assert_allclose(precisions[column], expected)
        else:
            assert np.isnan(precisions[column])


@given(SCORES, LABELS)
def test_the_chosen_threshold_has_the_best_f1(score, zero):
    chosen = ranking.best_threshold(score, zero)
    if not zero.any():
        assert chosen == np.inf
        return
    best = max(graphs.f1_score(score >= value, zero) for value in np.unique(score))
    np.testing.assert_allclose(graphs.f1_score(score >= chosen, zero), best)


def test_f1_and_hamming_distance_by_hand():
    zero = np.array([[True, False], [True, True]])
    called = np.array([[True, True], [False, True]])
    # two of three calls right, two of three zeros found; one wrong label in each sample
    assert graphs.f1_score(called, zero) == pytest.approx(2 / 3)
    assert graphs.hamming_distance(called, zero) == 1.0
    nothing = np.zeros((2, 2), bool)
    assert np.isnan(graphs.f1_score(nothing, nothing))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    path = write_slider(tmp_path_factory.mktemp("slider") / "a.h5")
    return prepare([path], section(), Division("episode", 0))


def rows_of(prepared, validation, test):
    rows = score_rows(Scored(validation, test), prepared.validation, prepared.test)
    return {(row["elements"], row["regime"], row["average"]): row for row in rows}


def flat(samples):
    return samples.zero.reshape(len(samples.zero), -1).astype(float)


def test_the_truth_scores_perfectly(prepared):
    rows = rows_of(prepared, flat(prepared.validation), flat(prepared.test))
    every = rows["all", "all", "micro"]
    assert (every["auroc"], every["average_precision"], every["f1"]) == (1, 1, 1)
    assert every["hamming_distance"] == 0
    np.testing.assert_allclose(every["base_rate"], prepared.test.zero.mean())
    switching = rows["switching", "all", "element"]
    assert (switching["auroc"], switching["scored_elements"]) == (1, 1)
    # With contact the one switching element is never zero: nothing can be ranked.
    assert np.isnan(rows["switching", "contact", "micro"]["auroc"])
    assert rows["switching", "contact", "element"]["scored_elements"] == 0


def test_thresholds_are_not_chosen_on_test_samples(prepared):
    shifted = flat(prepared.test) - 10
    rows = rows_of(prepared, flat(prepared.validation), shifted)
    # The ranking is perfect; the threshold of the validation samples finds nothing here.
    assert rows["all", "all", "micro"]["auroc"] == 1
    assert rows["all", "all", "micro"]["f1"] == 0


def test_guesses_without_a_network(prepared):
    train = prepared.samples.take(prepared.split.train)
    test = prepared.test
    mean = controls.mean_pattern(train, test)
    assert mean.shape == flat(test).shape
    assert (mean == mean[0]).all()
    np.testing.assert_allclose(mean[0], flat(train).mean(axis=0))
    # The zeros of the slider are a function of contact.
    np.testing.assert_array_equal(controls.contact_oracle(train, test), flat(test))
    near = controls.nearest_neighbours(train, test, 1)
    assert (near == flat(test)).mean() > 0.95
    np.testing.assert_array_equal(controls.nearest_neighbours(train, train, 1), flat(train))
    shuffled = controls.permuted(near, 0)
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(near, axis=0))
    assert (shuffled != near).any()


def test_the_contact_oracle_falls_back_to_the_mean_pattern(prepared):
    train = prepared.samples.take(prepared.split.train)
    touching = train.take(np.flatnonzero(train.contact))
    free = prepared.test.take(np.flatnonzero(~prepared.test.contact))
    guess = controls.contact_oracle(touching, free)
    np.testing.assert_allclose(guess, controls.mean_pattern(touching, free))


def test_guesses_are_rows_of_recovery_without_a_learner(tmp_path):
    path = write_slider(tmp_path / "a.h5")
    rows = score_controls([path], section())["recovery"].to_pylist()
    table = [row for row in rows if row["learner"] is None]
    assert {row["source"] for row in table} == {
        "mean pattern",
        "contact oracle",
        "nearest neighbours",
    }
    assert {row["split"] for row in table} == {"episode", "sample"}
    wanted = ("episode", "switching", "all", "micro")
    auroc = {
        row["source"]: row["auroc"]
        for row in table
        if (row["split"], row["elements"], row["regime"], row["average"]) == wanted
    }
    assert auroc["contact oracle"] == 1
    # One element switches, and its mean says nothing about a sample.
    assert auroc["mean pattern"] == 0.5
