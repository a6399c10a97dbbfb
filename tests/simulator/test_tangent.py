"""Tangent space against MuJoCo's own functions of it."""

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynsparse.jacobians.tangent import (
    position_per_tangent,
    tangent_jacobians,
    tangent_names,
    tangent_per_position,
)

MODEL = mujoco.MjModel.from_xml_string("""
<mujoco>
  <option timestep="0.002" iterations="100" tolerance="1e-12"><flag contact="disable"/></option>
  <worldbody>
    <body name="trunk"><freejoint name="root"/><geom size="0.1 0.2 0.3" type="box"/>
      <body name="arm" pos="0.2 0 0"><joint name="shoulder" type="ball" damping="0.2"/>
        <geom type="capsule" fromto="0 0 0 0.4 0.1 0" size="0.05"/>
        <body name="hand" pos="0.4 0.1 0"><joint name="wrist" axis="0 1 0"/>
          <geom type="box" size="0.1 0.05 0.02" pos="0.1 0 0"/></body></body></body>
  </worldbody>
  <actuator><motor joint="wrist"/></actuator>
</mujoco>""")
numbers = st.integers(0, 2**32 - 1)


def positions(seed, count=5):
    """Random positions with unit quaternions."""
    qpos = np.random.default_rng(seed).normal(size=(count, MODEL.nq))
    for row in qpos:
        mujoco.mj_normalizeQuat(MODEL, row)
    return qpos


@given(numbers)
def test_projecting_undoes_lifting(seed):
    qpos = positions(seed)
    both = tangent_per_position(MODEL, qpos) @ position_per_tangent(MODEL, qpos)
    np.testing.assert_allclose(both, np.broadcast_to(np.eye(MODEL.nv), both.shape), atol=1e-14)


@given(numbers)
def test_lifting_and_projecting_are_derivatives_of_mujocos_functions(seed):
    (qpos,) = positions(seed, 1)
    tangent, width = np.random.default_rng(seed).normal(size=MODEL.nv), 1e-6
    moved = qpos.copy()
    mujoco.mj_integratePos(MODEL, moved, tangent, width)
    back = np.zeros(MODEL.nv)
    mujoco.mj_differentiatePos(MODEL, back, width, qpos, moved)
    # Of first order in the width, and rounding divided by it.
    lifted = position_per_tangent(MODEL, qpos[None])[0] @ tangent
    np.testing.assert_allclose((moved - qpos) / width, lifted, atol=2e-5)
    projected = tangent_per_position(MODEL, qpos[None])[0] @ ((moved - qpos) / width)
    np.testing.assert_allclose(projected, back, atol=2e-5)


def step(state, action):
    data = mujoco.MjData(MODEL)
    data.qpos, data.qvel, data.ctrl = *np.split(state, [MODEL.nq]), action
    mujoco.mj_step(MODEL, data)
    return np.concatenate([data.qpos, data.qvel])


def raw_differences(state, action):
    """Central differences of the raw state, quaternions moved off the unit sphere too."""
    inputs, width = np.concatenate([state, action]), 1e-6
    columns = []
    for k in range(len(inputs)):
        up, down = (inputs + sign * width * (np.arange(len(inputs)) == k) for sign in (1, -1))
        up, down = (step(*np.split(side, [len(state)])) for side in (up, down))
        columns.append((up - down) / (2 * width))
    return np.split(np.stack(columns, axis=1), [len(state)], axis=1)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_mujocos_own_transition_differences(seed):
    (qpos,) = positions(seed, 1)
    state = np.append(qpos, np.random.default_rng(seed).normal(size=MODEL.nv))
    action = np.array([0.3])
    data = mujoco.MjData(MODEL)
    data.qpos, data.qvel, data.ctrl = *np.split(state, [MODEL.nq]), action
    by_state, by_action = np.zeros((2 * MODEL.nv, 2 * MODEL.nv)), np.zeros((2 * MODEL.nv, 1))
    mujoco.mjd_transitionFD(MODEL, data, 1e-6, True, by_state, by_action, None, None)
    raw = [x[None] for x in raw_differences(state, action)]
    ours = tangent_jacobians(MODEL, state[None], step(state, action)[None], *raw)
    # Both are differences: rounding of 1e-16 / 1e-6, times velocities of some hundred.
    np.testing.assert_allclose(ours[0][0], by_state, atol=1e-6)
    np.testing.assert_allclose(ours[1][0], by_action, atol=1e-6)


def test_names_are_those_of_the_velocities():
    names = tangent_names(MODEL)
    assert len(names) == 2 * MODEL.nv
    assert names[0] == "dqpos:root.vx [m]"
    assert names[MODEL.nv - 1] == "dqpos:wrist [rad]"
    assert names[-1] == "qvel:wrist [rad/s]"


def test_a_model_without_orientations_needs_none():
    slide = '<joint name="x" type="slide"/><geom size="1"/>'
    plain = f"<mujoco><worldbody><body>{slide}</body></worldbody></mujoco>"
    assert tangent_names(mujoco.MjModel.from_xml_string(plain)) == ()
