"""The paper's claims on planted data: each verdict for a known reason."""

import numpy as np
import pytest
from sparsity_fakes import durations_of, fake_dataset, fake_episode, packed, steps_of

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.elements import ElementCounter
from dynsparse.sparsity.exceptions import find_exceptions
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.occurrences import count_occurrences
from dynsparse.sparsity.parquet import write_table
from dynsparse.sparsity.scan import pack_episode
from dynsparse.tables.cases import read_cases
from dynsparse.tables.claims import CLAIMS, NO, OPEN, YES, evaluate
from dynsparse.tables.table_robustness import Statistics, judged, table_robustness
from dynsparse.tables.table_thresholds import table_thresholds

THRESHOLDS = [1e-12, 1e-3]
STEPS = 600


def dataset(seed, switch_every=10, touching_episodes=None):
    """Of 4 state elements one is 1e-6 always, one zero unless a pair touches, two never zero."""
    rng = np.random.default_rng(seed)
    episodes = []
    for index in range(3):
        touching = np.arange(STEPS) // switch_every % 2 == 1
        touching ^= rng.random() < 0.5
        if touching_episodes is not None:
            touching[:] = index in touching_episodes
        contact = np.zeros((STEPS, 3), bool)
        contact[:, 0] = touching
        jacobian = np.ones((STEPS, 2, 2))
        jacobian[:, 0, 0] = 1e-6
        jacobian[:, 0, 1] = touching
        action = np.ones((STEPS, 2, 1))
        episodes.append(fake_episode(index, jacobian, contact=contact, action_jacobian=action))
    return fake_dataset(episodes, seed=seed)


def statistics(seeds=(0, 1), **options):
    kept = {name: [] for name in Statistics._fields}
    for seed in seeds:
        data = dataset(seed, **options)
        counter = ElementCounter(data.info, THRESHOLDS, 1e-12)
        for episode in data.episodes():
            pack_episode(episode, counter)
        patterns = packed(data)
        tables = [counter.elements(), counter.sparsities(), steps_of(data), durations_of(data)]
        tables += [count_occurrences(patterns), find_exceptions(patterns)]
        for name, table in zip(kept, tables, strict=True):
            kept[name].append(table)
    return Statistics(*(merge_seeds(tables) for tables in kept.values()))


@pytest.fixture(scope="module")
def case():
    return statistics()


def test_every_claim_is_judged(case):
    found = evaluate(judged(case, 1e-12), {"state_zero_elements": 1.0})
    assert set(found) == {claim.name for claim in CLAIMS}
    assert (found["zero elements"].value, found["zero elements"].stands) == (0, NO)
    assert found["few are always zero"].stands == YES
    assert found["no action is without effect"].stands == YES
    assert found["most are never zero"].value == pytest.approx(100 * 5 / 6)
    assert found["some are sometimes zero"].value == pytest.approx(100 / 6)
    assert found["few values"].value == 100
    touching = found["contacts lower sparsity"]
    assert (touching.value, touching.stands) == (-0.25, YES)
    stable = found["stable over several steps"]
    assert stable.value == pytest.approx((STEPS - 1) / (STEPS / 10 - 1))
    assert stable.stands == YES
    assert found["shorter than 50 steps"].value == 10


def test_a_pattern_that_changes_in_every_step_is_not_stable():
    found = evaluate(judged(statistics(switch_every=1), 1e-12), {})
    assert found["stable over several steps"].stands == NO
    assert "zero elements" not in found


def test_long_durations_are_not_short():
    found = evaluate(judged(statistics(switch_every=100), 1e-12), {})
    assert found["shorter than 50 steps"].stands == NO


def test_too_few_episodes_leave_a_mean_open():
    data = statistics(seeds=(0,))
    few = Statistics(*(table.filter(_first_two(table)) for table in data))
    found = evaluate(judged(few, 1e-12), {})
    assert found["stable over several steps"].stands == OPEN
    assert found["contacts lower sparsity"].stands == OPEN


def _first_two(table):
    if "episode" not in table.column_names:
        return np.ones(table.num_rows, bool)
    return table["episode"].to_numpy() < 2


def test_each_claim_is_judged_again_with_one_thing_varied(case):
    published = {"Twolink": {"state_zero_elements": 0.0}}
    rows = table_robustness([case], {"float32": [case]}, published, 1e-12).to_pylist()
    varied = {(row["varied"], row["setting"]) for row in rows}
    assert varied == {
        ("nothing", ""),
        ("threshold", "0.001"),
        ("seeds", "without 0"),
        ("seeds", "without 1"),
        ("samples", "1000"),
        ("ablation", "float32"),
    }
    counts = {(r["varied"], r["setting"]): r for r in rows if r["claim"] == "zero elements"}
    assert counts["nothing", ""]["stands"] == YES
    assert counts["nothing", ""]["as_in_study"] is True
    # At 1e-3 the element of 1e-6 is zero in every sample.
    large = counts["threshold", "0.001"]
    assert (large["value"], large["stands"], large["as_in_study"]) == (1, NO, False)
    assert all(row["as_in_study"] for row in rows if row["varied"] == "ablation")


def test_few_samples_have_not_yet_broken_every_zero():
    """Only the last of three episodes touches, from sample 1200 on."""
    found = statistics(seeds=(0,), touching_episodes=(2,))
    rows = table_robustness([found], {}, {}, 1e-12).to_pylist()
    share = {
        row["setting"]: row["value"]
        for row in rows
        if row["claim"] == "few are always zero" and row["varied"] in ("samples", "nothing")
    }
    assert share == {"": 0, "1000": 25}


def test_cases_come_from_the_folder_of_a_study(case, tmp_path):
    for name, table in zip(Statistics._fields, case, strict=True):
        write_table(table, tmp_path / "Twolink" / "random" / f"{name}.parquet")
    (back,) = read_cases(tmp_path, [("Twolink", "random")])
    assert all(a.equals(b) for a, b in zip(back, case, strict=True))
    with pytest.raises(DynsparseError, match="Missing/random/elements.parquet: no such file"):
        read_cases(tmp_path, [("Missing", "random")])


def test_zeros_at_every_threshold_and_where_the_answer_does_not_move(case):
    table = table_thresholds([case.elements], {"float32": [case.elements]}, 1e-12).to_pylist()
    assert [(row["ablation"], row["threshold"]) for row in table] == [
        *[("", 1e-12), ("", 1e-3)],
        *[("float32", 1e-12), ("float32", 1e-3)],
    ]
    low, high = table[:2]
    # The element of 1e-6 is always zero at 1e-3 alone: the answer moves between the two.
    assert (low["state_zero_elements"], high["state_zero_elements"]) == (0, 1)
    assert (low["unchanged_from"], low["unchanged_to"]) == (1e-12, 1e-12)
    assert high["unchanged_to"] == 1e-12
    assert high["mean_state_sparsity"] - low["mean_state_sparsity"] == pytest.approx(1 / 4)
    assert low["mean_action_sparsity"] == high["mean_action_sparsity"] == 0
    # At the other end of the range, nothing changes on the way from 1e-3.
    at_the_top = table_thresholds([case.elements], {}, 1e-3).to_pylist()[0]
    assert (at_the_top["unchanged_from"], at_the_top["unchanged_to"]) == (1e-3, 1e-3)
