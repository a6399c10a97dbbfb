"""Environments: dimensions, names, units, and the step as a pure function."""

import csv
from pathlib import Path

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from mujoco import mjx
from mujoco_playground import dm_control_suite

from dynsparse import mjx_internals
from dynsparse.environments import engine_steps, load, names, playground_environment
from dynsparse.environments.playground import CONVERGED_SOLVER
from dynsparse.errors import DynsparseError
from dynsparse.suite import SUITE
from dynsparse.verification.verify import mjx_steps

pytestmark = pytest.mark.usefixtures("float64")
PUBLISHED = Path(__file__).parents[2] / "resources" / "paper" / "table_1.csv"


def test_the_suite_is_playgrounds():
    assert sorted(SUITE) == sorted(dm_control_suite.ALL_ENVS)
    assert len(set(SUITE)) == len(SUITE) == 25


@pytest.mark.thorough
@pytest.mark.parametrize("name", SUITE)
def test_every_environment_has_a_name_for_every_dimension(name):
    dynamics = load(name)
    model = dynamics.mj_model
    assert len(dynamics.state_names) == model.nq + model.nv
    assert sum(n.startswith("qpos:") for n in dynamics.state_names) == model.nq
    assert sum(n.startswith("qvel:") for n in dynamics.state_names) == model.nv
    assert len(dynamics.action_names) == model.nu == dynamics.environment.action_size
    rows = mjx_internals.named_row_count(dynamics.template)
    assert len(dynamics.constraint_names) == rows
    assert len(dynamics.contact_names) == len(mjx_internals.collision_pairs(model))
    for group in (
        dynamics.state_names,
        dynamics.action_names,
        dynamics.contact_names,
        dynamics.constraint_names,
    ):
        assert len(set(group)) == len(group)
    simulated = dynamics.substeps * model.opt.timestep
    np.testing.assert_allclose(dynamics.control_dt_s, simulated, rtol=1e-12)
    assert dynamics.template.qpos.dtype == jnp.float64


with PUBLISHED.open() as stream:
    ROWS = [
        (row["environment"], int(row["state_dim"]), int(row["action_dim"]))
        for row in csv.DictReader(stream)
    ]


def test_table_1_has_eight_environments():
    assert len(ROWS) == 8


@pytest.mark.parametrize(("name", "state", "action"), ROWS)
def test_dimensions_are_those_of_table_1(name, state, action):
    model = playground_environment(name).mj_model
    assert len(names.state_names(model)) == state
    assert len(names.action_names(model)) == action


def test_names_of_cartpole(cartpole):
    assert cartpole.state_names == (
        "qpos:slider [m]",
        "qpos:hinge_1 [rad]",
        "qvel:slider [m/s]",
        "qvel:hinge_1 [rad/s]",
    )
    assert cartpole.action_names == ("ctrl:slide [1]",)
    assert cartpole.constraint_names == ("limit:slider",)
    assert cartpole.contact_names == ()


def test_a_free_joint_has_seven_positions_and_six_velocities():
    found = names.state_names(playground_environment("FishSwim").mj_model)
    root = [name.removeprefix("qpos:root.") for name in found if name.startswith("qpos:root")]
    assert root == ["x [m]", "y [m]", "z [m]", "qw [1]", "qx [1]", "qy [1]", "qz [1]"]
    root = [name.removeprefix("qvel:root.") for name in found if name.startswith("qvel:root")]
    linear, angular = ["vx [m/s]", "vy [m/s]", "vz [m/s]"], ["wx [rad/s]", "wy [rad/s]"]
    assert root == [*linear, *angular, "wz [rad/s]"]


def test_a_ball_joint_and_things_without_names():
    xml = """
    <mujoco>
      <worldbody>
        <body name="thing">
          <joint name="socket" type="ball" limited="true" range="0 1"/>
          <geom size="1"/>
          <body><joint type="slide"/><geom size="1"/></body>
        </body>
      </worldbody>
      <actuator><motor joint="socket"/></actuator>
    </mujoco>"""
    model = mujoco.MjModel.from_xml_string(xml)
    quaternion = [f"qpos:socket.{part} [1]" for part in ("qw", "qx", "qy", "qz")]
    rotation = [f"qvel:socket.{part} [rad/s]" for part in ("wx", "wy", "wz")]
    expected = (*quaternion, "qpos:#1 [m]", *rotation, "qvel:#1 [m/s]")
    assert names.state_names(model) == expected
    assert names.action_names(model) == ("ctrl:#0 [1]",)
    assert names.constraint_names(model) == ("limit:socket",)
    assert names.pair_names(model, [(0, 1)]) == ("thing.geom0:.geom1",)


@pytest.mark.parametrize(
    "fixture",
    [
        "cartpole",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("reacher", "finger")),
    ],
)
def test_the_step_is_the_environments(request, fixture):
    dynamics = request.getfixturevalue(fixture)
    rng = np.random.default_rng(0)
    start = jax.jit(dynamics.environment.reset)(jax.random.key(0))
    data = start.data.replace(qvel=jnp.asarray(rng.normal(size=dynamics.mj_model.nv)))
    start = start.replace(data=data)
    theirs, ours = jax.jit(dynamics.environment.step), jax.jit(dynamics.step)
    for action in rng.uniform(-1, 1, size=(5, dynamics.mj_model.nu)):
        state, memory = dynamics.to_state(start.data), start.data.qacc_warmstart
        start = theirs(start, jnp.asarray(action))
        next_state, next_memory = ours(state, jnp.asarray(action), memory)
        # Two compilations of the same arithmetic: a few units in the last place.
        np.testing.assert_allclose(next_state, dynamics.to_state(start.data), atol=1e-12)
        np.testing.assert_allclose(next_memory, start.data.qacc_warmstart, rtol=1e-9, atol=1e-9)


def test_the_step_is_pure_and_compiles_once(cartpole):
    step = jax.jit(cartpole.step)
    arguments = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array([0.5]), jnp.zeros(2)
    first, second = step(*arguments), step(*arguments)
    np.testing.assert_array_equal(first[0], second[0])
    step(arguments[0] + 1, arguments[1], arguments[2])
    assert step._cache_size() == 1


def test_a_control_step_is_as_many_simulator_steps_as_playground_says(reacher):
    assert (reacher.substeps, reacher.control_dt_s) == (4, 0.02)
    state, action = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array([0.5, -0.5])
    data = reacher.to_data(state, action, jnp.zeros(2))
    advance = jax.jit(reacher.simulator_step)
    for _ in range(4):
        data = advance(data)
    whole, _ = jax.jit(reacher.step)(state, action, jnp.zeros(2))
    np.testing.assert_allclose(whole, reacher.to_state(data), atol=1e-12)


def test_a_converged_solver_changes_both_engines():
    environment = playground_environment("FingerSpin", "converged")
    shipped = playground_environment("FingerSpin")
    for key, value in CONVERGED_SOLVER.items():
        assert getattr(environment.mj_model.opt, key) == value
        assert float(getattr(environment.mjx_model.opt, key)) == value
        assert getattr(shipped.mj_model.opt, key) != value


def test_with_a_converged_solver_all_contacts_count():
    slots = [
        mjx.make_data(playground_environment("WalkerRun", solver).mj_model, impl="jax")._impl.ncon
        for solver in ("as_shipped", "converged")
    ]
    # Two for each of seven capsules above the floor; Playground's file allows four.
    assert slots == [4, 14]


@pytest.mark.parametrize(("solver", "same"), [("as_shipped", False), ("converged", True)])
def test_a_converged_step_is_the_c_engines(solver, same):
    """In states around BallInCup's cup, many of them in contact, in which as shipped it is not."""
    dynamics, rng = load("BallInCup", solver), np.random.default_rng(1)
    state = rng.uniform(-1, 1, (128, 8)) * [0, 0, 0.05, 0.05, 1, 1, 1, 1] + [0, 0, 0, 0.3, *[0] * 4]
    inputs = (state, rng.uniform(-1, 1, (128, 2)), np.zeros((128, 4)))
    after = engine_steps(dynamics.mj_model, dynamics.substeps, *inputs)
    difference = np.abs(mjx_steps(dynamics)(*inputs)[0] - after).max(axis=1)
    # Rounding of velocities of some ten, after as many simulator steps.
    assert (difference < 1e-11).all() == same, np.sort(difference)[-5:]


def test_an_unknown_environment_is_told_the_nearest():
    with pytest.raises(DynsparseError, match="'CheetaRun' does not exist; did you mean 'CheetahR"):
        load("CheetaRun")
