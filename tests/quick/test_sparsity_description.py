"""What touches when something is not zero, contact events and information, with planted answers."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sparsity_fakes import count_elements, fake_dataset, fake_episode, packed, steps_of

from dynsparse.figures.figure_contact_events import curve
from dynsparse.sparsity.events import SCHEMA as EVENTS
from dynsparse.sparsity.events import WINDOW, event_steps, measure_events
from dynsparse.sparsity.exceptions import KEPT, find_exceptions
from dynsparse.sparsity.information import entropy, measure_information, mutual_information, untied
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.sparsity.occurrences import count_occurrences
from dynsparse.sparsity.patterns import pack
from dynsparse.sparsity.structure import SCHEMA
from dynsparse.storage.tables import metadata_of, with_metadata
from dynsparse.tables.table_1_seeds import table_1_seeds
from dynsparse.tables.table_contacts import ANY, table_contacts
from dynsparse.tables.table_patterns import table_patterns
from dynsparse.tables.table_structure import table_structure
from dynsparse.tables.table_zero_elements import table_zero_elements

ONES = np.ones((300, 2, 1))


def touching(seed, steps=300, episodes=4):
    """(0, 1) is zero exactly while floor:a does not touch; floor:b comes and goes on its own."""
    rng = np.random.default_rng(seed)
    kept = []
    for index in range(episodes):
        contact = np.zeros((steps, 3), bool)
        contact[:, :2] = (np.cumsum(rng.random((steps, 2)) < 0.1, axis=0) % 2).astype(bool)
        jacobian = np.ones((steps, 2, 2))
        jacobian[:, 0, 1] = contact[:, 0]
        kept.append(fake_episode(index, jacobian, contact=contact, action_jacobian=ONES[:steps]))
    return fake_dataset(kept, seed=seed)


def test_the_contact_table_finds_the_pair_that_matters():
    table = merge_seeds([count_occurrences(packed(touching(seed))) for seed in range(5)])
    rows = {(r["contact"], r["jacobian"]): r for r in table_contacts([table]).to_pylist()}
    cause = rows["floor:a", "state"]
    assert (cause["sparsity_touching"], cause["sparsity_apart"]) == (0.0, 0.25)
    assert cause["difference_low"] == cause["difference_high"] == -0.25
    assert len(cause["difference_by_seed"].split(", ")) == 5
    idle = rows["floor:b", "state"]
    assert idle["difference_low"] < 0 < idle["difference_high"]
    assert rows["floor:a", "action"]["difference"] == 0.0
    assert (ANY, "state") in rows
    assert ("a:b", "state") not in rows


def test_contacts_explain_the_pattern_they_make_and_nothing_else():
    sources = [packed(touching(seed)) for seed in range(3)]
    occurrences = merge_seeds([count_occurrences(source) for source in sources])
    information = measure_information(sources)
    (row,) = table_patterns([occurrences], [information]).to_pylist()
    assert (row["patterns"], row["state_patterns"], row["action_patterns"]) == (2, 2, 1)
    assert row["samples"] == 3 * 4 * 300
    told = {(r["cause"], r["effect"]): r for r in information.to_pylist()}["contacts", "pattern"]
    np.testing.assert_allclose(told["information_bits"], row["entropy_bits"])
    np.testing.assert_allclose([row["contacts_raw_percent"], row["contacts_adjusted_percent"]], 100)
    assert row["contacts_beyond_chance"]
    assert 0 < told["by_chance_bits"] < 0.05


def described(dataset):
    source = packed(dataset)
    (row,) = table_patterns(
        [count_occurrences(source)], [measure_information([source])]
    ).to_pylist()
    return row


def test_what_contacts_explain_can_reach_everything():
    """64 sticky states of contact, of which the pattern is a function; few samples of each."""
    rng = np.random.default_rng(0)
    kept = []
    for index in range(4):
        contact = np.cumsum(rng.random((300, 6)) < 0.02, axis=0) % 2 == 0
        jacobian = np.ones((300, 2, 2))
        jacobian.reshape(300, 4)[:] = contact[:, :4]
        action = contact[:, 4:].reshape(300, 2, 1)
        kept.append(fake_episode(index, jacobian, contact=contact, action_jacobian=1.0 * action))
    row = described(fake_dataset(kept, contact_names=tuple("abcdef")))
    assert row["contacts_by_chance_percent"] > 20
    assert row["contacts_beyond_chance"]
    for cause in ("contacts", "constraints_too"):
        np.testing.assert_allclose(row[f"{cause}_adjusted_percent"], 100)
    # More causes can only share more of it.
    assert row["constraints_too_raw_percent"] >= row["contacts_raw_percent"] - 1e-9


def test_a_tie_between_episodes_counts():
    """In every second episode something touches all the time, and an element is not zero."""
    kept = []
    for index in range(12):
        contact = np.full((50, 3), index % 2 == 0)
        jacobian = np.ones((50, 2, 2))
        jacobian[:, 0, 1] = contact[:, 0]
        kept.append(fake_episode(index, jacobian, contact=contact, action_jacobian=ONES[:50]))
    row = described(fake_dataset(kept))
    assert row["contacts_beyond_chance"]
    assert row["contacts_by_chance_percent"] < 30


def test_states_that_never_recur_explain_everything_by_chance_alone():
    rng = np.random.default_rng(0)
    contact = np.unpackbits(np.arange(200, dtype=np.uint8)[:, None], axis=1).astype(bool)
    jacobian = np.ones((200, 2, 2))
    jacobian[:, 0, 1] = rng.random(200) < 0.5
    episode = fake_episode(0, jacobian, contact=contact, action_jacobian=ONES[:200])
    row = described(fake_dataset([episode], contact_names=tuple("abcdefgh")))
    np.testing.assert_allclose(row["contacts_raw_percent"], 100)
    assert row["contacts_adjusted_percent"] is None
    assert not row["contacts_beyond_chance"]


def test_one_pattern_leaves_nothing_to_explain():
    row = described(fake_dataset([fake_episode(0, np.ones((50, 2, 2)))]))
    assert (row["entropy_bits"], row["contacts_raw_percent"]) == (0, None)
    assert row["contacts_beyond_chance"] is None


@given(st.integers(0, 9), st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_untied_episodes_are_those_of_others(seed, lengths):
    starts = np.cumsum([0, *lengths[:-1]])
    episode = np.repeat(np.arange(len(lengths)), lengths)
    moved = untied(episode, starts, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(moved), episode)
    if len(lengths) > 1 and len(set(lengths)) == 1:
        assert not (moved == episode).any()


def test_an_episode_without_a_finite_sample_tells_nothing():
    finite = touching(0).all_episodes
    nothing = fake_episode(4, np.ones((20, 2, 2)), ok=np.zeros(20, bool))
    for episodes in ((nothing,), (nothing, *finite), (*finite, nothing)):
        source = packed(fake_dataset(episodes))
        samples = sum(len(episode.reward) for episode in episodes if episode is not nothing)
        information = measure_information([source])
        assert set(information["samples"].to_pylist()) == {samples}
        (row,) = table_patterns([count_occurrences(source)], [information]).to_pylist()
        assert row["samples"] == samples


def test_unrelated_series_explain_nothing():
    rng = np.random.default_rng(0)
    kept = []
    for index in range(6):
        contact, zero = (np.cumsum(rng.random((300, 3)) < 0.1, axis=0) % 2 == 0 for _ in range(2))
        jacobian = np.ones((300, 2, 2))
        jacobian[:, 0, 1] = zero[:, 0]
        kept.append(fake_episode(index, jacobian, contact=contact, action_jacobian=ONES))
    row = described(fake_dataset(kept))
    assert not row["contacts_beyond_chance"]
    assert abs(row["contacts_adjusted_percent"]) < 5
    assert row["contacts_raw_percent"] > 0.5  # what the plug-in estimate alone would claim


@given(hnp.arrays(np.int64, 50, elements=st.integers(0, 4)), st.integers(1, 4))
def test_information_is_symmetric_and_bounded(x, states):
    y = x % states
    shared = mutual_information(x, y)
    np.testing.assert_allclose(shared, mutual_information(y, x), atol=1e-12)
    np.testing.assert_allclose(shared, entropy(np.bincount(y)), atol=1e-12)


def test_entropy_of_equal_shares():
    assert entropy(np.array([5, 5, 5, 5, 0])) == 2.0
    assert entropy(np.array([], dtype=int)) == 0.0


@given(hnp.arrays(bool, (30, 3)))
def test_events_are_where_a_pair_switches(contact):
    packed_contact = pack(contact)
    onset = {t for t in range(1, 30) if (contact[t] & ~contact[t - 1]).any()}
    release = {t for t in range(1, 30) if (~contact[t] & contact[t - 1]).any()}
    on = np.zeros(len(packed_contact), bool)
    assert set(event_steps(packed_contact, on, "onset").tolist()) == onset
    assert set(event_steps(packed_contact, on, "release").tolist()) == release


def test_sparsity_around_a_planted_onset():
    contact = np.zeros((100, 3), bool)
    contact[50:60, 1] = True
    jacobian = np.ones((100, 2, 2))
    jacobian[:52, 0, 1] = 0.0  # changes two steps after the onset
    episode = fake_episode(0, jacobian, contact=contact, action_jacobian=ONES[:100])
    table = measure_events(packed(fake_dataset([episode])))
    onset = curve(table, "onset", "state")
    assert onset.events == 1
    np.testing.assert_array_equal(onset.lag, np.arange(-WINDOW, WINDOW + 1))
    np.testing.assert_allclose(onset.mean, np.where(onset.lag < 2, 25.0, 0.0))
    changes = curve(table, "onset", "changes")
    np.testing.assert_allclose(changes.mean, np.where(changes.lag == 2, 100.0, 0.0))
    release = curve(table, "release", "changes")
    np.testing.assert_allclose(release.mean, np.where(release.lag == 52 - 60, 100.0, 0.0))


def test_changes_are_counted_among_samples_that_have_one_to_compare_with():
    """An onset at step 3; the pattern changes at every step, and step 5 is not finite."""
    contact = np.zeros((10, 3), bool)
    contact[3:, 1] = True
    jacobian = np.ones((10, 2, 2))
    jacobian[::2, 0, 1] = 0.0
    ok = np.arange(10) != 5
    episode = fake_episode(0, jacobian, ok=ok, contact=contact, action_jacobian=ONES[:10])
    table = measure_events(packed(fake_dataset([episode])))
    assert table.schema.equals(EVENTS, check_metadata=False)
    onset = table.filter(pc.equal(table["event"], "onset"))
    counted = dict(zip(onset["lag"].to_pylist(), onset["change_samples"].to_pylist(), strict=True))
    # Step 0 has none before it; step 5 is not finite, and so step 6 has none to compare with.
    assert {lag + 3 for lag, count in counted.items() if count} == {1, 2, 3, 4, 7, 8, 9}
    changes = curve(table, "onset", "changes")
    known = np.isfinite(changes.mean)
    np.testing.assert_array_equal(changes.lag[known] + 3, [1, 2, 3, 4, 7, 8, 9])
    np.testing.assert_array_equal(changes.mean[known], 100)


def test_windows_end_with_the_episode():
    contact = np.zeros((10, 3), bool)
    contact[8:, 0] = True
    episode = fake_episode(0, np.ones((10, 2, 2)), contact=contact)
    onset = curve(measure_events(packed(fake_dataset([episode]))), "onset", "state")
    assert np.isfinite(onset.mean).sum() == 10


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(bool, (12, 2, 2)), hnp.arrays(bool, 12), hnp.arrays(bool, (12, 3)))
def test_exceptions_are_the_first_nonzero_samples(zero, ok, contact):
    episode = fake_episode(0, 1.0 - zero, ok=ok, contact=contact)
    rows = find_exceptions(packed(fake_dataset([episode]))).to_pylist()
    for row, column in np.ndindex(2, 2):
        expected = [t for t in range(12) if ok[t] and not zero[t, row, column]][:KEPT]
        kept = [r for r in rows if (r["jacobian"], r["row"], r["column"]) == ("state", row, column)]
        assert [r["step"] for r in kept] == expected
        assert [r["sample"] for r in kept] == [int(ok[:t].sum()) for t in expected]
        for r in kept:
            names = np.array(["floor:a", "floor:b", "a:b"])[contact[r["step"]]]
            assert r["touching"] == ", ".join(names)


def test_exceptions_are_counted_over_episodes():
    jacobian = np.ones((4, 2, 2))
    dataset = fake_dataset([fake_episode(index, jacobian) for index in range(3)])
    rows = [
        r
        for r in find_exceptions(packed(dataset)).to_pylist()
        if (r["jacobian"], r["row"]) == ("action", 0)
    ]
    assert [(r["episode"], r["step"], r["sample"]) for r in rows[:KEPT]] == [
        (0, 0, 0), (0, 1, 1), (0, 2, 2), (0, 3, 3), (1, 0, 4),
    ]  # fmt: skip


MEASURES = [count_occurrences, find_exceptions, measure_events]


@settings(max_examples=10, deadline=None)
@given(st.permutations([0, 1, 2]))
def test_the_order_of_seeds_does_not_matter(order):
    sources = {seed: packed(touching(seed, steps=40, episodes=2)) for seed in order}
    for measure in MEASURES:
        whole = merge_seeds([measure(sources[seed]) for seed in (0, 1, 2)])
        shuffled = merge_seeds([measure(sources[seed]) for seed in order])
        halves = merge_seeds(
            [merge_seeds([measure(sources[s]) for s in order[:2]]), measure(sources[order[2]])]
        )
        assert whole.equals(shuffled) and whole.equals(halves)
        assert metadata_of(whole) == metadata_of(shuffled) == metadata_of(halves)


def planted(seed):
    """Of four elements: always zero, nonzero in one sample of seed 1, never zero, half zero."""
    jacobian = np.zeros((300, 2, 2))
    jacobian[:, 1, 0] = 1.0
    jacobian[::2, 1, 1] = 1.0
    if seed == 1:
        jacobian[123, 0, 1] = 1.0
    return fake_dataset([fake_episode(0, jacobian, action_jacobian=ONES)], seed=seed)


def proof(structural):
    rows = [
        {
            "environment": "Twolink",
            "jacobian": jacobian,
            "row": row,
            "column": column,
            "row_name": "",
            "column_name": "",
            "structural": (jacobian, row, column) in structural,
            "noticed_by": "limit of joint" if column == 0 else "",
        }
        for jacobian, columns in (("state", 2), ("action", 1))
        for row in range(2)
        for column in range(columns)
    ]

    return with_metadata(
        pa.Table.from_pylist(rows, schema=SCHEMA), "structure", sources=["Twolink"]
    )


def test_zeros_are_told_apart():
    elements = merge_seeds([count_elements(planted(seed), [1e-12]) for seed in (0, 1)])
    exceptions = merge_seeds([find_exceptions(packed(planted(seed))) for seed in (0, 1)])
    none = proof(set())
    state, action = table_structure([elements], none, {}, 1e-12).to_pylist()
    assert (state["structural"], state["observed"], state["contingent"]) == (0, 1, 1)
    assert (state["rarely_nonzero"], state["sometimes_zero"], state["never_zero"]) == (1, 1, 1)
    assert (action["never_zero"], action["paper"]) == (2, None)
    state, _ = table_structure([elements], proof({("state", 0, 0)}), {}, 1e-12).to_pylist()
    assert (state["structural"], state["contingent"], state["structural_but_nonzero"]) == (1, 0, 0)
    state, _ = table_structure([elements], proof({("state", 0, 1)}), {}, 1e-12).to_pylist()
    assert state["structural_but_nonzero"] == 1
    first, second = table_zero_elements([elements], [exceptions], none, 1e-12).to_pylist()
    assert (first["class"], first["noticed_by"]) == ("contingent", "limit of joint")
    assert (second["class"], second["nonzero_samples"]) == ("rarely nonzero", 1)
    # By hand: step 123 touches where (3 * 123 + pair) % 4 is 0, so pair 3 would; constraint not.
    assert second["first_nonzero"] == "seed-1.h5 episode 0 step 123 (nothing touching)"


def test_table_1_seed_by_seed():
    elements = merge_seeds([count_elements(planted(seed), [1e-12]) for seed in (0, 1)])
    steps = merge_seeds([steps_of(planted(seed)) for seed in (0, 1)])
    rows = table_1_seeds([elements], [steps], 1e-12).to_pylist()
    assert [(row["seed"], row["state_zero_elements"]) for row in rows] == [
        ("0", 2),
        ("1", 1),
        ("all", 1),
    ]
    assert rows[0]["mean_state_sparsity"] == 2.5 / 4
    assert rows[2]["samples"] == 600
    assert rows[2]["state_low"] is None
