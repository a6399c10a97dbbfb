"""What a model says of the graph, as columns of recovery; planted, and by hand."""

import numpy as np
import pytest

from dynsparse.learning.data.normalisation import Scaler
from dynsparse.learning.data.preparation import Division, Prepared
from dynsparse.learning.data.samples import STRETCH, Origin, Samples, stretches
from dynsparse.learning.data.splits import Split
from dynsparse.learning.scoring.graph_scores import Said, graph_rows, mean_pattern_rows
from dynsparse.scores.recovery import Scored


def samples(zero, contact):
    """Consecutive samples of one episode, with two outputs and inputs."""
    count = len(zero)
    return Samples(
        inputs=np.zeros((count, 2), np.float32),
        next_state=np.zeros((count, 2), np.float32),
        jacobian=np.zeros((count, 2, 2), np.float32),
        zero=zero,
        contact=contact,
        active=contact[:, None],
        episode=np.zeros(count, np.int32),
        step=np.arange(count, dtype=np.int32),
    )


@pytest.fixture
def prepared():
    """An element that is zero but in contact, which lasts four steps and pauses for six."""
    contact = np.arange(60) % 10 < 4
    zero = np.array([[False, True], [True, False]]) & np.ones((60, 1, 1), bool)
    zero[:, 0, 1] = ~contact
    every, rows = samples(zero, contact), np.arange(60)
    origin = Origin("Two", "expert", ("a",), ("x", "y"), ("u",), 0.1)
    scaler = Scaler(*(np.ones(2) for _ in Scaler._fields))
    split = Split(rows, rows, rows)
    return Prepared(origin, Division("episode", 0), scaler, every, split, every, every, every, "")


def the_row(said, prepared):
    rows = graph_rows(said, prepared, mean_pattern_rows(prepared))
    (row,) = (
        r for r in rows if (r["elements"], r["regime"], r["average"]) == ("all", "all", "micro")
    )
    return row


def said(called, **more):
    score = called.reshape(len(called), -1).astype(float)
    return Said(Scored(score, score), score, **more)


def test_the_truth_has_all_there_is(prepared):
    zero = prepared.test.zero
    flat = zero.reshape(60, -1)
    regime = prepared.test.contact.astype(int)
    row = the_row(said(zero, zero=flat, open=1.0 - flat, regime=regime), prepared)
    ones = ("skill", "exact_precision", "exact_recall", "exact_samples", "change_f1")
    assert {row[name] for name in (*ones, "pattern_agreement", "contact_agreement")} == {1}
    assert row["brier_score"] == row["calibration_error"] == 0


def test_the_mean_pattern_has_no_skill_and_sees_no_change(prepared):
    guess = np.ones((60, 1, 1), bool) & (prepared.test.zero.mean(axis=0) > 0.5)
    flat = guess.reshape(60, -1)
    row = the_row(said(guess, zero=flat, open=1.0 - flat), prepared)
    assert (row["skill"], row["change_recall"], row["change_f1"]) == (0, 0, 0)
    # Four steps of ten are wrong, in one element of four.
    assert row["exact_recall"] == 1
    np.testing.assert_allclose(row["exact_precision"], 1 - 0.4 / 2)
    np.testing.assert_allclose(row["exact_samples"], 0.6)
    # It is sure that the one that switches is zero.
    np.testing.assert_allclose([row["brier_score"], row["calibration_error"]], 0.4)


def test_a_step_late_is_found_and_two_are_not(prepared):
    found = []
    for late in (1, 2):
        zero = prepared.test.zero
        moved = np.concatenate([zero[:late], zero[:-late]])
        found.append(the_row(said(moved), prepared)["change_f1"])
    assert found == [1, 0]


def test_what_is_not_said_is_not_scored(prepared):
    score = np.zeros((60, 4))
    row = the_row(Said(Scored(score, score)), prepared)
    assert "skill" in row
    assert not [name for name in row if name.startswith(("exact", "change", "brier", "pattern"))]


def test_skill_is_over_the_mean_pattern_in_each_regime(prepared):
    rows = list(graph_rows(said(prepared.test.zero), prepared, mean_pattern_rows(prepared)))
    skills = {(r["elements"], r["regime"]): r["skill"] for r in rows if "skill" in r}
    assert skills["switching", "contact"] == 1
    # Without contact the mean pattern is right: there is nothing to be better at.
    assert np.isnan(skills["switching", "no_contact"])


def test_samples_stand_together_where_changes_are_scored():
    rows = np.arange(100, 1100)
    found = stretches(rows, 200)
    assert len(found) == 200
    assert found[0] == 100 and found[-1] == 1099
    assert (np.diff(found) == 1).sum() == 200 - 200 // STRETCH
    np.testing.assert_array_equal(stretches(rows, 1000), rows)
    # Fewer than a stretch are asked for, of as few or more.
    for count in (STRETCH - 10, 1000):
        np.testing.assert_array_equal(stretches(rows[:count], 7), rows[:7])
