"""Whether recovery matters given the one-step error, where the answer is planted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, spearmanr

from dynsparse.learning.scoring.records import as_table
from dynsparse.scores.association import association, partial_spearman, spearman
from dynsparse.tables.table_recovery_matters import table_recovery_matters

LEARNERS = [f"learner-{number:02d}" for number in range(24)]
ENVIRONMENTS = ("Arm", "Leg")
SEEDS = (1, 2, 3)
UNTOLD = "not told zeros in tests"


def triples(least=4, most=12):
    """Two measures and a control of the same units, with and without ties."""
    value = st.one_of(st.floats(-1e3, 1e3), st.integers(-2, 2).map(float))
    sizes = st.integers(least, most)
    return sizes.flatmap(lambda n: arrays(np.float64, (3, n), elements=value))


@given(triples(), st.sampled_from([np.arctan, np.cbrt, lambda v: 7 * v - 3]))
def test_a_partial_rank_correlation_depends_on_order_alone(values, monotone):
    # Transformed ranks, since a transform of close floats may round them to one.
    ranks = rankdata(values, axis=-1)
    found = partial_spearman(*values)
    for changed in (monotone(ranks), np.stack([monotone(ranks[0]), *ranks[1:]])):
        np.testing.assert_allclose(partial_spearman(*changed), found, atol=1e-9)
    x, y, control = values
    np.testing.assert_allclose(partial_spearman(y, x, control), found, atol=1e-9)
    np.testing.assert_allclose(partial_spearman(-x, y, control), -found, atol=1e-9)
    np.testing.assert_allclose(partial_spearman(x, y, -control), found, atol=1e-9)
    assert np.isnan(found) or -1 <= found <= 1


@given(triples(least=6))
def test_it_is_the_correlation_of_what_the_control_leaves_of_ranks(values):
    x, y, control = rankdata(values, axis=-1)
    found = partial_spearman(*values)
    if np.isnan(found):
        return
    basis = np.column_stack([control, np.ones_like(control)])
    left = [v - basis @ np.linalg.lstsq(basis, v, rcond=None)[0] for v in (x, y)]
    if min(np.linalg.norm(each) for each in left) > 1e-3:
        np.testing.assert_allclose(np.corrcoef(*left)[0, 1], found, atol=1e-7)
    np.testing.assert_allclose(spearman(*values[:2]), spearmanr(*values[:2]).statistic, atol=1e-9)


@given(st.permutations(range(7)))
@settings(max_examples=5, deadline=None)
def test_an_association_does_not_change_when_all_measures_are_transformed(order):
    values = np.array([order, np.roll(order, 1), [3, 1, 4, 1, 5, 9, 2]], float)[:, None]
    first, second = association([*values]), association([*np.exp(values)])
    np.testing.assert_allclose(first, second, atol=1e-9)


@pytest.mark.parametrize("units", [0, 3, 4, 10, 11])
def test_few_units_have_no_interval_and_fewer_no_correlation(units):
    rng = np.random.default_rng(1)
    found = association([rng.normal(size=(1, units)) for _ in range(3)])
    assert np.isfinite(found).tolist() == [units > 3, units > 3, units > 10, units > 10]


def test_intervals_exclude_zero_seldom_where_there_is_nothing():
    """Both measures owe all that they share to the control; eleven units are the fewest."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(100):
        control = rng.normal(size=(1, 11))
        x, y = (control + rng.normal(size=(1, 11)) for _ in range(2))
        found = association([x, y, control])
        wrong += not found.low <= 0 <= found.high
    # 5 are due; more than 12 come up in one of a thousand such counts.
    assert wrong <= 12


def test_what_the_control_says_in_full_leaves_nothing():
    x = np.arange(8.0)[None]
    found = association([x, -x, x**3])
    assert found.plain == -1
    assert np.isnan(found[1:]).all()


def tables(measures, failed=()):
    """Planted learners of one split: ``measures(rng)`` gives skill, log ahead and log one step.

    Seeds of a learner differ by a little; failed ones (learner, seed) are in no table of scores.
    """
    rng = np.random.default_rng(0)
    rows = {"curves": [], "recovery": [], "rollout": []}
    for environment in ENVIRONMENTS:
        found = np.array([measures(rng) for _ in LEARNERS])
        for name, (skill, ahead, one_step) in zip(LEARNERS, found, strict=True):
            for seed in SEEDS:
                who = {"environment": environment, "behaviour": "expert", "policies": 2}
                who |= {"split": "episode", "number": 0, "learner": name, "seed": seed}
                gone = (name, seed) in failed
                fate = {"epoch": 1, "chosen_epoch": 1, "failed_epoch": 1 if gone else None}
                error = 1e9 if gone else np.exp(one_step)
                rows["curves"].append(who | fate | {"test_state_mse": error})
                if gone:
                    continue
                scored = {**who, "source": "model", "regime": "all", "average": "micro"}
                aside = skill + rng.normal() / 100
                rows["recovery"] += [
                    {**scored, "elements": "all", "skill": aside},
                    {**scored, "elements": "switching", "average_precision": aside / 2},
                    {**scored, "elements": "all", "source": "permuted", "skill": -aside},
                ]
                rows["rollout"] += [
                    {**who, "horizon": 5, "median_error": 1.0},
                    {**who, "horizon": 100, "median_error": np.exp(ahead + rng.normal() / 100)},
                ]
    return [as_table(kind, found) for kind, found in rows.items()]


def found(measures, told=None, **changes):
    """Rows by environment, measure and learners."""
    told = told or dict.fromkeys(LEARNERS, "nothing")
    rows = table_recovery_matters(*tables(measures, **changes), told).to_pylist()
    return {(row["environment"], row["recovery"], row["among"]): row for row in rows}


def causes(rng):
    skill, one_step = rng.normal(size=2)
    return skill, -2 * skill + one_step, one_step


def proxy(rng):
    one_step = 3 * rng.normal()
    return -one_step + rng.normal(), one_step + rng.normal(), one_step


def unrelated(rng):
    return rng.normal(size=3)


def test_recovery_that_causes_error_predicts_it_given_the_one_step_error():
    rows = found(causes)
    assert len(rows) == 3 * 2 * 2
    for (environment, _, _), row in rows.items():
        assert row["partial"] < -0.9
        assert row["partial_high"] < -0.7
        assert row["networks"] == 24 * 3 * (2 if environment == "all" else 1)
        assert row["horizon"] == (None if environment == "all" else 100)


def test_recovery_that_is_a_proxy_of_the_one_step_error_predicts_nothing_given_it():
    for row in found(proxy).values():
        assert row["correlation"] < -0.7
        assert row["partial_low"] < 0 < row["partial_high"]


def test_recovery_that_has_nothing_to_do_with_errors_predicts_nothing():
    for row in found(unrelated).values():
        assert row["partial_low"] < 0 < row["partial_high"]


def test_learners_and_not_their_networks_are_counted():
    one, many = found(causes, failed={(n, s) for n in LEARNERS for s in (2, 3)}), found(causes)
    for key, row in one.items():
        assert (row["learners"], many[key]["learners"]) == (24, 24)
        assert row["networks"] * 3 == many[key]["networks"]
        # Three times the networks narrow no interval: their seeds are all but the same.
        widths = [each["partial_high"] - each["partial_low"] for each in (row, many[key])]
        assert widths[1] > 0.8 * widths[0]


def test_learners_that_are_told_the_truth_in_tests_are_left_out():
    told = dict.fromkeys(LEARNERS, "nothing") | dict.fromkeys(
        LEARNERS[:21], "zeros in training; true zeros in tests"
    )
    rows = found(causes, told)
    assert rows["Arm", "skill", "all"]["learners"] == 24
    few = rows["Arm", "skill", UNTOLD]
    assert few["learners"] == 3
    assert few["partial"] is few["partial_low"] is None
    told |= dict.fromkeys(LEARNERS[:1], "nothing")
    four = found(causes, told)["Arm", "skill", UNTOLD]
    assert four["partial"] is not None
    assert four["partial_low"] is None


def test_a_learner_that_failed_is_not_counted_and_one_that_diverged_is_the_worst():
    rows = found(causes, failed={(LEARNERS[0], seed) for seed in SEEDS})
    assert {row["learners"] for row in rows.values()} == {23}

    def diverges(rng):
        skill, ahead, one_step = causes(rng)
        return skill, np.inf if ahead > 2 else ahead, one_step

    assert all(row["partial"] < -0.7 for row in found(diverges).values())
