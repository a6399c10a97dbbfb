from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from dynsparse.environments import playground_environment
from dynsparse.policies.settings import schedule
from dynsparse.policies.shipped import SHIPPED
from dynsparse.policies.wrappers import RewardedProgress, StaggeredEpisodes


def test_episodes_start_staggered():
    class Environment:
        def reset(self, rng):
            state = type("State", (), {})()
            state.info = {"steps": jnp.zeros(rng.shape[0])}
            return state

    keys = jax.random.split(jax.random.PRNGKey(0), 200)
    steps = StaggeredEpisodes(Environment(), 100).reset(keys).info["steps"]
    assert steps.dtype == jnp.float32
    assert 0 <= steps.min() < 10
    assert 90 < steps.max() < 100


@dataclass(frozen=True)
class State:
    obs: jax.Array
    reward: jax.Array

    replace = replace


class Walk:
    """A point in a plane that an action moves; the observation ends with its speed."""

    def step(self, state, action):
        return State(jnp.concatenate([state.obs[:2] + action, action[:1]]), jnp.float32(0.5))


def test_coming_closer_pays_and_leaving_costs_as_much():
    walk = RewardedProgress(Walk(), first=0, last=1, weight=10.0)
    start = State(jnp.array([3.0, 4.0, 0.0]), jnp.float32(0.0))
    near = walk.step(start, jnp.array([-3.0, 0.0]))
    np.testing.assert_allclose(near.reward, 0.5 + 10 * (5 - 4), rtol=1e-6)
    back = walk.step(near, jnp.array([3.0, 0.0]))
    np.testing.assert_allclose(back.reward, 0.5 - 10 * (5 - 4), rtol=1e-6)


def test_the_swimmers_schedule_names_the_offset_to_its_target():
    environment = playground_environment("SwimmerSwimmer6")
    progress = schedule(SHIPPED / "schedules.yaml", "SwimmerSwimmer6")["progress"]
    state = environment.reset(jax.random.PRNGKey(0))
    offset = state.obs[progress["first"] : progress["last"] + 1]
    np.testing.assert_allclose(offset, environment._nose_to_target(state.data), rtol=1e-6)
