"""Steps of the integrator RK4, which solve their constraints four times."""

from functools import partial

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from bare_dynamics import dynamics_of
from mujoco import mjx
from mujoco.mjx._src import forward, solver

from dynsparse import mjx_internals
from dynsparse.environments import engine_steps
from dynsparse.jacobians import batched_jacobians
from dynsparse.jacobians.steps import batched_steps
from dynsparse.precision import precision
from dynsparse.verification.differences import central_differences, error_against
from dynsparse.verification.verify import mjx_steps

pytestmark = pytest.mark.usefixtures("float64")
ROUNDING = 1e-12
# A hopping leg: a foot that lands, a knee with a limit and friction, and a motor.
LEG = """
<mujoco>
  <compiler angle="radian"/>
  <option integrator="{integrator}" timestep="0.01" ls_iterations="50"
          iterations="{iterations}" tolerance="{tolerance}"/>
  <worldbody>
    <geom name="ground" type="plane" size="5 5 1"/>
    <body pos="0 0 0.5">
      <joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/>
      <geom name="hip" size="0.1" contype="0" conaffinity="0"/>
      <body>
        <joint name="knee" axis="0 1 0" limited="true" range="-0.5 0.5" frictionloss="0.05"/>
        <geom name="foot" size="0.1" pos="0 0 -0.4"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor joint="knee" gear="5"/></actuator>
</mujoco>
"""


def leg(integrator="RK4", iterations=10, tolerance=1e-14):
    """Ten iterations reach the optimum, and are few enough for programs that compile quickly."""
    return LEG.format(integrator=integrator, iterations=iterations, tolerance=tolerance)


def samples(count=60, seed=0):
    """Around landing and around the knee's limit, with a warm start that is none."""
    rng = np.random.default_rng(seed)
    position = np.stack(
        [rng.normal(size=count), rng.uniform(-0.03, 0.06, count), rng.uniform(-0.6, 0.6, count)],
        axis=1,
    )
    state = np.concatenate([position, rng.normal(size=(count, 3))], axis=1)
    return state, rng.uniform(-1, 1, (count, 1)), np.zeros((count, 3))


@pytest.fixture(scope="module")
def dynamics():
    with precision("float64"):
        return dynamics_of(leg())


def solved(model, data):
    """A step and its solves, compiled."""
    return jax.jit(partial(mjx_internals.step_with_solves, model))(data)


def test_a_step_of_rk4_tells_its_four_solves_and_changes_nothing(dynamics):
    state, action, memory = (x[0] for x in samples())
    data = dynamics.to_data(*map(jnp.asarray, (state, action, memory)))
    after, solves = solved(dynamics.model, data)
    plain = jax.jit(partial(mjx.step, dynamics.model))(data)
    for name in ("qpos", "qvel", "qacc", "qacc_warmstart", "time"):
        ours, shipped = getattr(after, name), getattr(plain, name)
        np.testing.assert_allclose(ours, shipped, rtol=ROUNDING, atol=ROUNDING)
    assert len(solves) == 4
    first = jax.jit(partial(mjx.forward, dynamics.model))(data)
    np.testing.assert_allclose(solves[0].qacc, first.qacc, rtol=ROUNDING, atol=ROUNDING)
    np.testing.assert_array_equal(solves[3].qacc, after.qacc)
    # The tableau: velocities move by the accelerations' mean, in which the inner ones count twice.
    mean = sum(k * x.qacc for k, x in zip((1, 2, 2, 1), solves, strict=True)) / 6
    np.testing.assert_allclose(after.qvel - data.qvel, 0.01 * mean, rtol=1e-9, atol=1e-9)
    assert forward.jax is jax and solver.solve.__module__ == solver.__name__


def test_a_program_holds_the_dynamics_twice_not_four_times(dynamics):
    data = dynamics.to_data(*(jnp.asarray(x[0]) for x in samples()))

    def lines():
        # A function of its own, see ``stepped`` in test_mjx_internals.py.
        lowered = jax.jit(partial(mjx.step, dynamics.model)).lower(data)
        return lowered.compile().as_text().count("\n")

    shipped = lines()
    with mjx_internals.stages_in_a_loop():
        ours = lines()
    assert ours < 0.7 * shipped


def test_other_integrators_tell_the_step_itself():
    dynamics = dynamics_of(leg("Euler"))
    data = dynamics.to_data(*(jnp.asarray(x[0]) for x in samples()))
    after, solves = solved(dynamics.model, data)
    assert len(solves) == 1
    np.testing.assert_array_equal(solves[0].qpos, after.qpos)


FREE = """
<mujoco>
  <option integrator="RK4" timestep="0.01"/>
  <worldbody>
    <body><joint name="z" type="slide" axis="0 0 1"/><geom size="0.1"/></body>
  </worldbody>
  <actuator><position joint="z" kp="20" forcerange="-3 5"/></actuator>
</mujoco>
"""


def test_a_step_of_rk4_without_constraints_has_four_stages_too():
    """Its force leaves the end of its range in one of them, at a control that is close to it."""
    dynamics = dynamics_of(FREE, substeps=1)
    state, memory = np.zeros((3, 2)), np.zeros((3, 1))
    action = np.array([[0.1], [0.25 - 2e-8], [0.4]])
    found = batched_jacobians(dynamics, "hybrid", 3)(state, action, memory)
    whole = np.concatenate([found.state_jacobian, found.action_jacobian], axis=2)
    reference = central_differences(mjx_steps(dynamics), state, action, memory)
    assert reference.kink.tolist() == [False, True, False]
    assert error_against(whole, reference)[~reference.kink].max() < 1e-8


def test_a_step_of_rk4_is_the_c_engines(dynamics):
    inputs = samples()
    found = batched_steps(dynamics)(*inputs)
    again = engine_steps(dynamics.mj_model, dynamics.substeps, *inputs)
    np.testing.assert_allclose(found.next_state, again, rtol=0, atol=1e-11)
    rows = dynamics.template._impl.efc_J.shape[0]
    assert found.pieces.shape == (60, 4 * dynamics.substeps, rows)


def test_what_touches_in_a_later_stage_is_recorded():
    """The foot is above the ground at first, and lands within the step."""
    dynamics = dynamics_of(leg(), substeps=1)
    state = np.array([0.0, 0.007, 0.0, 0.0, -1.0, 0.0])
    record = jax.jit(dynamics.recorded_step)(state, np.zeros(1), np.zeros(3))[1]
    data = mujoco.MjData(dynamics.mj_model)
    data.qpos[:], data.qvel[:] = np.split(state, 2)
    mujoco.mj_forward(dynamics.mj_model, data)
    assert data.ncon == 0
    assert dynamics.contact_names == ("ground:foot",) and record.contact.tolist() == [True]


@pytest.mark.parametrize("method", ["implicit", "hybrid"])
def test_a_method_agrees_with_differences_of_rk4(dynamics, method):
    inputs = samples()
    found = batched_jacobians(dynamics, method, 60, 60)(*inputs)
    assert found.record.solver_converged.all()
    assert found.record.contact.any() and found.record.constraint_active[:, 1].any()
    reference = central_differences(mjx_steps(dynamics), *inputs)
    whole = np.concatenate([found.state_jacobian, found.action_jacobian], axis=2)
    error = error_against(whole, reference).max(axis=(1, 2))
    assert reference.smooth.mean() > 0.7
    assert error[reference.smooth].max() < 1e-4
    assert np.median(error[reference.smooth]) < 1e-7


def test_where_a_stage_is_cut_off_the_hybrid_follows_the_loop():
    """One iteration: the optimum's derivative is wrong, and the record says where."""
    dynamics = dynamics_of(leg(iterations=1, tolerance=1e-8))
    inputs = samples()
    found = batched_jacobians(dynamics, "hybrid", 60)(*inputs)
    optimum = batched_jacobians(dynamics, "implicit", 60)(*inputs)
    reference = central_differences(mjx_steps(dynamics), *inputs)
    cut_off = reference.smooth & ~found.record.solver_converged
    assert cut_off.sum() > 5
    errors = [
        error_against(
            np.concatenate([each.state_jacobian, each.action_jacobian], axis=2), reference
        ).max(axis=(1, 2))
        for each in (found, optimum)
    ]
    assert errors[0][reference.smooth].max() < 1e-4
    assert (errors[1][cut_off] > 1e-4).any()
