"""Where an episode begins anew, nothing that is measured over time goes on."""

import dataclasses

import numpy as np
import pytest
from api_fakes import info, planted
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sparsity_fakes import durations_of, fake_dataset, fake_episode, packed, steps_of

from dynsparse.api.transitions import Windows
from dynsparse.dataset import BlockWriter, begins_anew, open_dataset
from dynsparse.errors import DynsparseError
from dynsparse.sparsity.durations import run_lengths
from dynsparse.sparsity.events import WINDOW, measure_events
from dynsparse.sparsity.patterns import open_patterns, pack
from dynsparse.sparsity.scan import scan
from dynsparse.sparsity.strides import measure_strides
from dynsparse.suite import (
    LEFT_OUT,
    ROBOTS,
    SUITE,
    begins_again,
    environment_names,
    own_environment,
    suite_of,
)


def chained(arrays, ends, pushed):
    """Let states follow each other; to the first after ``ends``, with a push after ``pushed``."""
    positions = arrays["state"].shape[1] - arrays["memory"].shape[1]
    for step in range(1, len(arrays["state"])):
        before = step - 1
        arrays["state"][step] = arrays["state" if before in ends else "next_state"][
            0 if before in ends else before
        ]
        if before in pushed:
            arrays["state"][step, positions:] += 1
    arrays["terminated"][list(ends)] = True
    arrays["truncated"][list(pushed)] = True


@pytest.fixture
def path(tmp_path):
    """Four episodes of six steps; one ends after step 1, and one is pushed after step 3."""
    file, about = tmp_path / "robots.h5", info(note="robots")
    blocks = planted(about)
    blocks["jacobian_ok"][:] = True
    for index, (ends, pushed) in enumerate([([1], []), ([], [3]), ([], []), ([], [])]):
        chained({name: values[index] for name, values in blocks.items()}, ends, pushed)
    with BlockWriter(file, about) as writer:
        writer.write(0, blocks)
        writer.finish()
    return file


def test_it_is_told_by_an_end_and_another_start():
    state = np.arange(5.0)[:, None]
    following = state + 1
    following[[1, 2]] = 7.0
    ended = np.array([True, True, False, False, True])
    # Step 1 goes on where step 0 led, though that ended; step 3 is elsewhere, but nothing ended.
    assert begins_anew(state, following, ended).tolist() == [False, False, True, False, False]


def test_a_step_elsewhere_is_broken_unless_the_environment_begins_again(path):
    with open_dataset(path) as dataset:
        first, second, third, _ = dataset.episodes()
    assert first.broken_steps().tolist() == [2]
    assert second.broken_steps().tolist() == [4]
    assert third.broken_steps().tolist() == []
    assert [len(e.broken_steps(again=True)) for e in (first, second, third)] == [0, 0, 0]
    moved = dataclasses.replace(first, terminated=np.zeros(6, bool))
    assert moved.broken_steps(again=True).tolist() == [2]


def test_an_episode_begins_again_where_it_began_and_a_push_moves_no_position(path):
    with open_dataset(path) as dataset:
        first, second, *_ = dataset.episodes()
    for episode, step in ((first, 2), (second, 4)):
        state = episode.state.copy()
        state[step, 0] += 1
        elsewhere = dataclasses.replace(episode, state=state)
        assert elsewhere.broken_steps(again=True).tolist() == [step]


def test_the_note_is_in_the_file_and_told(path):
    with open_dataset(path) as dataset:
        assert dataset.info.note == "robots"


def test_runs_are_those_of_two_episodes():
    @given(
        hnp.arrays(bool, st.tuples(st.integers(2, 20), st.just(3))),
        hnp.arrays(bool, 20, elements=st.sampled_from([True, True, False])),
        st.integers(1, 19),
    )
    def check(zero, ok, cut):
        ok, cut = ok[: len(zero)], min(cut, len(zero) - 1)
        begins = np.arange(len(zero)) == cut
        joined = run_lengths(pack(zero), 3, ok, begins)
        parts = [
            run_lengths(pack(zero[part]), 3, ok[part], np.zeros(len(ok[part]), bool))
            for part in (slice(None, cut), slice(cut, None))
        ]
        assert as_set(joined) == sorted(as_set(parts[0]) + as_set(parts[1]))

    check()


def as_set(runs):
    return sorted(zip(*(field.tolist() for field in runs), strict=True))


def test_durations_are_cut():
    table = durations_of(fake_dataset([fake_episode(0, np.ones((10, 2, 2)), begins=[4])]))
    assert set(zip(table["length"].to_pylist(), table["count"].to_pylist(), strict=True)) == {
        (4, 1),
        (6, 1),
    }
    assert set(table["cut_start"].to_pylist()) == set(table["cut_end"].to_pylist()) == {True}


def test_who_looks_at_every_other_step_sees_the_cut_too():
    dataset = fake_dataset([fake_episode(0, np.ones((9, 2, 2)), begins=[3])])
    table = measure_strides(packed(dataset)).to_pylist()
    # Looking at 0, 2 | 4, 6, 8.
    lengths = {row["length"] for row in table if row["stride"] == 2}
    assert lengths == {2, 3}


def test_no_change_is_counted_from_before():
    jacobian = np.ones((6, 2, 2))
    jacobian[3:] = 0.0
    found = steps_of(fake_dataset([fake_episode(0, jacobian, begins=[3])]))
    assert found["state_changes"].to_pylist() == [None, 0, 0, None, 0, 0]


def test_a_new_start_is_no_onset_and_windows_do_not_reach_over_it():
    contact = np.zeros((100, 3), bool)
    contact[50:, 1] = True
    jacobian = np.ones((100, 2, 2))
    begun = fake_episode(0, jacobian, contact=contact, begins=[50])
    assert measure_events(packed(fake_dataset([begun]))).num_rows == 0
    near = fake_episode(0, jacobian, contact=contact, begins=[45, 60])
    rows = measure_events(packed(fake_dataset([near]))).to_pylist()
    counted = {row["lag"] for row in rows if row["event"] == "onset" and row["samples"]}
    assert counted == set(range(-5, 10))
    assert WINDOW > 10
    compared = {row["lag"] for row in rows if row["event"] == "onset" and row["change_samples"]}
    assert compared == set(range(-4, 10))


def test_patterns_carry_it(path, tmp_path):
    with open_dataset(path) as dataset:
        scan(dataset, [1e-12], 1e-12, tmp_path / "patterns.parquet")
        truth = [episode.begins.tolist() for episode in dataset.episodes()]
    with open_patterns(tmp_path / "patterns.parquet") as patterns:
        assert [episode.begins.tolist() for episode in patterns.episodes()] == truth
    assert truth[0] == [False, False, True, False, False, False]
    assert truth[1] == [False, False, False, False, True, False]


def test_windows_do_not_reach_over_it(path):
    first = [t for t in range(6 - 1) if t + 1 != 2]
    second = [t for t in range(6 - 1) if t + 1 != 4]
    assert len(Windows(path, window=2)) == len(first) + len(second) + 2 * 5
    assert len(Windows(path)) == 24


def test_robots_are_environments_and_the_others_of_their_suites_are_refused_with_the_reason():
    assert environment_names()[: len(SUITE) + len(ROBOTS)] == (*SUITE, *ROBOTS)
    assert len(set(ROBOTS)) == 21
    assert all(map(begins_again, ROBOTS))
    assert not any(map(begins_again, SUITE))
    assert not set(LEFT_OUT) & set(ROBOTS)
    for name, why in LEFT_OUT.items():
        with pytest.raises(DynsparseError) as caught:
            own_environment(name)
        assert str(caught.value) == f"environment {name!r} is not offered: {why}"


@pytest.mark.parametrize("name", ["robots:Go1Getup", "playground:CheetahRun", "gymnasium_v5:AntV5"])
def test_a_suite_whose_environments_are_listed_takes_no_prefix(name):
    assert suite_of(name).name == "own"
    with pytest.raises(DynsparseError, match=f"environment '{name}' does not exist"):
        own_environment(name)
