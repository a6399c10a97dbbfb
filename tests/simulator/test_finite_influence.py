"""What outputs feel of an input that is redrawn: found where it is planted, and only there."""

import dataclasses

import mujoco
import numpy as np
import pyarrow as pa
import pytest

from dynsparse.dataset import open_dataset
from dynsparse.environments import load
from dynsparse.errors import DynsparseError
from dynsparse.finite_influence import (
    DRAWS,
    MOVED,
    SCHEMA,
    Samples,
    counted,
    largest_change,
    measure_influence,
)
from dynsparse.sparsity.merging import merge_seeds
from dynsparse.storage.tables import with_metadata
from dynsparse.tables.table_influence import table_influence

RNG = np.random.default_rng(0)


def wall(state, action, memory):
    """The first body flies; the second is pushed by the first beyond 1, and by the action."""
    push = np.maximum(state[:, 0] - 1, 0)
    return np.stack([state[:, 0] + 0.1, state[:, 1] + push + action[:, 0]], axis=1)


@pytest.fixture
def here():
    """Five samples, all of them short of the wall."""
    state = np.stack([np.linspace(0.0, 0.8, 5), RNG.normal(size=5)], axis=1)
    action = RNG.normal(size=(5, 1))
    zero = np.broadcast_to([[False, True, True], [True, False, False]], (5, 2, 3))
    return Samples(state, action, np.zeros((5, 1)), wall(state, action, None), zero)


def redrawn(first, draws=1):
    """Every input's value elsewhere; of the first input the one given."""
    others = RNG.normal(size=(draws, 5, 3))
    others[..., 0] = first
    return others


def test_a_wall_is_met_only_by_who_goes_far_enough(here):
    far = counted(largest_change(wall, here, redrawn(2.0), 1.0), here.zero)
    near = counted(largest_change(wall, here, redrawn(2.0), 0.1), here.zero)
    assert far == {"elements": 30, "zeros": 15, "zeros_moved": 5, "others_still": 0}
    # A tenth of the way: from 0.8 to 0.92 at most.
    assert near == {"elements": 30, "zeros": 15, "zeros_moved": 0, "others_still": 0}


def test_a_change_is_that_of_the_step_and_the_largest_of_all_draws(here):
    others = redrawn(2.0, draws=3)
    change = largest_change(wall, here, others, 1.0)
    np.testing.assert_allclose(change[:, 1, 0], 1.0)
    inputs = np.concatenate([here.state, here.action], axis=1)
    far = np.abs(others - inputs).max(axis=0)
    np.testing.assert_allclose(change[:, 1, 1:], far[:, 1:], rtol=1e-12)


def test_what_rounding_moves_is_still(here):
    change = np.full((5, 2, 3), MOVED / 2)
    assert counted(change, here.zero)["others_still"] == 15
    assert counted(3 * change, here.zero)["zeros_moved"] == 15


def test_an_input_that_never_varies_is_left_out(here):
    others = redrawn(2.0)
    others[..., 1] = here.state[:, 1]
    found = counted(largest_change(wall, here, others, 1.0), here.zero)
    assert (found["elements"], found["zeros"]) == (20, 10)


def test_a_step_that_blows_up_has_moved(here):
    def explosive(state, action, memory):
        after = wall(state, action, memory)
        after[state[:, 0] > 1] = np.nan
        return after

    assert np.isinf(largest_change(explosive, here, redrawn(2.0), 1.0)[..., 0]).all()


def test_the_table_sums_over_seeds():
    counts = {"samples": 10, "elements": 100, "zeros": 40, "zeros_moved": 10, "others_still": 3}
    rows = [
        {"environment": "E", "behaviour": "b", "seed": seed, "radius": radius, **counts}
        for seed in (0, 1)
        for radius in (0.1, 1.0)
    ]
    rows = [row | {"unrepeated": row["seed"]} for row in rows]
    rows[1]["zeros_moved"] = 20
    table = with_metadata(pa.Table.from_pylist(rows, schema=SCHEMA), "influence", sources=[])
    far, near = table_influence([table]).to_pylist()
    assert (far["radius"], near["radius"]) == (1.0, 0.1)
    assert (far["samples"], far["unrepeated"], far["zeros_percent"]) == (20, 1, 40.0)
    assert far["zeros_moved_percent"] == pytest.approx(100 * 30 / 80)
    assert far["others_still_percent"] == pytest.approx(100 * 6 / 120)
    assert far["still_percent"] == pytest.approx(100 * (80 - 30 + 6) / 200)
    assert near["wrong_per_sample"] == pytest.approx((20 + 6) / 20)


def test_a_file_is_counted_as_by_a_loop_over_single_steps(cartpole_file):
    dynamics = load("CartpoleBalance")
    model, data = dynamics.mj_model, mujoco.MjData(dynamics.mj_model)

    def step(inputs, memory):
        data.time = 0
        data.qpos[:], data.qvel[:], data.ctrl[:] = np.split(inputs, [model.nq, 2 * model.nq])
        data.qacc_warmstart[:] = memory
        mujoco.mj_step(model, data, dynamics.substeps)
        return np.concatenate([data.qpos, data.qvel])

    with open_dataset(cartpole_file) as dataset:
        found = measure_influence(dataset, "as_shipped", 1e-12)
        episodes = list(dataset.episodes())
    inputs = np.concatenate([np.concatenate([e.state, e.action], axis=1) for e in episodes])
    memory = np.concatenate([e.memory for e in episodes])
    jacobians = [np.concatenate([e.state_jacobian, e.action_jacobian], 2) for e in episodes]
    zero = np.abs(np.concatenate(jacobians)) < 1e-12
    rng = np.random.default_rng(3)
    rng.permutation(len(inputs))  # all samples are taken, whatever their order
    others = inputs[rng.integers(len(inputs), size=(DRAWS, len(inputs)))]
    change = np.zeros(zero.shape)
    for number, here in enumerate(inputs):
        base = step(here, memory[number])
        for column in range(len(here)):
            for drawn in others[:, number, column]:
                moved = np.where(np.arange(len(here)) == column, drawn, here)
                after = np.abs(step(moved, memory[number]) - base)
                change[number, :, column] = np.maximum(change[number, :, column], after)
    moves = change > MOVED
    row = found.to_pylist()[0]
    assert (row["radius"], row["samples"], row["unrepeated"]) == (1.0, len(inputs), 0)
    assert row["zeros_moved"] == (zero & moves).sum()
    assert row["others_still"] == (~zero & ~moves).sum()
    assert 0 < row["zeros"] == zero.sum()
    assert merge_seeds([found]).num_rows == found.num_rows


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"jacobian_ok": np.zeros(40, bool)}, "no step has a Jacobian"),
        ({"state_jacobian": np.full((40, 4, 4), np.nan)}, "episode 0: a Jacobian .* is not finite"),
        ({"next_state": np.full((40, 4), 7.0)}, "repeats none of 40 steps"),
    ],
)
def test_nothing_is_counted_where_nothing_is_known(cartpole_file, monkeypatch, values, said):
    with open_dataset(cartpole_file) as dataset:
        episode = dataclasses.replace(next(iter(dataset.episodes())), **values)
        monkeypatch.setattr(dataset, "episodes", lambda: [episode])
        with pytest.raises(DynsparseError, match=f"CartpoleBalance .*{said}"):
            measure_influence(dataset, "as_shipped", 1e-12)
