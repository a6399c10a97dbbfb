"""What MJX loses where nothing turns, where a tendon has no length, and where a servo can no more.

Each test shows MJX as shipped beside the mend, and holds the mend to MuJoCo's C engine. When one
of what is shipped fails, MJX has been mended, and so may the mend be taken out.
"""

import functools
from contextlib import ExitStack, nullcontext

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mujoco import mjx
from mujoco.mjx._src import math

from dynsparse import mjx_internals
from dynsparse.mjx_internals import at_rest

pytestmark = pytest.mark.usefixtures("float64")

CONVERGED = '<option timestep="0.01" iterations="100" tolerance="1e-14" ls_iterations="50"/>'
DIE = '<freejoint/><geom type="box" size=".1 .1 .1" mass="1"/>'
BALL = """<joint type="ball" stiffness="3" damping=".1"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".02" contype="0" conaffinity="0"/>"""
MODELS = {
    "a die that falls": f'<body pos="0 0 5">{DIE}</body>',
    "a die on the floor": f'<geom type="plane" size="5 5 1"/><body pos="0 0 .1">{DIE}</body>',
    "a ball joint": f"<body>{BALL}</body>",
    "a cord": """<site name="pin"/><body><joint type="slide" axis="1 0 0" damping=".2"/>
<joint type="slide" axis="0 1 0"/><geom size=".1" mass="1"/><site name="hook"/></body>""",
}
AFTERWARDS = {
    "a ball joint": '<option gravity="0 0 0"/>',
    "a cord": """<option gravity="0 0 0"/><tendon><spatial stiffness="30" springlength="0">
<site site="pin"/><site site="hook"/></spatial></tendon>""",
}
# Elements of the Jacobian that are zero in MJX as shipped, and are not.
LOST = {
    "a die that falls": 6,
    "a die on the floor": 10,
    "a ball joint": 6,
    "a cord": 2,
}


def at_rest_in(name):
    """The model, and its state after three seconds without motion of its own."""
    xml = f"<mujoco>{CONVERGED}<worldbody>{MODELS[name]}</worldbody>{AFTERWARDS.get(name, '')}"
    model = mujoco.MjModel.from_xml_string(f"{xml}</mujoco>")
    data = mujoco.MjData(model)
    if "die" in name:
        # Turned, so that every part of the orientation moves.
        mujoco.mju_axisAngle2Quat(data.qpos[3:], np.array([0.0, 0.0, 1.0]), 0.7)
    mujoco.mj_step(model, data, 300)
    return model, np.r_[data.qpos, data.qvel], data.qacc_warmstart.copy()


def next_by_engine(model, state, memory):
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = state[: model.nq], state[model.nq :]
    data.qacc_warmstart[:] = memory
    mujoco.mj_step(model, data)
    return np.r_[data.qpos, data.qvel]


def differences(model, state, memory):
    """The Jacobian by central differences on the C engine; it normalises what it is given."""
    step = 1e-6
    columns = [
        next_by_engine(model, state + step * way, memory)
        - next_by_engine(model, state - step * way, memory)
        for way in np.eye(len(state))
    ]
    return np.stack(columns, axis=1) / (2 * step)


def derivative(model, state, memory, mend):
    """The next state and its Jacobian by MJX."""
    device_model = mjx.put_model(model, impl="jax")
    data = mjx.make_data(model, impl="jax").replace(qacc_warmstart=jnp.asarray(memory))

    def step(state):
        moved = data.replace(qpos=state[: model.nq], qvel=state[model.nq :])
        after = mjx.step(device_model, moved)
        after = jnp.concatenate([after.qpos, after.qvel])
        return after, after

    with ExitStack() as stack:
        stack.enter_context(mjx_internals.exact_solver_norm())
        stack.enter_context(mjx_internals.solver_rule(mjx_internals.hybrid_solve))
        stack.enter_context(mend())
        jacobian, after = jax.jit(jax.jacfwd(step, has_aux=True))(jnp.asarray(state))
    return np.asarray(after), np.asarray(jacobian)


@functools.cache
def found(name):
    model, state, memory = at_rest_in(name)
    mends = (nullcontext, functools.partial(mjx_internals.smooth_at_rest, model))
    return model, state, memory, *(derivative(model, state, memory, mend) for mend in mends)


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


def test_as_shipped_derivatives_are_lost_at_rest(name):
    *_, (_, shipped), (_, mended) = found(name)
    lost = (np.abs(shipped) < 1e-12) & (np.abs(mended) > 1e-12)
    assert lost.sum() == LOST[name]


def test_at_rest_derivatives_are_those_of_the_c_engine(name):
    model, state, memory, _, (after, mended) = found(name)
    np.testing.assert_allclose(after, next_by_engine(model, state, memory), rtol=0, atol=1e-10)
    # Differences err by their width's square times a third derivative, which is large where the
    # floor's force sets in, and by rounding over their width.
    np.testing.assert_allclose(mended, differences(model, state, memory), rtol=1e-6, atol=1e-7)


def test_no_value_changes_by_it(name):
    *_, (shipped, _), (mended, _) = found(name)
    np.testing.assert_allclose(mended, shipped, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("tendon", "cord"),
    [
        ('stiffness="30" springlength="0"', True),
        ('stiffness="30" springlength=".1"', False),
        ('stiffness="30" springlength="0" damping="2"', False),
        ('stiffness="30" springlength="0" limited="true" range="0 1"', False),
    ],
)
def test_what_pulls_at_no_length_is_no_cord(tendon, cord):
    """Its direction jumps there, and the C engine's is kept."""
    xml = AFTERWARDS["a cord"].replace('stiffness="30" springlength="0"', tendon)
    model = mujoco.MjModel.from_xml_string(
        f"<mujoco>{CONVERGED}<worldbody>{MODELS['a cord']}</worldbody>{xml}</mujoco>"
    )
    assert at_rest.only_cords(model) == cord
    data = mjx.make_data(model, impl="jax")
    with mjx_internals.smooth_at_rest(model):
        after = jax.jit(functools.partial(mjx.step, mjx.put_model(model, impl="jax")))(data)
    after = np.r_[after.qpos, after.qvel]
    state = np.zeros(4)
    np.testing.assert_allclose(after, next_by_engine(model, state, np.zeros(2)), rtol=0, atol=1e-10)


def test_no_quaternion_is_no_rotation():
    assert not np.any(at_rest._rotation(jnp.zeros(4))[0])


units = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array)
# On both sides of where series end, down to what MJX takes for nothing.
sizes = st.floats(-7.5, 0.5).map(lambda power: 10.0**power)


@given(units.filter(lambda way: np.linalg.norm(way) > 0.1), sizes)
@example(np.array([0.0, 1.0, 0.0]), 2 * np.sqrt(at_rest.SMALL))
@settings(deadline=None)
def test_turning_and_its_vector_are_those_of_mjx(way, size):
    way, dt = jnp.asarray(size * way / np.linalg.norm(way)), jnp.array(1.0)
    for q in ([1.0, 0.0, 0.0, 0.0], [-0.5, 0.5, -0.5, 0.5]):
        shipped = math.quat_integrate(jnp.array(q), way, dt)
        mended = at_rest._turned(jnp.array(q), way, dt)
        np.testing.assert_allclose(mended, shipped, atol=1e-15)
    turn = at_rest._turned(jnp.array([1.0, 0, 0, 0]), way, dt)
    for q in (turn, -turn):
        axis, angle = math.quat_to_axis_angle(q)
        vector, one = at_rest._rotation(q)
        # The arc tangent of MJX loses digits near the other side of the circle.
        np.testing.assert_allclose(one * vector, axis * angle, atol=1e-14)


SERVOS = """
<mujoco><option integrator="implicitfast"/><worldbody>
<body><joint name="a" axis="0 1 0" damping=".05"/>
<geom type="capsule" fromto="0 0 0 0 0 -.3" size=".03" contype="0" conaffinity="0"/>
<body pos="0 0 -.3"><joint name="b" axis="0 1 0" damping=".05"/>
<geom type="capsule" fromto="0 0 0 0 0 -.3" size=".03" contype="0" conaffinity="0"/>
</body></body></worldbody><actuator>
<position joint="a" kp="20" dampratio="0.7"/>
<velocity joint="b" kv="0.5" forcerange="-.3 .3"/>
</actuator></mujoco>
"""


def velocities_of_servos(mend):
    """Those after a step by MJX and by the C engine, and which steps have a servo at its limit."""
    model = mujoco.MjModel.from_xml_string(SERVOS)
    data, steps = mujoco.MjData(model), []
    with mend():
        step = jax.jit(functools.partial(mjx.step, mjx.put_model(model, impl="jax")))
        for number in range(60):
            data.ctrl[:] = 0.3 * np.sin(0.4 * number), np.sin(0.3 * number)
            after = step(mjx.put_data(model, data, impl="jax"))
            mujoco.mj_step(model, data)
            steps.append((after.qvel, data.qvel.copy(), abs(data.actuator_force[1]) >= 0.3))
    return tuple(np.array(each) for each in zip(*steps, strict=True))


def test_a_servo_at_its_limit_damps_in_mjx_as_shipped_alone():
    by_mjx, by_engine, saturated = velocities_of_servos(nullcontext)
    assert 10 < saturated.sum() < 50
    off = np.abs(by_mjx - by_engine).max(axis=1)
    assert (off[saturated] > 1e-3).all()
    assert (off[~saturated] < 1e-12).all()
    by_mjx, by_engine, _ = velocities_of_servos(mjx_internals.saturated_actuators)
    np.testing.assert_allclose(by_mjx, by_engine, rtol=0, atol=1e-12)
