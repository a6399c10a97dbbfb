"""The paper's claims on planted data: each verdict for a known reason."""

import numpy as np
import pytest
from sparsity_fakes import fake_dataset, fake_episode, packed, steps_of

from dynsparse.errors import DynsparseError
from dynsparse.sparsity.elements import ElementCounter
from dynsparse.sparsity.exceptions import find_exceptions
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.occurrences import count_occurrences
from dynsparse.sparsity.scan import pack_episode
from dynsparse.sparsity.strides import measure_strides
from dynsparse.storage.tables import in_order, write_table
from dynsparse.tables.cases import read_ablations, read_cases
from dynsparse.tables.claims import CLAIMS, evaluate
from dynsparse.tables.measures import CANNOT_FAIL, NO, OPEN, YES
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


def statistics(seeds=range(5), **options):
    return measured([dataset(seed, **options) for seed in seeds])


def measured(datasets):
    kept = {name: [] for name in Statistics._fields}
    for data in datasets:
        counter = ElementCounter(data.info, THRESHOLDS, 1e-12)
        for episode in data.episodes():
            pack_episode(episode, counter)
        patterns = packed(data)
        tables = [counter.elements(), counter.sparsities(), steps_of(data)]
        tables += [measure_strides(patterns), count_occurrences(patterns)]
        tables += [find_exceptions(patterns)]
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
    for lasting in (found["zeros last several steps"], found["nonzeros last several steps"]):
        assert (lasting.value, lasting.stands) == (pytest.approx(10), YES)
    for name in ("shorter than 50 steps", "shorter than 50 steps by time"):
        short = found[name]
        assert (short.value, short.low, short.high, short.stands) == (100, 100, 100, YES)
        assert short.by_seed == "100, 100, 100, 100, 100"


def switching(zero, episodes=4, seed=0):
    """One element that is zero where ``zero`` says so, in every episode from another step on."""
    kept = []
    for index in range(episodes):
        jacobian = np.ones((len(zero), 2, 2))
        jacobian[:, 0, 1] = np.roll(np.where(zero, 0.0, 1.0), 3 * index)
        kept.append(fake_episode(index, jacobian, action_jacobian=np.ones((len(zero), 2, 1))))
    return fake_dataset(kept, seed=seed)


def test_a_pattern_that_changes_in_every_step_is_not_stable():
    found = evaluate(judged(statistics(switch_every=1), 1e-12), {})
    assert found["zeros last several steps"].stands == NO
    assert found["nonzeros last several steps"].stands == NO
    assert "zero elements" not in found


def test_zeros_of_one_step_are_not_stable_however_seldom_they_are():
    case = measured([switching(np.arange(500) % 5 == 2, seed=seed) for seed in range(5)])
    found = evaluate(judged(case, 1e-12), {})
    zeros, nonzeros = found["zeros last several steps"], found["nonzeros last several steps"]
    assert (zeros.value, zeros.stands) == (pytest.approx(1), NO)
    assert (nonzeros.value, nonzeros.stands) == (pytest.approx(4), YES)


def test_a_few_changes_decide_nothing():
    """A zero of one step in each of five seeds: ten changes."""
    seeds = [switching(np.arange(500) == 250, episodes=1, seed=seed) for seed in range(5)]
    found = evaluate(judged(measured(seeds), 1e-12), {})
    zeros, nonzeros = found["zeros last several steps"], found["nonzeros last several steps"]
    assert (zeros.value, zeros.stands) == (1, OPEN)
    assert (nonzeros.value, nonzeros.stands) == (None, OPEN)  # none was seen to end
    assert found["shorter than 50 steps"].stands == OPEN


def test_long_durations_are_not_short():
    short = evaluate(judged(statistics(switch_every=100), 1e-12), {})["shorter than 50 steps"]
    assert (short.value, short.high, short.stands) == (0, 0, NO)


def test_an_episode_of_sixty_steps_cannot_tell_what_lasts_fifty():
    zero = np.arange(60) % 3 == 1
    case = measured([switching(zero, 8, seed) for seed in range(5)])
    short = evaluate(judged(case, 1e-12), {})["shorter than 50 steps"]
    assert (short.value, short.low, short.stands) == (100, 100, OPEN)


def test_most_runs_may_be_short_and_most_time_in_long_ones():
    """Of ten runs of zeros nine last two steps, and the tenth 100."""
    zero = np.concatenate([np.tile([True, True, False], 9), np.ones(100, bool), np.zeros(73, bool)])
    case = measured([switching(np.roll(zero, 40), seed=seed) for seed in range(5)])
    found = evaluate(judged(case, 1e-12), {})
    runs, time = (found[f"shorter than 50 steps{how}"] for how in ("", " by time"))
    assert (runs.value, runs.stands) == (pytest.approx(90), YES)
    assert (time.value, time.stands) == (pytest.approx(100 * 18 / 118), NO)


def values(choices, seed=0):
    """Of 16 elements the first so many are zero, each of the numbers in turn."""
    zeros = np.resize(choices, 400)
    state = np.where(np.arange(16) < zeros[:, None], 0.0, 1.0).reshape(-1, 4, 4)
    episode = fake_episode(0, state, action_jacobian=np.ones((400, 4, 1)))
    return fake_dataset([episode], seed=seed, state_names=tuple("abcd"))


@pytest.mark.parametrize(
    ("choices", "percent", "stands"),
    [
        ([0, 2, 4], 100, CANNOT_FAIL),  # 16 elements: bins 0, 1 and 2
        ([0, 2, 4, 6, 8, 10], 50, NO),  # six bins, equally full
        ([0] * 19 + [15], 100, YES),  # two of the ten bins that could be reached
    ],
)
def test_few_values_are_judged_by_what_could_have_been(choices, percent, stands):
    case = measured([values(choices, seed) for seed in range(5)])
    found = evaluate(judged(case, 1e-12), {})["few values"]
    assert (found.value, found.stands) == (pytest.approx(percent, abs=1), stands)


def test_without_a_finite_sample_every_claim_is_open():
    nothing = fake_episode(0, np.ones((10, 2, 2)), ok=np.zeros(10, bool))
    case = measured([fake_dataset([nothing])])
    found = evaluate(judged(case, 1e-12), {"state_zero_elements": 0.0})
    assert {"most are never zero", "zero elements", "few values"} <= set(found)
    assert {(each.value, each.stands) for each in found.values()} == {(None, OPEN)}


MEANS = (
    "few values",
    "contacts lower sparsity",
    "zeros last several steps",
    "nonzeros last several steps",
    "shorter than 50 steps",
    "shorter than 50 steps by time",
)
COUNTS = ("few are always zero", "no action is without effect", "some are sometimes zero")


def test_four_seeds_leave_every_mean_open_and_no_count():
    """However many episodes they have: those of one policy are alike."""
    for seeds, stands in ((range(4), OPEN), (range(5), YES)):
        found = evaluate(judged(statistics(seeds), 1e-12), {})
        decided = {found[name].stands for name in MEANS if found[name].stands != CANNOT_FAIL}
        assert decided == {stands}
        assert {found[name].stands for name in COUNTS} == {YES}
    assert found["zeros last several steps"].by_seed == "10, 10, 10, 10, 10"


def test_what_a_single_policy_shows_differently_is_seen():
    """Two seeds whose contacts last two steps, and a third whose last ten: no verdict."""
    case = measured([dataset(seed, switch_every=(2, 2, 10)[seed]) for seed in range(3)])
    found = evaluate(judged(case, 1e-12), {})["nonzeros last several steps"]
    assert (found.low, found.high, found.stands) == (None, None, OPEN)
    assert found.by_seed == "2, 2, 10"


def test_a_seed_less_is_a_policy_less():
    case = statistics(range(6))
    rows = table_robustness([case], {}, {}, 1e-12).to_pylist()
    without = [row for row in rows if row["varied"] == "seeds" and row["claim"] in MEANS]
    assert {row["stands"] for row in without} <= {YES, CANNOT_FAIL}
    rows = table_robustness([statistics()], {}, {}, 1e-12).to_pylist()
    without = [row for row in rows if row["varied"] == "seeds" and row["claim"] in MEANS]
    assert {row["stands"] for row in without} <= {OPEN, CANNOT_FAIL}


def test_each_claim_is_judged_again_with_one_thing_varied(case):
    published = {"Twolink": {"state_zero_elements": 0.0}}
    rows = table_robustness([case], {"float32": [case]}, published, 1e-12).to_pylist()
    varied = {(row["varied"], row["setting"]) for row in rows}
    assert varied == {
        ("nothing", ""),
        ("threshold", "0.001"),
        *(("seeds", f"without {seed}") for seed in range(5)),
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
    here = [tmp_path / "Twolink" / "random" / f"{name}.parquet" for name in Statistics._fields]
    for path, table in zip(here, case, strict=True):
        write_table(table, path)
    beside = read_ablations([], {"float32": str(tmp_path)}, [("Twolink", "random")])
    for (back,) in (read_cases(here), beside["float32"]):
        assert all(a.equals(in_order(b)) for a, b in zip(back, case, strict=True))
    with pytest.raises(DynsparseError, match="Missing/random/elements.parquet: no such file"):
        read_ablations([], {"float32": str(tmp_path)}, [("Missing", "random")])


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
