"""Verification: the referee on known functions, and the stage on a real and a spoiled file."""

import h5py
import numpy as np
import pytest

from dynsparse.dataset import BlockWriter, open_dataset
from dynsparse.dataset.schema import DIGEST
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.verification import verify_jacobians
from dynsparse.verification.differences import (
    Differences,
    central_differences,
    error_against,
    relative_error,
)
from dynsparse.verification.samples import STRATA, pick_samples

MATRIX = np.array([[1.0, 2.0, -3.0], [0.0, 4.0, 0.5]])


def batch(count=4):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 2)), rng.normal(size=(count, 1)), np.zeros((count, 2))


def nothing_acts(values):
    return np.zeros((len(values), 0), bool)


def test_differences_of_a_linear_step_are_its_matrix():
    def step(state, action, memory):
        after = np.concatenate([state, action], axis=1) @ MATRIX.T
        return after, nothing_acts(after)

    result = central_differences(step, *batch())
    # Rounding of numbers near one, divided by the width: 1e-16 / 1e-6.
    np.testing.assert_allclose(result.jacobian, np.broadcast_to(MATRIX, (4, 2, 3)), atol=1e-9)
    assert not result.kink.any()
    assert not result.jump.any()


def test_a_change_of_the_active_constraints_is_a_kink():
    def step(state, action, memory):
        return np.abs(state), state > 0

    state, action, memory = batch()
    state[:] = 1.0
    state[2, 0] = 5e-7  # within a half width of the kink at zero
    assert central_differences(step, state, action, memory).kink.tolist() == [
        False,
        False,
        True,
        False,
    ]


def test_a_step_that_jumps_is_told_from_one_that_is_steep():
    def jumps(state, action, memory):
        after = state + 1e-3 * (state > 0)
        return after, nothing_acts(after)

    def steep(state, action, memory):
        after = 1e4 * np.sin(state)
        return after, nothing_acts(after)

    state, action, memory = batch()
    state[:] = 1.0
    state[1, 1] = 0.0
    result = central_differences(jumps, state, action, memory)
    assert result.jump.tolist() == [False, True, False, False]
    assert not central_differences(steep, state, action, memory).jump.any()


def test_the_error_is_relative_where_the_reference_is_large():
    reference = np.array([[[0.1, 0.0]], [[100.0, 0.0]]])
    error = relative_error(reference + 1e-3, reference)
    np.testing.assert_allclose(error.max(axis=(1, 2)), [1e-3, 1e-5], rtol=1e-9)


def test_each_sample_is_judged_by_the_width_that_agrees_better():
    jacobian = np.ones((2, 1, 2))
    wide = jacobian + np.array([[[1e-3, 0.0]], [[0.0, 1e-9]]])
    narrow = jacobian + np.array([[[1e-7, 0.0]], [[0.0, 1e-6]]])
    quiet = np.zeros(2, bool)
    found = error_against(jacobian, Differences(wide, narrow, quiet, quiet))
    np.testing.assert_allclose(found.max(axis=(1, 2)), [1e-7, 1e-9], rtol=1e-6)


def test_samples_come_from_every_stratum_that_occurs(cartpole_file):
    with open_dataset(cartpole_file) as dataset:
        picked = pick_samples(dataset, 10)
        again = pick_samples(dataset, 10)
    assert len(picked["state"]) == 10
    assert set(picked["stratum"]) <= set(STRATA)
    assert (picked["stratum"] == "start").sum() == 3  # one per episode
    np.testing.assert_array_equal(picked["step"], again["step"])


def test_a_sound_file_passes_and_replays(cartpole_file):
    with open_dataset(cartpole_file) as dataset:
        found = verify_jacobians(dataset, 12, ["unrolled"], "as_shipped", "float64")
    table = found.samples.to_pydict()
    assert table["method"] == ["hybrid"] * 12 + ["unrolled"] * 12
    assert table["stored"] == [True] * 12 + [False] * 12
    smooth = ~np.array(table["kink"]) & ~np.array(table["jump"])
    assert smooth.sum() >= 20
    assert np.array(table["error"])[smooth].max() < 1e-7
    assert np.array(table["engine_error"])[smooth].max() < 1e-7
    # The same program on the same numbers, and the C engine's own arithmetic.
    replay = found.replay.to_pydict()
    assert replay["replayed"] == replay["engine_replayed"] == replay["converged"] == [40] * 3
    assert max(replay["max_replay_error"]) < 1e-12
    for table_of_one_seed in found:
        assert merge_seeds([table_of_one_seed]).num_rows == table_of_one_seed.num_rows
    elements = found.elements.to_pydict()
    assert len(elements["row_name"]) == 2 * 4 * 5
    assert max(elements["max_error"]) == np.array(table["error"])[smooth].max()
    assert max(table["engine_replay_error"]) < 1e-8
    assert not any(table["missed_elements"])
    assert not any(table["invented_elements"])


@pytest.mark.parametrize(
    ("value", "count"), [(1e-3, "invented_elements"), (0.0, "missed_elements")]
)
def test_one_wrong_element_is_found(cartpole_file, tmp_path, value, count):
    """The cart's position moves nothing but itself; its velocity moves its position."""
    spoiled = tmp_path / "spoiled.h5"
    row, column = (2, 0) if value else (0, 2)
    with h5py.File(cartpole_file) as file, open_dataset(cartpole_file) as dataset:
        arrays = {name: file[name][()] for name in file if name != DIGEST}
        arrays["state_jacobian"][:, :, row, column] = value
        with BlockWriter(spoiled, dataset.info) as writer:
            writer.write(0, arrays)
            writer.finish()
    with open_dataset(spoiled) as dataset:
        table = verify_jacobians(dataset, 5, [], "as_shipped", "float64").samples.to_pydict()
    assert min(table["error"]) > 1e-4
    assert all(number == 1 for number in table[count])
    names = ("qpos:slider [m]", "qvel:slider [m/s]")
    assert set(table["worst_element"]) == {
        " / ".join(reversed(names)) if value else " / ".join(names)
    }
