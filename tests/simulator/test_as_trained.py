"""What is recorded of a robot is what Playground's training would see: the same states."""

import jax
import numpy as np
import pytest

from dynsparse import collection
from dynsparse.environments import load, robots
from dynsparse.policies.behaviours import make_behaviour
from dynsparse.precision import precision

STEPS = 40


def trained_on(environment, keys, actions):
    """The states that Playground's wrapper for training goes through, (time, episode, state)."""
    from brax.envs.wrappers.training import VmapWrapper
    from mujoco_playground._src.wrapper import BraxAutoResetWrapper

    wrapped = BraxAutoResetWrapper(VmapWrapper(environment))
    state = jax.jit(jax.vmap(environment.reset))(keys)
    first = {"first_data": state.data, "first_obs": state.obs}
    first |= {"rng": jax.random.split(jax.random.key(0), len(keys))}
    first |= {"done_count": np.zeros(len(keys), int)}
    state.info.update({f"AutoResetWrapper_{name}": value for name, value in first.items()})
    step, seen = jax.jit(wrapped.step), []
    for action in actions:
        before = np.concatenate([state.data.qpos, state.data.qvel], axis=1)
        state = step(state, action)
        seen.append((before, np.asarray(state.done) > 0))
    return tuple(np.stack(values) for values in zip(*seen, strict=True))


@pytest.mark.slow
@pytest.mark.skipif(
    not robots.installed(),
    reason="no robot models here (pip install --require-hashes -r envs/robots.txt)",
)
@pytest.mark.parametrize("name", ["Go1JoystickFlatTerrain", "BarkourJoystick", "PandaPickCube"])
def test_recorded_states_are_those_of_playgrounds_training(name):
    dynamics = load(name)
    with precision("float64"):
        actor = make_behaviour("random", name, 0)
        keys = collection._episode_keys(0, range(2))
        taken = collection._rollouts(dynamics, actor, STEPS)(actor.parameters, keys)
        reset_keys, action_keys = jax.vmap(jax.random.split, out_axes=1)(keys)
        each = jax.vmap(lambda key: jax.random.split(key, STEPS), out_axes=1)(action_keys)
        act = jax.vmap(jax.vmap(lambda key: actor(None, key)))
        state, done = trained_on(dynamics.environment, reset_keys, act(each))
    np.testing.assert_array_equal(np.moveaxis(done, 0, 1), taken["terminated"])
    np.testing.assert_allclose(np.moveaxis(state, 0, 1), taken["state"], rtol=0, atol=1e-12)
