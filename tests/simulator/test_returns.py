"""What an environment of one's own may hand back, and what is refused with one line."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from dynsparse.environments.playground import observation_size
from dynsparse.environments.returns import check_returns
from dynsparse.errors import DynsparseError
from dynsparse.policies.behaviours import random_action

MOTOR = '<motor joint="x"/>'
XML = """<mujoco><worldbody><body><joint name="x" type="slide"/><geom size="1"/></body></worldbody>
<actuator>{}</actuator></mujoco>"""


class Data(NamedTuple):
    qpos: Any
    qvel: Any
    qacc_warmstart: Any


class State(NamedTuple):
    data: Data
    obs: Any
    reward: Any
    done: Any
    metrics: Any


class Slider:
    """A mass that is pushed, without a simulator; ``step`` may hand back anything."""

    action_size = 1

    def __init__(self, actuators=1, **after):
        self.mj_model = mujoco.MjModel.from_xml_string(XML.format(MOTOR * actuators))
        self.after = after
        self.begun = {}

    def reset(self, key):
        start = Data(jax.random.normal(key, (1,)), jnp.zeros(1), jnp.zeros(1))
        state = State(start, {}, jnp.zeros(()), jnp.zeros(()), {})
        return state._replace(**self.begun)

    def step(self, state, action):
        qvel = state.data.qvel + action
        data = Data(state.data.qpos + qvel, qvel, action)
        after = state._replace(data=data, reward=qvel[0])
        return after._replace(**{name: make(data) for name, make in self.after.items()})


def begun(environment, **values):
    environment.begun = values
    return environment


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (Slider(reward=lambda d: d.qvel), r"step: reward has shape \(1,\), a single number"),
        (Slider(done=lambda d: d.qvel > 1), r"step: done has shape \(1,\), a single number"),
        (begun(Slider(), reward=jnp.zeros((1, 1))), r"reset: reward has shape \(1, 1\), a single"),
        (Slider(actuators=2), "its action_size is 1, its model has 2 actuators; each actuator"),
        (
            Slider(metrics=lambda d: {"speed": d.qvel[0]}),
            r"metrics\['speed'\] is not there after reset and of shape \(\) after step",
        ),
        (
            Slider(obs=lambda d: jnp.zeros(3)),
            r"obs is not there after reset and of shape \(3,\) after step",
        ),
    ],
)
def test_refuses_with_one_line_what_cannot_be_stored(environment, reason):
    with pytest.raises(DynsparseError, match=f"^environment 'Slider': {reason}"):
        check_returns("Slider", environment)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (jnp.zeros(()), lambda d: d.qpos[0] > 1),
        (jnp.zeros((), bool), lambda d: (d.qpos[0] > 1).astype(float)),
        (jnp.zeros((), bool), lambda d: d.qpos[0] > 1),
        (jnp.zeros((), int), lambda d: 1.0 * (d.qpos[0] > 1)),
    ],
)
def test_done_may_be_a_number_or_a_truth_value_at_either(cartpole, float64, first, then):
    environment = begun(Slider(done=then), done=first)
    check_returns("Slider", environment)
    dynamics = replace(cartpole, name="Slider", environment=environment)

    def episode(key):
        def step(state, _):
            after = dynamics.advance(state, jnp.full(1, 0.1))
            return after, (after.done > 0, after.data.qpos[0] > 1)

        return jax.lax.scan(step, dynamics.begin_rollout(key), length=20)[1]

    done, far = jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), 3))
    np.testing.assert_array_equal(done, far)
    assert 0 < done.mean() < 1


@pytest.mark.parametrize(
    "seen",
    [{}, {"camera": jnp.zeros((4, 5, 3)), "state": jnp.zeros(2)}, jnp.zeros((4, 5)), (), 0.0],
)
def test_a_policy_needs_a_row_of_numbers(seen):
    with pytest.raises(DynsparseError, match="'Slider': a policy takes observations that are one"):
        observation_size(begun(Slider(), obs=seen), "Slider")
    key = jax.random.key(3)
    assert random_action((-jnp.ones(2), jnp.ones(2)), seen, key).shape == (2,)


def test_the_size_of_a_row_is_its_length():
    assert observation_size(begun(Slider(), obs=jnp.zeros(7)), "Slider") == 7
